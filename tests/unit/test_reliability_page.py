"""docs/reliability.md names the test that holds each promise, and that test is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reliability.md"


def test_every_promise_names_a_test_that_is_there() -> None:
    rows = re.findall(r"^\|(?!---)(.+)\|(.+)\|(.+)\|$", PAGE.read_text(encoding="utf-8"), re.M)
    promises = [row for row in rows if row[2].strip() != "held by"]

    missing = [
        name
        for *_, held_by in promises
        for name in re.findall(r"`(.*?)`", held_by)
        if not is_there(*name.split("::"))
    ]

    assert len(promises) > 30
    assert all("`" in held_by for *_, held_by in promises)
    assert missing == []


def is_there(file: str, test: str) -> bool:
    path = ROOT / file
    return path.is_file() and f"\ndef {test}(" in path.read_text(encoding="utf-8")
