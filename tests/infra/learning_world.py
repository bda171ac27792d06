"""The learning machine run by our interpreter: the real steps in a small world, AWS as fakes."""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.lease import LEASE_KEY
from lookalike.models import SHIPPED, ServingState
from lookalike.stores import MissingObject
from tests.conftest import Context, World
from tests.infra.asl import Execution
from tests.infra.asl_values import Json, StateError

BUCKET = "the-models-bucket"
SERVICE = "arn:aws:states:::"
INVOKE = f"{SERVICE}lambda:invoke"
PROCESS = f"{SERVICE}sagemaker:createProcessingJob.sync"
TRAIN = f"{SERVICE}sagemaker:createTrainingJob.sync"
LIST = f"{SERVICE}s3:listObjectsV2"
WRITE = f"{SERVICE}s3:putObject"
PUBLISH = f"{SERVICE}sns:publish"

Trouble = Callable[[Json], None]


def resolved(properties: Json) -> Json:
    """The synthesised definition, with a text for whatever is known at deployment only."""
    text = properties["DefinitionString"]
    for name, value in properties["DefinitionSubstitutions"].items():
        known = value if isinstance(value, str) else f"the-{name.lower()}"
        text = text.replace(f"${{{name}}}", BUCKET if name == "ModelsBucket" else known)
    assert "${" not in text
    return json.loads(text)


class LearningWorld:
    """Runs the machine. trouble: what happens before a task answers, by step or resource."""

    def __init__(self, world: World, machine: Json) -> None:
        self.world = world
        self.machine = machine
        self.verdict: Json = {"accepted": True, "reason": "Recall rose."}
        self.trouble: dict[str, Trouble] = {}
        self.unlisted: Callable[[int], set[str]] = lambda listing: set()
        self.asked: list[tuple[str, Json]] = []
        self.jobs: list[Json] = []
        self.news: list[Json] = []
        self.written: list[Json] = []
        self.runs: list[Execution] = []
        self.listings = 0
        self.handler = world.handler("learning").lambda_handler
        self.bucket = boto3.client("s3")
        self.bucket.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )

    def run(self, given: Json, name: str = "run-1", **timing: str) -> Json:
        """The output of an execution. Raises StateError where it fails."""
        tasks = {
            INVOKE: self.invoke,
            PROCESS: self.process,
            TRAIN: self.train,
            LIST: self.keys,
            WRITE: self.write,
            PUBLISH: self.publish,
        }
        self.runs.append(Execution(self.machine, tasks, name))
        return self.runs[-1].run(given, **timing)

    def invoke(self, parameters: Json) -> Json:
        """As Lambda: JSON in, JSON out, and an error by the name of its class."""
        assert parameters["FunctionName"] == "the-learningfunction"
        payload = json.loads(json.dumps(parameters["Payload"]))
        self.asked.append((payload["step"], payload))
        self._trouble(payload["step"], payload)
        try:
            answer = self.handler(payload, Context())
        except Exception as error:
            told = {"errorMessage": str(error), "errorType": type(error).__name__}
            raise StateError(type(error).__name__, json.dumps(told)) from error
        return {"StatusCode": 200, "Payload": json.loads(json.dumps(answer))}

    def process(self, parameters: Json) -> Json:
        self.jobs.append(parameters)
        (module,) = parameters["AppSpecification"]["ContainerEntrypoint"][2:]
        self._trouble(module, parameters)
        if module == "training.gate":
            (output,) = parameters["ProcessingOutputConfig"]["Outputs"]
            self._store(f"{output['S3Output']['S3Uri']}/verdict.json", json.dumps(self.verdict))
        return {"ProcessingJobStatus": "Completed"}

    def train(self, parameters: Json) -> Json:
        """The challenger is the encoder that ships, under the name it was to have."""
        self.jobs.append(parameters)
        self._trouble("training.train", parameters)
        place = f"{parameters['OutputDataConfig']['S3OutputPath']}/job/output/model.tar.gz"
        self._store(place, archive(parameters["HyperParameters"]["model"]))
        return {"ModelArtifacts": {"S3ModelArtifacts": place}, "TrainingJobStatus": "Completed"}

    def keys(self, parameters: Json) -> Json:
        self.listings += 1
        self._trouble("list", parameters)
        missing = self.unlisted(self.listings)
        found = [key for key, _ in wiring.image_store().keys() if key not in missing]
        return [{"Key": key, "Etag": '"x"', "Size": 1, "StorageClass": "STANDARD"} for key in found]

    def write(self, parameters: Json) -> Json:
        self.written.append(parameters)
        return {"MapRunArn": "arn:…", "ResultWriterDetails": {"Bucket": parameters["Bucket"]}}

    def publish(self, parameters: Json) -> Json:
        self._trouble("publish", parameters)
        assert parameters["TopicArn"] == "the-topic"
        assert parameters["Subject"].isascii()
        assert len(parameters["Subject"]) <= 100
        self.news.append(parameters)
        return {"MessageId": "1"}

    @property
    def serving(self) -> ServingState:
        return wiring.serving().read()[0]

    @property
    def lease_is_free(self) -> bool:
        try:
            return json.loads(wiring.models().store.get(LEASE_KEY)[0])["execution"] == ""
        except MissingObject:
            return True  # nobody has ever asked for it

    def count(self, step: str) -> int:
        return Counter(asked for asked, _ in self.asked)[step]

    def add_model(self, name: str) -> str:
        """A model that is in the store already, and serves nowhere."""
        folder = self.world.data / f"made-{name}"
        folder.mkdir()
        (folder / ONNX_NAME).write_bytes((SHIPPED / ONNX_NAME).read_bytes())
        (folder / CARD_NAME).write_text(card(name))
        return wiring.models().add(folder).model

    def _trouble(self, what: str, given: Json) -> None:
        if what in self.trouble:
            self.trouble[what](given)

    def _store(self, location: str, data: str | bytes) -> None:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        assert bucket == BUCKET
        assert key.startswith("training/")
        self.bucket.put_object(Bucket=bucket, Key=key, Body=data)


def card(model: str) -> str:
    return replace(ModelCard.read(SHIPPED), model=model).to_json()


def archive(model: str) -> bytes:
    """model.tar.gz as SageMaker packs /opt/ml/model, where training writes a folder `model`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in {
            f"model/{ONNX_NAME}": (SHIPPED / ONNX_NAME).read_bytes(),
            f"model/{CARD_NAME}": card(model).encode(),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def fails(error: str, times: int | None = None, cause: str = "…") -> Trouble:
    """Raise this error so many times, or always."""
    left = [times]

    def trouble(given: Any) -> None:
        if left[0] is None or left[0] > 0:
            left[0] = left[0] if left[0] is None else left[0] - 1
            raise StateError(error, cause)

    return trouble


def edges(machine: Json) -> set[tuple[str, str | None]]:
    """Every way from a state to the next, those of child executions too; None is an end."""
    found: set[tuple[str, str | None]] = set()
    for name, state in machine["States"].items():
        ways = [*state.get("Choices", ()), *state.get("Catch", ()), state]
        found |= {(name, way["Next"]) for way in ways if "Next" in way}
        if "Default" in state:
            found.add((name, state["Default"]))
        if state.get("End") or state["Type"] in ("Succeed", "Fail"):
            found.add((name, None))
        found |= edges(state["ItemProcessor"]) if "ItemProcessor" in state else set()
    return found
