"""`lookalike reconcile`, as a person types it: alone, and beside a Lookalike that serves."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.cli import main
from local.data_folder import data_folder_of
from local.queue import Queue
from lookalike.catalogue import image_id_of
from lookalike.folder import Folder
from lookalike.ingest import thumbnail_of
from lookalike.rejects import Reject, Rejects
from tests.conftest import jpeg

Output = pytest.CaptureFixture[str]
COLOURS = ("red", "green", "blue", "white")
START_SECONDS = 60


@pytest.fixture
def pictures(own_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for colour in COLOURS:
        (folder / f"{colour}.jpg").write_bytes(jpeg(colour, dot="black"))
    return folder


@pytest.fixture
def data(pictures: Path, capsys: Output) -> Path:
    """Everything is indexed."""
    assert main(["index", str(pictures)]) == 0
    capsys.readouterr()
    return data_folder_of(pictures).path


def derived(data: Path) -> Folder:
    return Folder(data / "derived")


def harm(pictures: Path, data: Path) -> None:
    """One picture came, one went, one lost its thumbnail; a reject and a thumbnail of nothing."""
    (pictures / "new.jpg").write_bytes(jpeg("yellow"))
    (pictures / "red.jpg").unlink()
    derived(data).delete(thumbnail_of(image_id_of("green.jpg")))
    derived(data).put(thumbnail_of(image_id_of("never.jpg")), b"webp", "image/webp")
    Rejects(derived(data)).record(Reject("gone.jpg", "e", "corrupt", "", "", ""))


HARMED = {
    "missing": ["new.jpg"],
    "stale": [],
    "wrong_model": [],
    "thumbnail": ["green.jpg"],
    "orphaned": ["red.jpg"],
    "strangers": [],
}
NAMES = ["gone.jpg", "green.jpg", "new.jpg", "red.jpg", f"thumbnail {image_id_of('never.jpg')}"]


def test_what_differs_is_said_and_mended_and_then_nothing_does(
    pictures: Path, data: Path, capsys: Output
) -> None:
    harm(pictures, data)

    assert main(["reconcile", "--data", str(data), "--dry-run", "--json"]) == 1
    looked = json.loads(capsys.readouterr().out)
    assert main(["reconcile", "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert main(["reconcile", "--data", str(data)]) == 0

    assert looked["differ"] == looked["left"] == NAMES
    (live,) = looked["collections"]
    assert {kind: live[kind] for kind in HARMED} == HARMED
    assert live["role"] == "live"
    assert looked["rejects"] == ["gone.jpg"]
    assert "1 not indexed\n  new.jpg\n" in said
    assert said.endswith("5 mended, 0 left\n")
    assert capsys.readouterr().out == "Nothing differs.\n"


def test_an_index_that_was_lost_is_made_again(data: Path, capsys: Output) -> None:
    shutil.rmtree(data / "index")

    assert main(["reconcile", "--data", str(data), "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["mended"] == len(COLOURS)
    assert said["left"] == []
    assert main(["reconcile", "--data", str(data), "--dry-run"]) == 0


def test_what_was_given_up_is_left_and_said_with_one(
    pictures: Path, data: Path, capsys: Output
) -> None:
    """It ended the process three times: nobody tries it again unless a person says so."""
    (pictures / "fatal.jpg").write_bytes(jpeg("grey"))
    queue = Queue(data / "queue.sqlite")
    from local.changes import Changes

    Changes(Folder(pictures), queue).report(["fatal.jpg"])
    for _ in range(3):
        queue.receive()
        queue.release_in_flight()
    queue.close()

    assert main(["reconcile", "--data", str(data)]) == 1

    printed = capsys.readouterr()
    assert "0 mended, 1 left" in printed.out
    assert "--redrive" in printed.err


def test_without_the_folder_nothing_is_said_to_be_gone(
    pictures: Path, data: Path, capsys: Output
) -> None:
    pictures.rename(pictures.with_name("unplugged"))

    assert main(["reconcile", "--data", str(data)]) == 1
    assert "connect its disk" in capsys.readouterr().err

    pictures.with_name("unplugged").rename(pictures)
    assert main(["reconcile", "--data", str(data)]) == 0
    assert capsys.readouterr().out == "Nothing differs.\n"


def test_it_works_through_a_lookalike_that_serves(
    pictures: Path, data: Path, capsys: Output
) -> None:
    stray = thumbnail_of(image_id_of("gone.jpg"))  # what a keeper at its start does not look for
    derived(data).put(stray, b"of what is gone", "image/webp")
    with up(pictures):
        command = ["reconcile", "--data", str(data)]
        assert main([*command, "--dry-run"]) == 1
        assert main(command) == 0
        said = capsys.readouterr().out
        assert main(command) == 0

    assert "1 differ; nothing was changed" in said
    assert "1 mended, 0 left" in said
    assert capsys.readouterr().out == "Nothing differs.\n"
    assert derived(data).head(stray) is None


@contextmanager
def up(pictures: Path) -> Iterator[None]:
    command = [str(Path(sys.executable).parent / "lookalike"), "up", str(pictures)]
    with subprocess.Popen(
        [*command, "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        giving_up = threading.Timer(START_SECONDS, process.kill)
        giving_up.start()
        try:
            assert process.stdout
            assert "http://127.0.0.1:" in process.stdout.readline()
            yield
        finally:
            giving_up.cancel()
            process.terminate()
