"""The API and the page alone, of any environment: much faster than the whole stack."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from infra.api import Api
from infra.app import FLAGS
from infra.environment import Environment, environment
from infra.page import Page
from infra.storage import Storage

Resources = dict[str, dict[str, Any]]

ORIGINS = ("https://shop.example.com", "https://app.example.org")
# Everything on that an environment can turn on.
FULL = environment("prod").model_copy(
    update={
        "api": environment("prod").api.model_copy(
            update={
                "origins": ORIGINS,
                "domain": "api.example.com",
                "certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/api",
            }
        ),
        "page": environment("prod").page.model_copy(
            update={
                "domain": "look.example.com",
                "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/page",
            }
        ),
    }
)
OPEN = environment("dev")


class Front:
    """A template, and the files that are published with it."""

    def __init__(self, folder: Path) -> None:
        self.template: dict[str, Any] = json.loads((folder / "Front.template.json").read_text())
        self.resources: Resources = self.template["Resources"]
        (self.publishing,) = (
            one["Properties"]
            for one in self.resources.values()
            if one["Type"] == "Custom::CDKBucketDeployment"
        )
        self.published = {
            file.name: file.read_bytes()
            for key in self.publishing["SourceObjectKeys"]
            for file in (folder / f"asset.{key.removesuffix('.zip')}").iterdir()
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Properties of the resources of a kind: "ApiGateway::Method"."""
        return [one["Properties"] for one in self.whole(kind).values()]

    def whole(self, kind: str) -> Resources:
        wanted = f"AWS::{kind}"
        return {name: one for name, one in self.resources.items() if one["Type"] == wanted}

    def only(self, kind: str) -> dict[str, Any]:
        (found,) = self.of(kind)
        return found

    def routes(self) -> dict[tuple[str, str], dict[str, Any]]:
        """By method and path."""
        found = {}
        for method in self.of("ApiGateway::Method"):
            found[method["HttpMethod"], self._path(method["ResourceId"])] = method
        return found

    def _path(self, resource: dict[str, Any]) -> str:
        if "Ref" not in resource:
            return ""
        properties = self.resources[resource["Ref"]]["Properties"]
        return f"{self._path(properties['ParentId'])}/{properties['PathPart']}"


def front(chosen: Environment) -> Front:
    return _made(chosen.model_dump_json())


@cache
def _made(serialised: str) -> Front:
    with TemporaryDirectory() as folder:
        _synthesise(Environment.model_validate_json(serialised), folder)
        return Front(Path(folder))


def _synthesise(chosen: Environment, folder: str) -> None:
    app = cdk.App(context=json.loads(FLAGS.read_text())["context"], outdir=folder)
    stack = cdk.Stack(app, "Front")
    storage = Storage(stack, "Storage", environment=chosen)
    api = Api(stack, "Api", environment=chosen)
    page = Page(stack, "Page", environment=chosen, storage=storage, api=api)

    def alias(name: str) -> lambda_.Alias:
        function = lambda_.Function(
            stack,
            name,
            function_name=name,
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(event, context): ..."),
            environment={"PAGE": page.url},
        )
        return lambda_.Alias(
            stack, f"{name}Live", alias_name="live", version=function.current_version
        )

    api.serve(**{name: alias(name) for name in ("search", "catalogue", "interactions", "metrics")})
    app.synth()


def changed(chosen: Environment, **api: object) -> Environment:
    """With other values in its table `api`."""
    return chosen.model_copy(update={"api": chosen.api.model_copy(update=api)})


def text(value: Any) -> str:
    """A string of a template, with `${Name}` for what is known at deployment only."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return "${" + value["Ref"] + "}"
    if "Fn::GetAtt" in value:
        return "${" + ".".join(value["Fn::GetAtt"]) + "}"
    separator, parts = value["Fn::Join"]
    return separator.join(text(part) for part in parts)
