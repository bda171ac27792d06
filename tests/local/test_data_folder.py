import json
import subprocess
import sys
from pathlib import Path

import pytest

from local.data_folder import DataFolder, data_folder_of, last
from local.trouble import Trouble


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "lookalike"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def test_every_pictures_folder_has_a_data_folder_of_its_own(home: Path, tmp_path: Path) -> None:
    one, other = data_folder_of(tmp_path / "a/pictures"), data_folder_of(tmp_path / "b/pictures")

    assert one.path.parent == other.path.parent == home
    assert one.path != other.path
    assert one.path.name.startswith("pictures-")


def test_a_claimed_folder_knows_its_pictures_and_is_remembered(pictures: Path) -> None:
    data = data_folder_of(pictures)

    data.claim(pictures)

    assert data.pictures == pictures
    assert last() == data.path
    data.claim(pictures)  # again is harmless


def test_the_folder_of_other_pictures_is_refused_by_name(pictures: Path, tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    data.claim(pictures)
    (tmp_path / "others").mkdir()

    with pytest.raises(Trouble, match=f"belongs to the pictures in {pictures}"):
        data.claim(tmp_path / "others")


def test_a_folder_that_holds_something_else_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").write_text("1")

    with pytest.raises(Trouble, match="holds something else"):
        DataFolder(tmp_path / "thesis").claim(pictures)

    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def test_data_among_the_pictures_must_be_hidden(pictures: Path) -> None:
    with pytest.raises(Trouble, match="among the pictures"):
        DataFolder(pictures / "data").claim(pictures)
    with pytest.raises(Trouble, match="among the pictures"):
        DataFolder(pictures).claim(pictures)

    DataFolder(pictures / ".lookalike").claim(pictures)


def test_pictures_among_the_data_are_refused(pictures: Path) -> None:
    with pytest.raises(Trouble, match="of its own"):
        DataFolder(pictures.parent).claim(pictures)


def test_what_is_no_data_folder_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="lookalike index DIR"):
        _ = DataFolder(tmp_path).pictures
    (tmp_path / "catalogue.json").write_text("junk")
    with pytest.raises(Trouble, match="lookalike index DIR"):
        _ = DataFolder(tmp_path).pictures


HOLD = """
import sys
from pathlib import Path
from local.data_folder import DataFolder
data = DataFolder(Path(sys.argv[1]))
data.lock()
data.announce("http://127.0.0.1:1234/")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_learns_who_works_here_until_that_one_ends(
    pictures: Path, tmp_path: Path
) -> None:
    data = DataFolder(tmp_path / "data")
    data.claim(pictures)
    assert data.running() is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()

        running = data.running()
        with pytest.raises(Trouble, match=f"process {holder.pid}.*http://127.0.0.1:1234/"):
            data.lock()
        holder.kill()

    assert running is not None
    assert (running.pid, running.url) == (holder.pid, "http://127.0.0.1:1234/")
    assert data.running() is None
    data.lock()
    data.unlock()


def test_the_settings_lie_below_the_folder_and_name_the_pictures(
    pictures: Path, tmp_path: Path
) -> None:
    data = DataFolder(tmp_path / "data")
    data.claim(pictures)

    settings = data.environment()

    assert settings["LOOKALIKE_IMAGES"] == str(pictures)
    for name in ("WRITTEN", "DERIVED", "MODELS", "QDRANT", "SIGNING_KEYS", "INTERACTIONS"):
        assert Path(settings[f"LOOKALIKE_{name}"]).is_relative_to(data.path)


def test_a_home_that_cannot_be_written_costs_nothing_but_the_memory(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    data = DataFolder(tmp_path / "data")

    data.claim(pictures)

    assert json.loads((data.path / "catalogue.json").read_text()) == {"pictures": str(pictures)}
    assert last() is None


def test_the_last_folder_is_forgotten_when_it_is_removed(pictures: Path) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)

    data.remove()

    assert last() is None
    assert not data.path.exists()
