"""A deployment: what its stack says of itself, and AWS's own clients; nothing of our code."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from infra.environment import UnknownEnvironment, environment

from .asking import Reply, fetch
from .parquet import row_of
from .place import Entry

STATE = "serving.json"
CLOCK_SKEW = timedelta(minutes=10)  # between here and S3
MISSING = ("404", "NoSuchKey", "NotFound")


class NotReachable(Exception):
    """There is nothing to ask; the message says why, and what to do."""


class Cloud:
    """The stack Lookalike-<env>, seen with the rights of whoever deployed it."""

    patience = 300.0  # the first picture waits for a container to start
    pause = 1.0
    settling = 10.0  # twice as long as a function goes by an old serving state
    private = False

    def __init__(self, name: str, session: Any) -> None:
        self.name = f"Lookalike-{name}"
        self.session = session
        self.began = datetime.now(UTC)
        self.runs: list[str] = []  # of the learning machine, by ARN
        self._looked: set[tuple[str, str]] = set()
        self.outputs = outputs(session, self.name)
        self.page = self.outputs["PageUrl"]
        self.images = self.outputs["ImageBucket"]
        self.models = self.images.replace("-images-", "-models-", 1)
        self.s3 = session.client("s3")
        self.machines = session.client("stepfunctions")
        self.key = self._key()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "",
        entry: Entry = "reader",
    ) -> Reply:
        url = self.outputs["ApiUrl"] + path
        headers = {"Content-Type": kind} if kind else {}
        if entry == "reader" and self.key:
            headers["x-api-key"] = self.key
        elif entry != "nobody":
            headers |= self._signature(method, url, body, headers)
        return fetch(url, method, body, headers)

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=self.images, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.images, Key=key)

    def has(self, key: str) -> bool:
        try:
            self.s3.head_object(Bucket=self.images, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return False
            raise
        return True

    def purge(self, prefix: str) -> None:
        self._purge(self.images, prefix)

    def logged(self, event_id: str) -> dict[str, Any] | None:
        """Looks once into each file of the days that this run has seen."""
        day = self.began.date()
        while day <= datetime.now(UTC).date():
            for file in self._unread(event_id, f"interactions/dt={day}/"):
                if row := row_of(event_id, file):
                    return row
            day += timedelta(days=1)
        return None

    def serving(self) -> dict[str, str | None]:
        found: dict[str, str | None] = json.loads(self._read(self.models, STATE))
        return found

    def add_model(self, folder: Path) -> None:
        """The card last: a model is there once its card is."""
        version = json.loads((folder / "card.json").read_text())["model"]
        for name in ("model.onnx", "card.json"):
            data = (folder / name).read_bytes()
            self.s3.put_object(Bucket=self.models, Key=f"{version}/{name}", Body=data)

    def begin(self, entry: Literal["promote", "rollback"], model: str = "") -> Callable[[], bool]:
        asked = {"entry": entry, **({"model": model} if model else {})}
        started = self.machines.start_execution(
            stateMachineArn=self.outputs["LearningMachine"], input=json.dumps(asked)
        )
        self.runs.append(started["executionArn"])
        return lambda: self._is_over(started["executionArn"])

    def restore(self, serving: dict[str, str | None], model: str) -> None:
        """One write says who serves; a run that is still under way then gives up by itself."""
        deadline = time.monotonic() + self.patience
        while self._put_back(serving, model) or self._is_running():
            if time.monotonic() > deadline:
                pytest.fail(f"A learning run goes on; look at {self.runs[-1]}.")
            time.sleep(self.pause)
        time.sleep(self.settling)  # until nobody writes to the collection any more
        self._retire()
        self._purge(self.models, f"{model}/")

    def _put_back(self, serving: dict[str, str | None], model: str) -> bool:
        """Whether there was need to. A state without this model is somebody else's, and stays."""
        got = self.s3.get_object(Bucket=self.models, Key=STATE)
        if model not in json.loads(got["Body"].read()).values():
            return False
        body, kind = json.dumps(serving).encode(), "application/json"
        where = {"Bucket": self.models, "Key": STATE, "IfMatch": got["ETag"]}
        with suppress(ClientError):  # it was changed meanwhile: it is looked at again
            self.s3.put_object(Body=body, ContentType=kind, **where)
        return True

    def _retire(self) -> None:
        """The machine's own step, without the rest of it, which would promote something."""
        arn = self.outputs["LearningMachine"]
        definition = json.loads(
            self.machines.describe_state_machine(stateMachineArn=arn)["definition"]
        )
        asked = definition["States"]["Retire"]["Parameters"]
        answer = self.session.client("lambda").invoke(
            FunctionName=asked["FunctionName"], Payload=json.dumps(asked["Payload"]).encode()
        )
        if "FunctionError" in answer:
            pytest.fail(f"The collection is left behind: {answer['Payload'].read()!r}")

    def _key(self) -> str:
        """The value of the API key; "" where readers sign their requests instead."""
        said = fetch(f"{self.page}/config.json")
        if said.status == 200 and not said.json["api_key"]:
            return ""
        gateway = self.session.client("apigateway")
        key_id = self.outputs["ApiKeyId"]
        return str(gateway.get_api_key(apiKey=key_id, includeValue=True)["value"])

    def _signature(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> dict[str, str]:
        request = AWSRequest(method, url, headers, body or b"")
        credentials = self.session.get_credentials()
        SigV4Auth(credentials, "execute-api", self.session.region_name).add_auth(request)
        return dict(request.headers.items())

    def _is_over(self, execution: str) -> bool:
        run = self.machines.describe_execution(executionArn=execution)
        if run["status"] not in ("RUNNING", "SUCCEEDED"):
            said = f"{run.get('error', '')} {run.get('cause', '')}"
            pytest.fail(f"{execution} {run['status']}: {said}")
        return bool(run["status"] == "SUCCEEDED")

    def _is_running(self) -> bool:
        told = (self.machines.describe_execution(executionArn=run) for run in self.runs)
        return any(one["status"] == "RUNNING" for one in told)

    def _unread(self, event_id: str, prefix: str) -> Iterator[bytes]:
        """The files written since this run began in which this event was not looked for yet."""
        bucket = self.outputs["InteractionsBucket"]
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for one in page.get("Contents", []):
                looked = (event_id, one["Key"])
                if one["LastModified"] >= self.began - CLOCK_SKEW and looked not in self._looked:
                    self._looked.add(looked)
                    yield self._read(bucket, one["Key"])

    def _read(self, bucket: str, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def _purge(self, bucket: str, prefix: str) -> None:
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                self.s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


def outputs(session: Any, stack: str) -> dict[str, str]:
    (found,) = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}


def cloud(name: str) -> Cloud:
    """Raises NotReachable."""
    try:
        chosen = environment(name)
        session = boto3.Session(region_name=chosen.region or None)
        return Cloud(name, session)
    except UnknownEnvironment as error:
        raise NotReachable(str(error)) from None
    except ClientError as error:
        raise NotReachable(_why(name, error)) from None
    except (BotoCoreError, OSError) as error:  # no credentials, no region, no network
        raise NotReachable(f"AWS cannot be asked: {error}") from None
    except KeyError as error:
        said = f"The stack Lookalike-{name} has no output {error}; deploy it again."
        raise NotReachable(said) from None


def _why(name: str, error: ClientError) -> str:
    code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "ValidationError" and "does not exist" in said:
        return (
            f"There is no stack Lookalike-{name} in this account and region; deploy it:"
            f" npx aws-cdk deploy -c env={name}"
        )
    return f"AWS refused {error.operation_name}: {code}: {said}"
