"""SageMaker's training image, as far as it can be proven without Docker.

Every step of training/Dockerfile is done as written, in a folder that stands for the image: COPY
copies what the build context holds, RUN runs in a fresh virtual environment, and the entry point is
started from there. What is installed here already is lent to that environment, but only what the
package's `train` extra asks for, so that pip need not load torch anew and an undeclared import
still fails.

Not proven: that the base image can be had and has what pip needs; that the releases which pip would
choose on another day work together; torch's CUDA build and the GPU's driver; that SageMaker accepts
the image.
"""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = ROOT / "training/Dockerfile"

IMPORT = """
import importlib, sys, training
from training.torchvision_shim import torchvision  # first, for the sake of a CPU build of torch
for module in sys.argv[1:]:
    importlib.import_module(module)
print(training.__file__, torchvision.models.mobilenet_v2(weights=None).__class__.__name__)
"""


class Step(NamedTuple):
    instruction: str
    rest: str


class Image(NamedTuple):
    """What stands for the container: its files, its environment, the folder it starts in."""

    files: Path
    environ: dict[str, str]
    workdir: Path

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """`python` is the image's own, wherever the command is started from."""
        found = shutil.which(command[0], path=self.environ["PATH"])
        return subprocess.run(
            [found or command[0], *command[1:]],
            cwd=self.workdir,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=240,
        )


def steps() -> list[Step]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [Step(*line.split(maxsplit=1)) for line in lines if line.strip()]


def only(instruction: str) -> str:
    (found,) = (step.rest for step in steps() if step.instruction == instruction)
    return found


def copied() -> set[str]:
    copies = (step.rest.split() for step in steps() if step.instruction == "COPY")
    return {source for words in copies for source in words[:-1]}


def asked_for() -> Iterable[Distribution]:
    """What is installed here of what `lookalike[train]` needs, and pip itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["train"], "pip"]
    waiting = [Requirement(text) for text in wanted]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        key = (requirement.name.lower(), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(requirement.name)
        except PackageNotFoundError:
            continue  # pip will get it
        yield found
        inner = [Requirement(text) for text in found.requires or []]
        extras = requirement.extras or {""}
        waiting += [
            each
            for each in inner
            if each.marker is None or any(each.marker.evaluate({"extra": x}) for x in extras)
        ]


def lend(target: Path) -> None:
    """Links to those packages. Not in the environment itself, where pip might remove them."""
    target.mkdir()
    for found in asked_for():
        tops = {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}
        for top in tops - {path.name for path in target.iterdir()}:
            (target / top).symlink_to(Path(str(found.locate_file(top))))


def reached(start: str) -> set[str]:
    """Modules that the training imports, also those that it imports only when it needs them."""
    found, waiting = set(), [start]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        file = ROOT / (module.replace(".", "/") + ".py")
        if not (module.startswith("training.") and file.is_file()):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == "training":
                waiting += [f"training.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting.append(node.module)
    return found


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The Dockerfile, done."""
    files = tmp_path_factory.mktemp("image")
    venv.create(files / "venv", with_pip=False, symlinks=True)
    lend(files / "lent")
    (site,) = (files / "venv").glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(str(files / "lent") + "\n")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environ["PATH"] = f"{files / 'venv/bin'}:{environ['PATH']}"
    done = Image(files, environ, files)
    for step in steps():
        done = after(step, done)
    return done


def after(step: Step, image: Image) -> Image:
    """The image with one more step done; an instruction that is not known here is an error."""
    match step.instruction:
        case "WORKDIR":
            folder = image.files / step.rest.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            return image._replace(workdir=folder)
        case "ENV":
            pairs = dict(word.split("=", 1) for word in shlex.split(step.rest))
            return image._replace(environ={**image.environ, **pairs})
        case "COPY":
            copy(step.rest.split(), image.workdir)
        case "RUN":
            ours = re.fullmatch(r"(touch [\w.]+ && )?python -m pip install [^/;&|]+", step.rest)
            assert ours, f"this machine would be changed by: {step.rest}"
            ran = image.run("sh", "-c", step.rest)
            assert ran.returncode == 0, ran.stdout + ran.stderr
        case "FROM" | "LABEL" | "ENTRYPOINT" | "CMD":
            pass
        case _:
            raise AssertionError(f"{step.instruction} is not understood by this test")
    return image


def copy(words: list[str], workdir: Path) -> None:
    *sources, target = words
    for source in sources:
        if (ROOT / source).is_dir():
            skip = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, workdir / target, dirs_exist_ok=True, ignore=skip)
        else:
            shutil.copy(ROOT / source, workdir / target)


def test_the_steps_of_the_image_install_it_and_its_entry_point_starts(image: Image) -> None:
    entry = [*json.loads(only("ENTRYPOINT")), *json.loads(only("CMD"))]

    helped = image.run(*entry, "--help")
    refused = image.run(*entry, "--steps", "many")

    assert helped.returncode == 0, helped.stderr
    assert "--learning-rate" in helped.stdout
    assert refused.returncode == 2
    assert "--steps" in refused.stderr


def test_the_train_extra_is_all_that_the_training_imports(image: Image) -> None:
    modules = reached("training.train") | {"training.launch"}

    imported = image.run("python", "-c", IMPORT, *sorted(modules))
    checked = image.run("python", "-m", "pip", "check")

    assert {"torch.utils.tensorboard", "rich.progress", "training.model"} <= modules
    assert imported.returncode == 0, imported.stderr
    where, network = imported.stdout.split()[-2:]
    assert Path(where).is_relative_to(image.files / "venv")
    assert network == "MobileNetV2"
    assert checked.returncode == 0, checked.stdout


def test_the_build_context_holds_what_is_copied_and_no_more() -> None:
    lines = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if not line.startswith("#")]

    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}

    assert rules[0] == "*"
    assert let_in == copied()
    assert all((ROOT / source).exists() for source in copied())


def test_the_image_has_a_python_that_the_package_accepts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    version = re.fullmatch(r"python:(\d+\.\d+)-slim", only("FROM"))

    assert version
    assert SpecifierSet(project["requires-python"]).contains(version[1])
