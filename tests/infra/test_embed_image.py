"""The image of the embed function, as far as it can be proven without Docker.

Every step of functions/embed/Dockerfile is done as written in folders that stand for its two
stages, with this machine's Python, and the function is run from what the second stage holds. The
lock has hashes for Linux with the Pythons that CI uses; on any other machine the versions are
installed without them.

Not proven: that the base image can be had and has what pip needs; that the wheels for arm64 work
(test_layer.py reads their headers, and their hashes are checked when the layer is built); that
Lambda accepts the image.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from infra import bundling, packages
from infra.packages import Target
from lookalike import wiring
from lookalike.catalogue import image_id_of
from tests.conftest import KEY, event, jpeg
from tests.infra.deployed import Deployed, deployed, show, start_and_then

pytestmark = pytest.mark.filterwarnings("ignore:Auth token provider is used with an insecure")

DOCKERFILE = bundling.ROOT / bundling.IMAGE_FILE
TASK_ROOT = "/var/task"  # what Lambda's base images say LAMBDA_TASK_ROOT is


class Step(NamedTuple):
    instruction: str
    rest: str


def steps() -> list[Step]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [Step(*line.split(maxsplit=1)) for line in lines if line.strip()]


class Building:
    """The stages of the image: each a folder that stands for its root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stages: dict[str, Path] = {}
        self.command: list[str] = []
        self.user = "root"
        shell = folder / "bin"
        shell.mkdir(parents=True)
        (shell / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (shell / "python").chmod(0o755)

    @property
    def root(self) -> Path:
        return list(self.stages.values())[-1]

    def do(self, step: Step) -> None:
        """An instruction that is not known here is an error."""
        match step.instruction:
            case "ARG":
                assert step.rest.startswith("BASE=")
            case "FROM":
                base, *named = step.rest.split(" AS ")
                assert base == "${BASE}"
                name = named[0] if named else "final"
                self.stages[name] = self.folder / name
            case "COPY":
                self.copy(*step.rest.split())
            case "RUN":
                self.run(step.rest)
            case "USER":
                self.user = step.rest
            case "CMD":
                self.command = json.loads(step.rest)
            case _:
                raise AssertionError(f"{step.instruction} is not understood by this test")

    def copy(self, *words: str) -> None:
        source, target = words[-2:]
        origin = bundling.ROOT
        if words[0].startswith("--from="):
            origin = self.stages[words[0].removeprefix("--from=")]
        target = target.replace("${LAMBDA_TASK_ROOT}", TASK_ROOT)
        into = self.root / target.lstrip("/")
        for found in sorted(origin.glob(source.lstrip("/"))):
            if found.is_dir():
                skip = shutil.ignore_patterns("__pycache__") if origin == bundling.ROOT else None
                shutil.copytree(found, into, dirs_exist_ok=True, ignore=skip)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, into)

    def run(self, command: str) -> None:
        words = r"(python -m (pip install|compileall)|chmod -R a\+rX) [^;&|]+"
        parts = [part.strip() for part in command.split("&&")]
        ours = all(re.fullmatch(words, part) for part in parts)
        assert ours, f"this machine would be changed by: {command}"
        for path in re.findall(r"(?<=\s)/\S+", command):
            assert path.startswith("/build/"), f"this machine would be changed at {path}"
        if not packages.is_locked(Target.here()):
            locked = self.root / "build/requirements.lock"
            locked.write_text(packages.requirements(Target.here()))
            command = command.replace("--require-hashes", "")
        here = re.sub(r"(?<=\s)/build/", f"{self.root}/build/", command)
        environ = {**os.environ, "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin"}
        environ.pop("PYTHONPATH", None)
        ran = subprocess.run(["sh", "-c", here], env=environ, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Building:
    """The Dockerfile, done."""
    building = Building(tmp_path_factory.mktemp("image"))
    for step in steps():
        building.do(step)
    return building


@pytest.fixture(scope="module")
def task(image: Building) -> Path:
    return image.stages["final"] / TASK_ROOT.lstrip("/")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed(tmp_path, monkeypatch) as made:
        yield made


def test_the_image_indexes_a_created_picture(
    image: Building, task: Path, world: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write(KEY, jpeg())

    with world.image(image.command, task) as sandbox:
        first = sandbox.invoke(event("image_created"))
        indexed = wiring.index().get(world.model, image_id_of(KEY))
        warm = [sandbox.invoke(event("image_created")).milliseconds for _ in range(20)]

    show(capsys, start_and_then("embed", first, warm) + " for an unchanged picture")
    assert first.answer == {"batchItemFailures": []}
    assert indexed is not None
    assert indexed.key == KEY


@pytest.mark.parametrize("name", ["image_removed", "image_expired"])
def test_the_image_removes_a_picture_that_is_gone(
    image: Building, task: Path, world: Deployed, name: str
) -> None:
    world.drop(KEY, jpeg())
    (world.pictures / KEY).unlink()

    with world.image(image.command, task) as sandbox:
        answer = sandbox.invoke(event(name)).answer

    assert answer == {"batchItemFailures": []}
    assert wiring.index().get(world.model, image_id_of(KEY)) is None


def test_the_image_keeps_a_message_while_the_index_does_not_answer(
    image: Building, task: Path, world: Deployed
) -> None:
    world.write(KEY, jpeg())

    with world.image(image.command, task, LOOKALIKE_QDRANT="http://127.0.0.1:9") as sandbox:
        answer = sandbox.invoke(event("image_created")).answer

    (record,) = event("image_created")["Records"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}


def test_the_image_holds_its_own_function_and_no_tool_of_the_build(
    image: Building, task: Path
) -> None:
    functions = {path.name for path in (task / "functions").iterdir()} - {"__pycache__"}
    top = {path.name for path in task.iterdir()}

    assert functions == {"__init__.py", "embed"}
    assert not top & {"torch", "pip", "setuptools", "requirements.lock", "qdrant_edge"}
    assert list(task.rglob("*.pyc")) != []
    assert image.user.split(":")[0] not in {"root", "0"}


def test_whoever_runs_the_image_can_read_all_of_it(task: Path) -> None:
    closed = [path for path in task.rglob("*") if not path.stat().st_mode & 0o004]

    assert closed == []


def test_the_base_is_the_python_that_the_layer_is_built_for_and_can_be_pinned() -> None:
    (given,) = (step.rest for step in steps() if step.instruction == "ARG")
    bases = [step.rest for step in steps() if step.instruction == "FROM"]

    assert given == f"BASE=public.ecr.aws/lambda/python:{packages.LAMBDA.python}"
    assert all(base.startswith("${BASE}") for base in bases)
