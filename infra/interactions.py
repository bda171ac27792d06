"""Interactions: the keys they are believed by, the stream that takes them, the lake they end in."""

import json

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.delivery import Delivery
from infra.environment import Environment
from infra.lake import Lake
from infra.permissions import allow
from infra.storage import Storage

KEY_CHARACTERS = 64  # of letters and digits: 380 bits, above the 256 of the HMAC


class Interactions(Construct):
    """stream_name: of the Firehose stream. signing_location: of the keys that sign answers."""

    def __init__(
        self, scope: Construct, id: str, *, environment: Environment, storage: Storage
    ) -> None:
        super().__init__(scope, id)
        self.lake = Lake(self, "Lake", environment=environment, storage=storage)
        self.delivery = Delivery(
            self, "Delivery", environment=environment, storage=storage, lake=self.lake
        )
        self.stream_name = self.delivery.stream.delivery_stream_name
        self.signing = self._signing(environment)

    @property
    def signing_location(self) -> str:
        return f"secret://{self.signing.secret_arn}"

    def let_write(self, who: iam.IGrantable) -> None:
        """Append interactions."""
        allow(who, ["firehose:PutRecordBatch"], self.delivery.stream.attr_arn)

    def let_verify(self, who: iam.IGrantable) -> None:
        """Read the keys that answers are signed with."""
        allow(who, ["secretsmanager:GetSecretValue"], self.signing.secret_arn)

    def _signing(self, environment: Environment) -> secretsmanager.Secret:
        """CloudFormation makes the first key, and leaves alone what people make of it.

        But a change to anything in generate_secret_string makes it write a new secret over all
        keys, and every answer that is out there loses its name.
        """
        return secretsmanager.Secret(
            self,
            "Signing",
            secret_name=f"lookalike/{environment.name}/signing",
            description=f"Lookalike {environment.name}: the keys that sign answers, by id.",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"current": "k1"}),
                generate_string_key="k1",
                password_length=KEY_CHARACTERS,
                exclude_punctuation=True,
            ),
            removal_policy=(
                cdk.RemovalPolicy.RETAIN if environment.protected else cdk.RemovalPolicy.DESTROY
            ),
        )
