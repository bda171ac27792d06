"""What a command prints is text to a terminal, whatever the pictures are called."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from local.cli import main
from local.console import as_json, plain
from local.function_log import FunctionLog
from lookalike.catalogue import sidecar_of
from lookalike.folder import Folder
from tests.browser.naughty import as_key, texts
from tests.browser.payloads import SHAPES
from tests.conftest import jpeg

HARM = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\udc80-\udcff]"
)
EVERYTHING = texts(300, seed=6)
BITING = [*SHAPES["terminals"], *SHAPES["controls"], *SHAPES["undecodable"], *SHAPES["directions"]]
Output = pytest.CaptureFixture[str]


@pytest.fixture
def pictures(own_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder whose own name bites too; a few are pictures, the rest are rejected."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    store = Folder(tmp_path / "\x1b[2Jall\u202e")
    for number, text in enumerate(BITING):
        readable = number % 6 == 0
        data = jpeg("red", dot="blue") if readable else b"\xff\xd8\xff" + bytes([number])
        store.put(as_key(text), data, "image/jpeg")
    store.put(sidecar_of(as_key(BITING[0])), json.dumps({"tags": BITING[:20]}).encode(), "")
    return store.root


@pytest.fixture
def said(capsys: Output) -> Callable[..., str]:
    """Runs a command; what it printed, all of it."""

    def run(*arguments: str) -> str:
        with suppress(SystemExit):  # of argparse
            main(arguments)
        printed = capsys.readouterr()
        assert not HARM.search(printed.out + printed.err), ascii(printed)
        return printed.out

    return run


@pytest.mark.parametrize("of_what", [EVERYTHING], ids=["everything"])
def test_a_line_is_one_line_and_holds_no_command(of_what: tuple[str, ...]) -> None:
    for text in of_what:
        shown = plain(f"rejected {as_key(text)}: corrupt")

        assert not HARM.search(shown), ascii(text)
        assert "\n" not in shown


def test_ordinary_names_of_all_languages_stay_as_they_are() -> None:
    for name in (
        "red + blue 🧵 01.jpg",
        "שלום.jpg",
        "مرحبا.png",
        "e\u0301té.jpg",
        "👩‍👩‍👧.jpg",
        "می‌خواهم",
    ):
        assert plain(name) == name


def test_a_document_for_programs_is_harmless_too_and_says_the_same() -> None:
    document = as_json(list(EVERYTHING))

    assert not HARM.search(document)
    assert json.loads(document) == list(EVERYTHING)


def test_no_command_prints_what_a_terminal_would_obey(
    pictures: Path, said: Callable[..., str]
) -> None:
    said("index", str(pictures))
    picture = str(min(path for path in pictures.rglob("*.jpg") if path.stat().st_size > 99))

    assert said("search", picture).count("\n") == 1  # the others are its duplicates
    found = json.loads(said("search", picture, "--json"))["results"]
    assert found[0]["key"] in map(as_key, BITING)
    listed = json.loads(said("status", "--json"))
    rejected = {reject["key"] for reject in listed["rejected"]}
    assert rejected == {as_key(text) for place, text in enumerate(BITING) if place % 6}
    assert len(said("status").splitlines()) == 2 + len(rejected)
    for arguments in (
        ("status",),
        ("doctor",),
        ("models",),
        ("metrics",),
        ("clean",),
        ("search", "\x1b[2J.jpg"),
        ("search", picture, "\x1b[2J"),
        ("promote", "\x1b[2J"),
        ("index", "\x1b]0;x\x07"),
    ):
        said(*arguments)


def test_a_pipe_gets_the_very_bytes_of_a_path(
    pictures: Path,
) -> None:
    for path in pictures.rglob("*.jpg"):
        path.unlink()
    name = os.fsencode(pictures) + b"/caf\xe9\x1b[2J.jpg"
    Path(os.fsdecode(name)).write_bytes(jpeg())
    command = [str(Path(sys.executable).parent / "lookalike")]
    subprocess.run([*command, "index", str(pictures)], check=True, capture_output=True)
    asking = [*command, "search", os.fsdecode(name), "--paths"]

    assert subprocess.run(asking, check=True, capture_output=True).stdout == name + b"\n"

    ours, theirs = pty.openpty()
    subprocess.run(asking, check=True, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    seen = os.read(ours, 4096)
    os.close(ours)
    assert b"\x1b" not in seen
    assert rb"caf\xe9\x1b[2J.jpg" in seen


def test_the_log_holds_lines_and_no_commands(tmp_path: Path) -> None:
    log = FunctionLog(tmp_path / "lookalike.log")
    log.write("one \x1b[2J\u202e\x9b\ntwo\n")
    log.close()

    assert (tmp_path / "lookalike.log").read_text() == "one \\x1b[2J\\u202e\\x9b\ntwo\n"
