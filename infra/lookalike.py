"""The system on one page: what exists, and who may touch what."""

import json

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import permissions
from infra.api import Api
from infra.embed import Embed
from infra.environment import Environment
from infra.functions import Functions
from infra.interactions import Interactions
from infra.learning import Learning
from infra.page import Page
from infra.storage import Storage, bucket_name
from infra.watching import Watching

LEASE = "learning/lease.json"  # the key of lookalike.lease


class Lookalike(cdk.Stack):
    """Pictures in, look-alikes out, and what people click teaches the encoder."""

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, **options: object
    ) -> None:
        super().__init__(scope, id, **options)
        self.chosen = environment
        self.storage = Storage(self, "Storage", environment=environment)
        self.interactions = Interactions(
            self, "Interactions", environment=environment, storage=self.storage
        )
        self.api = Api(self, "Api", environment=environment)
        self.page = Page(self, "Page", environment=environment, storage=self.storage, api=self.api)
        self.functions = Functions(self, "Functions", environment=environment)
        self.embed = Embed(
            self,
            "Embed",
            environment=environment,
            storage=self.storage,
            settings=self.settings(writes=True),
        )
        self.api.serve(
            search=self._search(),
            catalogue=self._catalogue(),
            interactions=self._interactions(),
            metrics=self._metrics(),
        )
        self._begin()
        self.learning = Learning(
            self,
            "Learning",
            environment=environment,
            storage=self.storage,
            function=self._learning(),
        )
        self.watching = Watching(self, "Watching", stack=self)
        self._outputs()

    def settings(self, *, writes: bool = False) -> dict[str, str]:
        """What every function that works on the catalogue is told."""
        qdrant = self.chosen.qdrant
        secret = qdrant.secret if writes else self.reading_secret
        return {
            **{
                what: f"s3://{bucket_name(self.chosen, what)}"
                for what in ("images", "derived", "models")
            },
            "qdrant": f"secret://{secret}",
            "collection_prefix": f"{self.chosen.name}-images-",
            "index_quantisation": qdrant.quantisation,
            "index_on_disk": str(qdrant.on_disk).lower(),
            "index_shards": str(qdrant.shards),
            "index_replicas": str(qdrant.replicas),
            "thumbnails_url": f"{self.page.url}/thumbnails",
            "cors_origins": json.dumps(self.chosen.api.origins),
            "moderation": self.chosen.ingest.moderation,
        }

    @property
    def reading_secret(self) -> str:
        """The name of the secret for functions that only ask the index."""
        return self.chosen.qdrant.read_secret or self.chosen.qdrant.secret

    def _search(self) -> lambda_.Alias:
        search = self.chosen.search
        function = self.functions.add(
            "search",
            {
                **self.settings(),
                "signing_keys": self.interactions.signing_location,
                "exploration": str(search.exploration),
            },
            memory_mb=search.memory_mb,
            snapstart=search.snapstart,
            reserved_concurrency=search.reserved_concurrency,
        )
        permissions.read(function, self.storage.images)
        permissions.read_models(function, self.storage.models)
        permissions.read_secret(function, self.reading_secret)
        self.interactions.let_verify(function)
        return self.functions.release("search")

    def _catalogue(self) -> lambda_.Alias:
        function = self.functions.add("catalogue", self.settings())
        images = self.storage.images
        permissions.read(function, images)
        for keys in ("*.metadata.json", "uploads/*"):  # sidecars; what it lets others upload
            permissions.write(function, images, keys)
        permissions.delete(function, images)
        permissions.read(function, self.storage.derived, "rejects/*")
        permissions.read(function, self.storage.models, "serving.json")
        permissions.read_secret(function, self.reading_secret)
        return self.functions.release("catalogue")

    def _interactions(self) -> lambda_.Alias:
        settings = {
            "interactions": f"firehose://{self.interactions.stream_name}",
            "signing_keys": self.interactions.signing_location,
            "cors_origins": json.dumps(self.chosen.api.origins),
        }
        function = self.functions.add("interactions", settings)
        self.interactions.let_write(function)
        self.interactions.let_verify(function)
        return self.functions.release("interactions")

    def _metrics(self) -> lambda_.Alias:
        """Seldom asked: its alarm would be the eleventh, which costs, where nobody is told."""
        settings = {**self.settings(), "reports": self.interactions.lake.location}
        function = self.functions.add("metrics", settings)
        self.interactions.lake.let_ask(function)
        permissions.read(function, self.storage.models, "serving.json")
        permissions.read_secret(function, self.reading_secret)
        return self.functions.release("metrics", alarmed=bool(self.chosen.watching.email))

    def _learning(self) -> lambda_.Function:
        function = self.functions.add(
            "learning", self.settings(writes=True), memory_mb=3008, timeout_seconds=900
        )
        permissions.follow(function, self.chosen, self.storage)
        permissions.write_models(function, self.storage.models)
        permissions.read(function, self.storage.models, "training/*")  # what the jobs left
        permissions.read(function, self.storage.models, LEASE)
        permissions.write(function, self.storage.models, LEASE)
        return function

    def _begin(self) -> None:
        """The shipped encoder serves from the first deployment on, or the deployment fails."""
        function = self.functions.add(
            "deployment", self.settings(writes=True), memory_mb=1024, timeout_seconds=300
        )
        permissions.read_models(function, self.storage.models)
        permissions.write_models(function, self.storage.models)
        permissions.read_secret(function, self.chosen.qdrant.secret)
        begun = cdk.CustomResource(
            self,
            "Begin",
            service_token=function.function_arn,
            resource_type="Custom::LookalikeBegin",
            properties={
                "OnDelete": "keep" if self.chosen.protected else "drop",
                "Code": function.current_version.version,  # another version begins anew
            },
        )
        begun.node.add_dependency(function.role)

    def _outputs(self) -> None:
        for name, value in {
            "ApiUrl": self.api.url,
            "PageUrl": self.page.url,
            "ApiKeyId": self.api.key_id,
            "ImageBucket": self.storage.images.bucket_name,
            "InteractionsBucket": self.storage.interactions.bucket_name,
            "DeadLetterQueue": self.embed.dead_letters.queue_url,
            "ChangesQueue": self.embed.queue.queue_url,
            "LearningMachine": self.learning.machine.attr_arn,
        }.items():
            cdk.CfnOutput(self, name, value=value)
