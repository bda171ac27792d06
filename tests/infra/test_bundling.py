"""What is uploaded follows from what it is made of, and from nothing else."""

import os
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra import bundling, packages, trims
from infra.bundling import asset_hash, function, layer
from infra.packages import LAMBDA, LOCKED, Target
from tests.infra.deployed import HERE

PINNED = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of `lookalike` to change."""
    skip = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(bundling.PACKAGE, tmp_path / "lookalike", ignore=skip))


def touch(folder: Path) -> None:
    for file in folder.rglob("*"):
        os.utime(file, (0, 0))


def leave_bytecode(folder: Path) -> None:
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/search.cpython-311.pyc").write_bytes(b"bytecode")


def change(folder: Path) -> None:
    (folder / "search.py").write_text((folder / "search.py").read_text() + "\n")


def rename(folder: Path) -> None:
    (folder / "search.py").rename(folder / "searching.py")


def move_a_byte_between_files(folder: Path) -> None:
    first, second = folder / "a.py", folder / "b.py"
    first.write_text(first.read_text() + second.read_text()[0])
    second.write_text(second.read_text()[1:])


@pytest.mark.parametrize("alter", [touch, leave_bytecode])
def test_what_is_not_content_leaves_the_hash_as_it_was(
    package: Path, alter: Callable[[Path], None]
) -> None:
    before = asset_hash(package)

    alter(package)

    assert asset_hash(package) == before


@pytest.mark.parametrize("alter", [change, rename, move_a_byte_between_files])
def test_changed_content_changes_the_hash(package: Path, alter: Callable[[Path], None]) -> None:
    (package / "a.py").write_text("x")
    (package / "b.py").write_text("yz")
    before = asset_hash(package)

    alter(package)

    assert asset_hash(package) != before


def test_the_hash_does_not_tell_where_a_checkout_lies(package: Path, tmp_path: Path) -> None:
    elsewhere = Path(shutil.copytree(package, tmp_path / "another/lookalike"))

    assert asset_hash(elsewhere) == asset_hash(package) == asset_hash(bundling.PACKAGE)


def test_a_changed_module_makes_another_layer_and_keeps_its_packages(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = layer(HERE)
    capsys.readouterr()
    change(package)

    monkeypatch.setattr(bundling, "PACKAGE", package)
    after = layer(HERE)
    printed = capsys.readouterr().out
    found = (after / "python/lookalike/search.py").read_text()
    shutil.rmtree(after)

    assert asset_hash(after) != asset_hash(before)
    assert found == (package / "search.py").read_text()
    assert "Built layer: " in printed
    assert "packages" not in printed


def test_what_is_there_is_not_built_again(capsys: pytest.CaptureFixture[str]) -> None:
    first = [layer(HERE), function("search", HERE)]
    capsys.readouterr()

    again = [layer(HERE), function("search", HERE)]

    assert again == first
    assert capsys.readouterr().out == ""


def test_an_unfinished_build_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundling, "BUILT", tmp_path / "built")
    monkeypatch.setattr(bundling, "FUNCTIONS", tmp_path / "functions")
    (tmp_path / "functions/search").mkdir(parents=True)
    (tmp_path / "functions/__init__.py").touch()
    (tmp_path / "functions/search/handler.py").write_text("this is no Python")

    with pytest.raises(RuntimeError, match="could be compiled"):
        function("search", HERE)

    assert list((tmp_path / "built").iterdir()) == []


def test_a_function_is_its_own_folder_and_nothing_else() -> None:
    folder = function("embed")

    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*.*")}

    code = {name for name in files if not name.endswith(".pyc")}
    assert {"functions/__init__.py", "functions/embed/handler.py"} <= code
    assert {name.rpartition("/")[0] for name in code} == {"functions", "functions/embed"}
    assert all(name.endswith(".py") for name in code)


def test_bytecode_comes_with_a_python_that_can_make_it() -> None:
    compiled = {file.name for file in function("search", HERE).rglob("*.pyc")}

    assert {name.split(".")[1] for name in compiled} == {f"cpython-{HERE.python.replace('.', '')}"}
    assert "without bytecode" in bundling.made_with(Target("2.0", "aarch64"))


def test_only_services_that_the_code_calls_are_described(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text('boto3.client("s3", config=c)\naws(\n    "sqs"\n)\n')

    described = layer() / "python" / trims.SERVICES
    kept = {path.name for path in described.iterdir() if path.is_dir()}

    assert trims.services([tmp_path]) == ["s3", "sqs", "xray"]
    assert {"s3", "secretsmanager", "rekognition"} <= kept
    assert kept == set(trims.services([bundling.PACKAGE, bundling.FUNCTIONS]))


@pytest.mark.parametrize("left_out", trims.TRIMS, ids=lambda one: str(one.pattern))
def test_what_is_left_out_has_a_reason_and_is_not_in_the_layer(left_out: trims.Trim) -> None:
    found = [*(layer() / "python").glob(left_out.pattern)]

    assert left_out.reason
    assert found == []


def test_the_lock_pins_what_the_project_asks_for() -> None:
    project = tomllib.loads((bundling.ROOT / "pyproject.toml").read_text())["project"]
    pinned = dict(PINNED.findall(packages.LOCK.read_text()))

    wanted = {canonicalize_name(one.name): one for one in map(Requirement, project["dependencies"])}

    assert wanted.keys() <= pinned.keys()
    refused = {name for name, one in wanted.items() if not one.specifier.contains(pinned[name])}
    assert refused == set()


def test_every_pin_has_the_hash_of_a_wheel() -> None:
    lines = packages.LOCK.read_text().splitlines()
    first = [lines[number + 1] for number, line in enumerate(lines) if "==" in line]

    assert len(first) > 20
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in first)


def test_a_machine_without_hashes_in_the_lock_gets_the_same_versions() -> None:
    plain = packages.requirements(Target("3.14", "aarch64"))

    pinned = dict(PINNED.findall(packages.requirements(LAMBDA)))
    listed = [line for line in plain.splitlines() if not line.startswith("#")]

    assert LAMBDA in LOCKED
    assert listed == [f"{name}=={version}" for name, version in pinned.items()]
