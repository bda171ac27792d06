"""A deployment in one process: moto for AWS, the real functions, and fakes of what moto is not.

Faithful: stack outputs, buckets, S3's messages through SQS, signatures of requests, Parquet files.
Not imitated: CloudFront's and S3's own refusals, Firehose, the state machine (its steps are real).
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

import duckdb
import pytest

from lookalike import wiring
from lookalike.interaction_log import COLUMNS
from tests.conftest import Context, World
from tests.infra.aws_here import ENDPOINT, REGION, S3, Aws, aws
from tests.infra.gateway import Gateway, served

ACCOUNT = "123456789012"
STACK = "Lookalike-dev"
BUCKETS = ("images", "derived", "models", "interactions")
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:lookalike-dev-learning"
FUNCTIONS = ("embed", "search", "catalogue", "interactions", "metrics", "learning")
DEFINITION = Path(__file__).parents[2] / "infra/learning.asl.json"
DUCKDB = {"string": "VARCHAR", "int": "INTEGER", "double": "DOUBLE", "timestamp": "TIMESTAMP"}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
KEY = "the-key-of-this-deployment"
POLL_SECONDS = 0.1


def bucket(what: str) -> str:
    return f"lookalike-dev-{what}-{ACCOUNT}-{REGION}"


class SmallCloud:
    """`environ` is what the shell of whoever deployed it says."""

    def __init__(self, on: Aws, folder: Path) -> None:
        self.aws = on
        self.s3, self.queue = on.client("s3"), on.client("sqs")
        self.folder = folder
        self.environ: dict[str, str] = {}
        self.handlers: dict[str, Any] = {}
        self.busy = threading.Lock()  # Powertools keeps a request in class attributes
        self.stopped = threading.Event()
        self.threads: list[threading.Thread] = []
        self.runs: dict[str, dict[str, str]] = {}
        self.known: set[str] = set()

    def begin(self) -> None:
        """What a deployment does: buckets, their messages, the first model, the functions."""
        for what in BUCKETS:
            where = {"LocationConstraint": REGION}
            self.s3.create_bucket(Bucket=bucket(what), CreateBucketConfiguration=where)
            self.s3.put_bucket_versioning(
                Bucket=bucket(what), VersioningConfiguration={"Status": "Enabled"}
            )
        asked = {"QueueUrl": self.aws.queue, "AttributeNames": ["QueueArn"]}
        arn = self.queue.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
        told = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
        self.s3.put_bucket_notification_configuration(
            Bucket=bucket("images"), NotificationConfiguration={"QueueConfigurations": [told]}
        )
        wiring.forget()
        wiring.deployment().prepare()
        (self.folder / "world").mkdir()
        world = World(self.folder / "world")
        self.handlers = {name: world.handler(name).lambda_handler for name in FUNCTIONS}
        self.threads = [
            threading.Thread(target=self.repeat, args=(work,))
            for work in (self.embed, self.deliver)
        ]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        wiring.index().close()

    def call(self, name: str, event: Any, context: Any = None) -> Any:
        with self.busy:
            return self.handlers[name](event, context or Context())

    def repeat(self, work: Callable[[], None]) -> None:
        while not self.stopped.wait(POLL_SECONDS):
            work()

    def left(self, what: str) -> set[str]:
        """The keys of a bucket of which any version is there."""
        listed = self.s3.list_object_versions(Bucket=bucket(what))
        return {
            one["Key"] for kind in ("Versions", "DeleteMarkers") for one in listed.get(kind, [])
        }

    def embed(self) -> None:
        """What fails comes again. moto says that a key is made; that one is gone, we see."""
        keys = {key for key, _ in wiring.image_store().keys()}
        for key in self.known - keys:
            gone = {"eventName": "ObjectRemoved:Delete", "s3": {"object": {"key": quote_plus(key)}}}
            body = json.dumps({"Records": [gone]})
            self.queue.send_message(QueueUrl=self.aws.queue, MessageBody=body)
        self.known = keys
        got = self.queue.receive_message(
            QueueUrl=self.aws.queue, MaxNumberOfMessages=10, VisibilityTimeout=1
        )
        for message in got.get("Messages", []):
            record = {"messageId": str(uuid4()), "body": message["Body"], "eventSource": "aws:sqs"}
            if not self.call("embed", {"Records": [record]})["batchItemFailures"]:
                self.queue.delete_message(
                    QueueUrl=self.aws.queue, ReceiptHandle=message["ReceiptHandle"]
                )

    def deliver(self) -> None:
        """Firehose's part: rows to Parquet, in the types that the table says, by day."""
        types = {name: DUCKDB[kind] for name, kind in COLUMNS.items()}
        for file in (self.folder / "interactions").glob("dt=*/*.jsonl"):
            taken, parquet = file.with_suffix(".taken"), file.with_suffix(".parquet")
            with self.busy:  # not while a function reads it
                file.rename(taken)
            duckdb.execute(
                f"COPY (SELECT * FROM read_json('{taken}', format='newline_delimited', "
                f"columns={types})) TO '{parquet}' (FORMAT parquet)"
            )
            key = f"interactions/{file.parent.name}/{uuid4()}.parquet"
            self.s3.put_object(Bucket=bucket("interactions"), Key=key, Body=parquet.read_bytes())

    def states(self, action: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """AWS Step Functions, as far as it is asked."""
        if action == "DescribeStateMachine":
            definition = DEFINITION.read_text(encoding="utf-8").replace(
                "${LearningFunction}", "learning"
            )
            return {"definition": definition}
        if action == "DescribeExecution":
            return self.runs[asked["executionArn"]]
        arn = f"{asked['stateMachineArn']}:{uuid4()}"
        self.runs[arn] = {"status": "RUNNING"}
        given = json.loads(asked["input"])
        self.threads.append(threading.Thread(target=self._run, args=(arn, given)))
        self.threads[-1].start()
        return {"executionArn": arn, "startDate": time.time()}

    def _run(self, arn: str, given: dict[str, Any]) -> None:
        try:
            self._learn(arn, given)
        except Exception as error:
            self.runs[arn] = {
                "status": "FAILED",
                "error": type(error).__name__,
                "cause": str(error),
            }
        else:
            self.runs[arn] = {"status": "SUCCEEDED"}

    def _learn(self, arn: str, given: dict[str, Any]) -> None:
        moment = datetime.now(UTC).isoformat()
        begin = {"step": "start", **given, "execution": arn, "started_at": moment}
        model = self.call("learning", begin)["model"]
        if given["entry"] == "rollback":
            self.call("learning", {"step": "rollback", "model": model})
            return
        self.call("learning", {"step": "nominate", "model": model})
        for key, _ in wiring.image_store().keys():
            fill = {"step": "fill", "Items": [{"Key": key}], "BatchInput": {"model": model}}
            self.call("learning", fill)
        for step in ("verify", "switch", "retire"):
            self.call("learning", {"step": step, "model": model})
        self.call("learning", {"step": "finish", "execution": arn})


@contextmanager
def small_cloud(folder: Path) -> Iterator[SmallCloud]:
    patch = pytest.MonkeyPatch()
    with aws({"url": "http://127.0.0.1:9", "api_key": ""}) as on:
        made = SmallCloud(on, folder)
        with served(Gateway(made.call, made.states, KEY, CREDENTIALS, REGION)) as url:
            made.environ = _environ(on, url)
            for name, value in {**made.environ, **_settings(folder, url)}.items():
                patch.setenv(name, value)
            _publish(on, url)
            made.begin()
            try:
                yield made
            finally:
                made.end()
                patch.undo()
                wiring.forget()


def _environ(on: Aws, url: str) -> dict[str, str]:
    return {
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "http_proxy": on.proxy,
        "no_proxy": "127.0.0.1",
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_ENDPOINT_URL_S3": S3,
        "AWS_ENDPOINT_URL_SFN": url,
        "AWS_ENDPOINT_URL_LAMBDA": url,
    }


def _settings(folder: Path, url: str) -> dict[str, str]:
    """What the stack gives the functions; the index is a folder."""
    stores = ("images", "derived", "models")
    return {
        **{f"LOOKALIKE_{what.upper()}": f"s3://{bucket(what)}" for what in stores},
        "LOOKALIKE_MODEL_CACHE": str(folder / "cache"),
        "LOOKALIKE_QDRANT": str(folder / "index"),
        "LOOKALIKE_SIGNING_KEYS": str(folder / "signing.json"),
        "LOOKALIKE_INTERACTIONS": str(folder / "interactions"),  # and reports: no Athena answers
        "LOOKALIKE_IMAGES_URL": "",
        "LOOKALIKE_THUMBNAILS_URL": f"{url}/thumbnails",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "POWERTOOLS_SERVICE_NAME": "lookalike",
    }


def _publish(on: Aws, url: str) -> None:
    """The stack, as far as anybody outside sees it: its outputs."""
    key = on.client("apigateway").create_api_key(name="dev", value=KEY, enabled=True)
    outputs = {
        "ApiUrl": f"{url}/live",
        "PageUrl": url,
        "ApiKeyId": key["id"],
        "ImageBucket": bucket("images"),
        "InteractionsBucket": bucket("interactions"),
        "LearningMachine": MACHINE,
    }
    template = {
        "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    on.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(template))
