"""A run of training.clicks over rows that a test wrote, and what it left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.clicks.shop import UNTIL, catalogue, write
from training import clicks
from training.clicks.files import described

PICTURES = 40

Command = Callable[..., tuple[int, Path]]
Build = Callable[..., "Made"]


class Made:
    """What a run left, as others read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: dict[str, Any] = described(folder)
        self.learnt, self.held_out = (
            lines(folder / "clicks.jsonl"),
            lines(folder / "held_out.jsonl"),
        )

    @property
    def bytes(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.folder.iterdir())]

    def pairs(self) -> dict[tuple[int, int], float]:
        return {(n(line["anchor"]), n(line["clicked"])): line["weight"] for line in self.learnt}

    def passed_over(self, anchor: int, clicked: int) -> list[int]:
        found = [x for x in self.learnt if (n(x["anchor"]), n(x["clicked"])) == (anchor, clicked)]
        return [n(over) for over in found[0]["passed_over"]]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def n(name: str) -> int:
    return int(name[6:10])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return catalogue(tmp_path_factory.mktemp("pictures"), PICTURES)


@pytest.fixture
def command(tmp_path: Path, pictures: Path) -> Command:
    """Runs the command on these rows, or on this log: its exit code, and where it wrote."""
    count = iter(range(1_000))

    def run(log: Any, *more: str, until: str = UNTIL) -> tuple[int, Path]:
        folder = tmp_path / f"run-{next(count)}"
        place = log if isinstance(log, (str, Path)) else write(folder / "log", log)
        named = ("--interactions", str(place), "--images", str(pictures), "--until", until)
        return clicks.main([*named, "--out", str(folder / "out"), *more]), folder / "out"

    return run


@pytest.fixture
def build(command: Command) -> Build:
    def run(log: Any, *more: str, **named: Any) -> Made:
        code, folder = command(log, *more, **named)
        assert code == 0
        return Made(folder)

    return run
