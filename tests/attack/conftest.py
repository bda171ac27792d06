"""A laptop that every test of this folder attacks, and one for what leaves traces everywhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attack.target import Target, under_attack

KEPT = ("PATH", "HOME", "LANG")


@contextmanager
def attacked(folder: Path) -> Iterator[Target]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with under_attack(folder, {**kept, "XDG_DATA_HOME": str(folder / "xdg")}) as running:
        yield running


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with attacked(tmp_path_factory.mktemp("attacked")) as running:
        yield running


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Whose pictures are blocked, tagged and sponsored as chance has it."""
    with attacked(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running
