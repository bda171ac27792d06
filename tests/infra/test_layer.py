"""The layer and the functions on it, run from the very folders that would be uploaded."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from infra import bundling
from infra.bundling import function, layer
from infra.packages import LAMBDA
from lookalike.catalogue import image_id_of
from tests.conftest import KEY, event, jpeg
from tests.infra.deployed import HERE, Deployed, deployed, show, start_and_then
from tests.infra.runtime_api import Sandbox, runtime

# Without TLS to a server on this machine, the client warns that its key can be read.
pytestmark = pytest.mark.filterwarnings("ignore:Auth token provider is used with an insecure")

Capture = pytest.CaptureFixture[str]

FUNCTIONS = sorted(handler.parent.name for handler in bundling.FUNCTIONS.glob("*/handler.py"))
ZIPS = [name for name in FUNCTIONS if name != "embed"]

AARCH64 = 183  # e_machine of an ELF file
# What markers are evaluated against on Lambda.
ON_LAMBDA = {
    "python_version": LAMBDA.python,
    "python_full_version": f"{LAMBDA.python}.0",
    "platform_machine": LAMBDA.platform,
    "platform_system": "Linux",
    "sys_platform": "linux",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}

IMPORT_ALL = """
import importlib, pkgutil, sys
import lookalike
here = [module.name for module in pkgutil.walk_packages(lookalike.__path__, "lookalike.")]
for name in here:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "qdrant_edge":  # the engine of the laptop
            raise
print(len(here), importlib.import_module("numpy").__file__)
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed(tmp_path, monkeypatch) as made:
        yield made


def request(name: str, **changes: Any) -> dict[str, Any]:
    return {**event(name), **changes}


def similar(key: str) -> dict[str, Any]:
    image_id = image_id_of(key)
    asked = request("similar_images", pathParameters={"image_id": image_id})
    asked["path"] = asked["path"].rpartition("/images/")[0] + f"/images/{image_id}/similar"
    return asked


def test_the_layer_and_the_largest_function_are_within_lambdas_limit(capsys: Capture) -> None:
    uploaded = layer()

    functions = {name: bundling.size(function(name)) for name in ZIPS}

    together = bundling.size(uploaded) + max(functions.values())
    sizes = ", ".join(f"{name} {size / 1000:.0f} kB" for name, size in functions.items())
    show(capsys, f"layer {bundling.size(uploaded) / bundling.MEBIBYTE:.1f} of 250 MiB; {sizes}")
    assert together < bundling.UNPACKED_LIMIT


def test_every_compiled_library_of_the_layer_is_for_lambdas_processor() -> None:
    libraries = [file for file in layer().rglob("*") if re.search(r"\.so(\.|$)", file.name)]

    machines = {file.name: int.from_bytes(file.read_bytes()[18:20], "little") for file in libraries}

    assert len(machines) > 20
    assert {name for name, machine in machines.items() if machine != AARCH64} == set()


def test_every_package_of_the_layer_finds_what_it_asks_for_on_lambda() -> None:
    found, asked = {}, []
    for metadata in (layer() / "python").glob("*.dist-info/METADATA"):
        headers = Parser().parsestr(metadata.read_text())
        found[re.sub(r"[-_.]+", "-", headers["Name"]).lower()] = headers["Version"]
        asked += [Requirement(text) for text in headers.get_all("Requires-Dist", [])]

    missing = [
        str(one)
        for one in asked
        if (one.marker is None or one.marker.evaluate({**ON_LAMBDA, "extra": ""}))
        and not one.specifier.contains(found.get(re.sub(r"[-_.]+", "-", one.name).lower(), "0"))
    ]

    assert len(found) > 20
    assert missing == []


def test_the_layer_holds_what_the_package_reads_beside_its_code() -> None:
    packaged = layer() / "python/lookalike"

    files = {
        file.relative_to(bundling.PACKAGE)
        for file in bundling.PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert Path("default_encoder/model.onnx") in files
    assert {file for file in files if not (packaged / file).is_file()} == set()


def test_every_module_of_the_package_imports_from_the_layer_alone(tmp_path: Path) -> None:
    python = getattr(sys, "_base_executable", sys.executable)
    uploaded = layer(HERE) / "python"
    environ = {"PYTHONPATH": str(uploaded), "PATH": os.environ["PATH"]}

    ran = subprocess.run(
        [python, "-S", "-s", "-c", IMPORT_ALL],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
    assert str(uploaded) in ran.stdout


@pytest.mark.parametrize("name", ZIPS)
def test_a_function_starts_on_the_layer_alone(world: Deployed, name: str) -> None:
    with world.zip(name) as sandbox:
        kind, told = sandbox.start()

    assert kind == "ready", f"{told}\n{sandbox.log}"


def test_the_layers_search_finds_what_is_alike(world: Deployed, capsys: Capture) -> None:
    for name in ("red", "tomato", "blue"):
        world.drop(f"{name}.jpg", jpeg(name))

    with world.zip("search") as sandbox:
        first = sandbox.invoke(similar("red.jpg"))
        body = json.loads(first.answer["body"])
        warm = [sandbox.invoke(similar("red.jpg")).milliseconds for _ in range(20)]

    show(capsys, start_and_then("search", first, warm))
    assert [one["key"] for one in body["results"]] == ["tomato.jpg", "blue.jpg"]
    assert sandbox.starts == 1


def test_the_layers_search_reads_an_uploaded_picture(world: Deployed) -> None:
    world.drop("red.jpg", jpeg("red"))

    with world.zip("search") as sandbox:
        answer = sandbox.invoke(request("search_with_bytes")).answer

    assert answer["statusCode"] == 200, answer["body"]
    assert json.loads(answer["body"])["results"]


def test_the_layers_catalogue_lists_what_there_is(world: Deployed, capsys: Capture) -> None:
    world.drop(KEY, jpeg())

    with world.zip("catalogue") as sandbox:
        listed = sandbox.invoke(request("list_images", queryStringParameters=None))
        health = sandbox.invoke(event("health")).answer

    show(capsys, start_and_then("catalogue", listed, []))
    assert [one["key"] for one in json.loads(listed.answer["body"])["images"]] == [KEY]
    assert health["statusCode"] == 200


def test_the_layers_search_answers_after_a_snapshot_is_restored(world: Deployed) -> None:
    with world.zip("search", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as sandbox:
        answer = sandbox.invoke(event("similar_images")).answer

    assert answer["statusCode"] == 404
    assert sandbox.restored == 1


def test_a_function_writes_nothing_beside_its_code(world: Deployed) -> None:
    with world.zip("search") as sandbox:
        before = {file for folder in sandbox.code for file in folder.rglob("*")}
        sandbox.invoke(event("similar_images"))

    assert {file for folder in sandbox.code for file in folder.rglob("*")} == before


def test_what_a_handler_raises_is_told_and_the_next_event_is_answered(world: Deployed) -> None:
    with world.zip("search") as sandbox:
        failed = sandbox.invoke({"no": "request"})
        after = sandbox.invoke(request("similar_images"))

    assert failed.kind == "error"
    assert failed.body["errorType"]
    assert after.answer["statusCode"] == 404
    assert sandbox.starts == 1


def test_a_function_that_cannot_start_says_why(world: Deployed) -> None:
    with world.zip("search", LOOKALIKE_INDEX_SHARDS="many") as sandbox:
        outcome = sandbox.invoke(event("similar_images"))

    assert outcome.kind == "init_error"
    assert "index_shards" in outcome.body["errorMessage"]


SLOW = """
import time

def lambda_handler(event, context):
    time.sleep(event["seconds"])
    return {"left": context.get_remaining_time_in_millis()}
"""


def test_a_function_that_misses_its_deadline_is_killed_and_starts_anew(
    tmp_path: Path,
) -> None:
    client = runtime(tmp_path / "runtime")
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/slow.py").write_text(SLOW)

    with Sandbox("functions.slow.lambda_handler", tmp_path, client, timeout=1) as sandbox:
        outcomes = [sandbox.invoke({"seconds": seconds}) for seconds in (0, 30, 0.2)]

    assert [one.kind for one in outcomes] == ["response", "timeout", "response"]
    assert "timed out after 1.00 seconds" in outcomes[1].body["errorMessage"]
    assert outcomes[2].answer["left"] < 900
    assert sandbox.starts == 2
