"""The stack of each environment, synthesised once for all tests."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from infra import bundling
from infra.app import app
from infra.environment import environment, environments

NAMES = environments()


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Where an environment's cloud assembly lies. The layer itself is another test's matter."""
    layer = tmp_path_factory.mktemp("layer")
    (layer / "python").mkdir()
    (layer / "python/stands_for_the_layer.txt").write_text("see test_layer.py")

    @cache
    def made(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        return Path(app(environment(name), outdir=str(folder), checked=False).synth().directory)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundling, "layer", lambda: layer)
        yield made


@pytest.fixture(scope="session")
def resources(assembly: Callable[[str], Path]) -> Callable[[str], dict[str, Any]]:
    """The resources of an environment's template, by logical id."""

    def found(name: str) -> dict[str, Any]:
        file = assembly(name) / f"Lookalike-{name}.template.json"
        loaded: dict[str, Any] = json.loads(file.read_text())["Resources"]
        return loaded

    return found


@pytest.fixture(scope="session")
def template_of(assembly: Callable[[str], Path]) -> Callable[[str], Template]:
    """An environment's template, for the matchers of CDK's assertions."""

    @cache
    def read(name: str) -> Template:
        file = assembly(name) / f"Lookalike-{name}.template.json"
        return Template.from_json(json.loads(file.read_text()))

    return read


@pytest.fixture(params=NAMES)
def template(request: pytest.FixtureRequest, template_of: Callable[[str], Template]) -> Template:
    """Each environment's template in turn."""
    return template_of(request.param)
