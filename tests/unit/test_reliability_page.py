"""docs/reliability.md names the test that holds each promise, and the command that measured it."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def promises() -> Iterator[tuple[str, str]]:
    """Of each table that says "held by": what is promised, and what stands in that column."""
    for table in re.findall(r"(?:^\|.*\|\n)+", PAGE, re.M):
        header, _, *rows = (line.strip("|").split(" | ") for line in table.splitlines())
        if header[-1].strip() == "held by":
            yield from ((row[0], row[-1]) for row in rows)


def test_every_promise_names_a_test_that_is_there() -> None:
    found = list(promises())

    missing = [
        name
        for _, held_by in found
        for name in re.findall(r"`(.*?)`", held_by)
        if not is_there(*name.split("::"))
    ]

    assert len(found) > 80
    assert [promise for promise, held_by in found if "::" not in held_by] == []
    assert missing == []


def test_every_command_is_there() -> None:
    modules = set(re.findall(r"`(?:\.venv/bin/)?python -m ([\w.]+)", PAGE))
    targets = set(re.findall(r"`make ([\w-]+)", PAGE))

    assert {"tests.faults", "tests.load", "tests.cheats", "tests.drift"} <= modules
    assert {"simulate", "fuzz", "proofs"} <= targets
    assert [module for module in modules if not is_a_command(module)] == []
    assert [target for target in targets if f"\n{target}:" not in MAKEFILE] == []


def is_there(file: str, test: str) -> bool:
    path = ROOT / file
    return path.is_file() and f"\ndef {test}(" in path.read_text(encoding="utf-8")


def is_a_command(module: str) -> bool:
    place = ROOT.joinpath(*module.split("."))
    return (place / "__main__.py").is_file() or place.with_suffix(".py").is_file()
