import os
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from watchfiles import Change, watch
from watchfiles._rust_notify import WatchfilesRustInternalError

from local.watcher import Watcher
from lookalike.catalogue import subject_of
from lookalike.folder import Folder
from lookalike.images import looks_like_picture


class Heard:
    """What a watcher said."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.comparisons = 0

    def report(self, keys: Iterable[str]) -> None:
        self.keys += keys

    def compare(self) -> None:
        self.comparisons += 1

    def until(self, true: Callable[["Heard"], Any]) -> None:
        deadline = time.monotonic() + 10
        while not true(self):
            assert time.monotonic() < deadline, (self.keys, self.comparisons)
            time.sleep(0.02)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "shoes").mkdir(parents=True)
    (folder / "shoes/red.jpg").write_bytes(b"red")
    (tmp_path / "written").mkdir()
    return folder


Start = Callable[..., tuple[Watcher, Heard]]


@pytest.fixture
def follow(pictures: Path, tmp_path: Path) -> Iterator[Start]:
    """Begin to watch, and forget the comparison that every beginning asks for."""
    with ExitStack() as running:

        def start(watching: Any = watch) -> tuple[Watcher, Heard]:
            store = Folder(
                pictures, tmp_path / "written", lambda key: looks_like_picture(subject_of(key))
            )
            heard = Heard()
            watcher = Watcher(store, heard.report, heard.compare, watching)
            watcher.start()
            running.callback(watcher.stop)
            assert watcher.established.wait(10)
            heard.until(lambda said: said.comparisons)
            heard.comparisons = 0
            return watcher, heard

        yield start


def test_a_new_a_changed_and_a_deleted_picture_are_reported(follow: Start, pictures: Path) -> None:
    _, heard = follow()
    picture = pictures / "new + ünï 🧵.JPG"

    picture.write_bytes(b"1")
    heard.until(lambda said: said.keys == ["new + ünï 🧵.JPG"])
    picture.write_bytes(b"22")
    heard.until(lambda said: len(said.keys) == 2)
    picture.unlink()
    heard.until(lambda said: len(said.keys) == 3)

    assert set(heard.keys) == {"new + ünï 🧵.JPG"}
    assert heard.comparisons == 0


def test_a_burst_of_writes_to_one_picture_is_one_report(follow: Start, pictures: Path) -> None:
    _, heard = follow()

    with (pictures / "slow.jpg").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 100)
    heard.until(lambda said: said.keys)
    time.sleep(0.2)

    assert heard.keys == ["slow.jpg"]


def test_sidecars_and_uploads_are_reported_and_nothing_else(
    follow: Start, pictures: Path, tmp_path: Path
) -> None:
    _, heard = follow()

    for name in ("notes.txt", ".hidden.jpg", "shoes/.tmp/a.jpg", "shoes/red.jpg.metadata.json"):
        (pictures / name).parent.mkdir(exist_ok=True)
        (pictures / name).write_bytes(b"{}")
    (tmp_path / "written/uploads").mkdir()
    (tmp_path / "written/uploads/mine.png").write_bytes(b"1")
    heard.until(lambda said: len(said.keys) >= 2)
    time.sleep(0.2)

    assert set(heard.keys) == {"shoes/red.jpg.metadata.json", "uploads/mine.png"}


def test_a_folder_that_comes_brings_its_pictures(
    follow: Start, pictures: Path, tmp_path: Path
) -> None:
    _, heard = follow()
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    for name in ("a.jpg", "deep/b.png", "deep/notes.txt"):
        (tmp_path / "elsewhere" / name).write_bytes(b"1")

    (tmp_path / "elsewhere").rename(pictures / "came")
    heard.until(lambda said: len(said.keys) >= 2)

    assert set(heard.keys) == {"came/a.jpg", "came/deep/b.png"}


def test_a_folder_that_is_renamed_is_reported_under_its_new_name_and_the_old_one_is_looked_for(
    follow: Start, pictures: Path
) -> None:
    _, heard = follow()

    (pictures / "shoes").rename(pictures / "boots")

    heard.until(lambda said: said.keys == ["boots/red.jpg"] and said.comparisons)


def test_a_folder_that_goes_is_looked_for(follow: Start, pictures: Path, tmp_path: Path) -> None:
    _, heard = follow()

    (pictures / "shoes").rename(tmp_path / "gone")

    heard.until(lambda said: said.comparisons)


def test_changes_behind_a_link_to_a_folder_are_not_ours(
    follow: Start, pictures: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (pictures / "link").symlink_to(outside)
    (pictures / "loop").symlink_to(pictures)
    _, heard = follow()

    (outside / "theirs.jpg").write_bytes(b"1")
    (pictures / "ours.jpg").write_bytes(b"1")
    heard.until(lambda said: said.keys)
    time.sleep(0.2)

    assert heard.keys == ["ours.jpg"]


def test_a_name_that_is_not_utf_8_leads_to_a_comparison_and_watching_goes_on(
    follow: Start, pictures: Path
) -> None:
    _, heard = follow()

    (Path(os.fsdecode(os.fsencode(pictures) + b"/caf\xe9.jpg"))).write_bytes(b"1")
    heard.until(lambda said: said.comparisons >= 2)  # it stopped, and began again
    (pictures / "after.jpg").write_bytes(b"1")

    heard.until(lambda said: "after.jpg" in said.keys)


def test_while_the_folder_is_gone_nothing_is_reported_deleted_and_it_is_compared_when_back(
    follow: Start, pictures: Path, tmp_path: Path
) -> None:
    _, heard = follow()

    pictures.rename(tmp_path / "unplugged")
    time.sleep(1)
    assert heard.keys == []
    shutil.copytree(tmp_path / "unplugged", pictures)
    heard.until(lambda said: said.comparisons)
    heard.keys.clear()
    (pictures / "after.jpg").write_bytes(b"1")

    heard.until(lambda said: "after.jpg" in said.keys)


def test_without_watches_left_the_whole_folder_is_compared_again_and_again(
    follow: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.watcher.POLL_SECONDS", 0.05)

    def exhausted(*roots: Path, **options: Any) -> Generator[set[tuple[Change, str]], None, None]:
        raise WatchfilesRustInternalError(
            "error in underlying watcher: OS file watch limit reached."
        )
        yield set()

    watcher, heard = follow(exhausted)

    heard.until(lambda said: said.comparisons >= 3)
    assert "watch limit" in watcher.polling


def test_stopping_is_quick(follow: Start) -> None:
    watcher, _ = follow()

    began = time.monotonic()
    watcher.stop()

    assert time.monotonic() - began < 3
    assert not [thread for thread in threading.enumerate() if thread.name == "watcher"]
