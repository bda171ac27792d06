import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local.cli import main
from local.data_folder import data_folder_of
from local.queue import Queue
from local.server import listen
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.folder import Folder
from lookalike.models import SHIPPED, Serving, ServingState, Trial
from lookalike.stores import ABSENT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a")
    return folder


Output = pytest.CaptureFixture[str]


def test_help_imports_nothing_heavy() -> None:
    program = "import sys, local.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    heavy = {
        "numpy",
        "pydantic",
        "rich",
        "PIL",
        "sqlite3",
        "asyncio",
        "lookalike",
        "http.client",
    }
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["up"],
        ["up", ".", "--port", "x"],
        ["up", ".", "--port", "65536"],
        ["search"],
        ["search", "a.jpg", "--limit", "0"],
        ["search", "a.jpg", "--limit", "101"],
        ["search", "a.jpg", "--limit", "many"],
        ["search", "a.jpg", "--crop", "0,0,1"],
        ["search", "a.jpg", "--crop", "0,0,0,1"],
        ["search", "a.jpg", "--crop", "a,b,c,d"],
        ["search", "a.jpg", "--crop", "nan,0,1,1"],
        ["search", "a.jpg", "--json", "--paths"],
        ["models", "use"],
        ["models", "add"],
        ["models", "import", "--mean", "0.5"],
        ["promote"],
        ["trial", "x", "--share", "0"],
        ["trial", "x", "--share", "1"],
        ["trial", "x", "--share", "nan"],
        ["trial", "x", "--share", "half"],
    ],
)
def test_what_is_said_wrongly_is_answered_with_2_and_how_to_say_it(
    arguments: list[str], capsys: Output
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)

    assert left.value.code == 2
    said = capsys.readouterr()
    assert "usage: lookalike" in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", ["up", "index"])
def test_a_folder_that_is_none_is_named(command: str, tmp_path: Path, capsys: Output) -> None:
    assert main([command, str(tmp_path / "nothing")]) == 2

    said = capsys.readouterr()
    assert said.err.startswith(f"lookalike: {tmp_path}/nothing is not a folder")
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["search", "a.jpg"], ["status"], ["clean"], ["models"], ["promote", "x"]],
)
def test_before_anything_was_indexed_every_question_says_how_to_begin(
    arguments: list[str], capsys: Output
) -> None:
    assert main(arguments) == 1

    assert "lookalike index DIR" in capsys.readouterr().err


def test_a_folder_that_is_no_data_folder_is_left_alone(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").write_text("1")

    for arguments in (["clean", "--yes"], ["status"], ["search", sys.executable], ["doctor"]):
        assert main([*arguments, "--data", str(tmp_path / "thesis")]) == 1

    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def test_a_picture_that_cannot_be_read_is_named(pictures: Path, capsys: Output) -> None:
    data_folder_of(pictures).claim(pictures)

    assert main(["search", str(pictures / "nothing.jpg")]) == 2

    said = capsys.readouterr()
    assert "nothing.jpg cannot be read (No such file or directory)" in said.err
    assert f"About the pictures in {pictures}" in said.err


def test_a_port_that_is_taken_is_a_clear_error(pictures: Path, capsys: Output) -> None:
    with listen(0) as taken:
        port = str(taken.getsockname()[1])

        assert main(["up", str(pictures), "--port", port, "--no-browser"]) == 1

    assert f"Port {port} cannot be used (Address already in use)" in capsys.readouterr().err


def test_clean_asks_and_without_anybody_to_ask_refuses(pictures: Path, capsys: Output) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)

    assert main(["clean"]) == 2

    assert "--yes" in capsys.readouterr().err
    assert data.path.exists()


def test_clean_removes_the_data_and_never_the_pictures(pictures: Path, capsys: Output) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)
    (data.path / "written").mkdir()
    (data.path / "written/mine.jpg").write_bytes(b"1")

    assert main(["clean", "--yes"]) == 0

    said = capsys.readouterr().err
    assert "1 files that were uploaded or edited here" in said
    assert not data.path.exists()
    assert (pictures / "a.jpg").exists()


def test_doctor_has_one_line_for_each_finding(pictures: Path, capsys: Output) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)
    Queue(data.queue).close()

    code = main(["doctor"])

    lines = capsys.readouterr().out.splitlines()
    about = {line.split()[1] for line in lines}
    assert {"python", "dependencies", "model", "data", "pictures", "disk", "lock"} <= about
    assert code == (0 if all(line.startswith("ok") for line in lines) else 1)


def test_doctor_says_when_the_pictures_are_gone(pictures: Path, capsys: Output) -> None:
    data_folder_of(pictures).claim(pictures)
    (pictures / "a.jpg").unlink()
    pictures.rmdir()

    assert main(["doctor"]) == 1

    assert f"BAD  pictures      {pictures} is not there" in capsys.readouterr().out


def test_a_surprise_is_one_sentence_and_a_traceback_only_when_asked_for(
    pictures: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)
    data.queue.write_bytes(b"this is no database, but long enough to be looked at" * 100)

    assert main(["doctor"]) == 1
    assert capsys.readouterr().err.startswith("lookalike: file is not a database (")

    monkeypatch.setenv("LOOKALIKE_DEBUG", "1")
    with pytest.raises(Exception, match="not a database"):
        main(["doctor"])


def test_an_import_needs_to_know_what(pictures: Path, capsys: Output) -> None:
    data_folder_of(pictures).claim(pictures)

    assert main(["models", "import"]) == 2
    assert main(["models", "import", "--onnx", "x.onnx"]) == 2

    assert "--size" in capsys.readouterr().err


def test_catalogue_json_is_what_makes_it_ours(pictures: Path) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)

    assert json.loads((data.path / "catalogue.json").read_text()) == {"pictures": str(pictures)}


def made_model(folder: Path, weights: bytes | None = None) -> Path:
    """The shipped encoder as a model folder of its own, called mine-1."""
    folder.mkdir()
    onnx = weights or (SHIPPED / ONNX_NAME).read_bytes()
    digest = hashlib.sha256(onnx).hexdigest()
    card = replace(ModelCard.read(SHIPPED), model="mine-1", sha256=digest)
    (folder / ONNX_NAME).write_bytes(onnx)
    (folder / CARD_NAME).write_text(card.to_json())
    return folder


def test_a_model_folder_is_added_once_and_then_listed(
    pictures: Path, tmp_path: Path, capsys: Output
) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)
    Serving(Folder(data.path / "models")).start("mine-1")
    made = made_model(tmp_path / "made")

    codes = [main(["models", "add", str(made), "--data", str(data.path)]) for _ in range(2)]

    said = capsys.readouterr()
    assert codes == [0, 0]
    assert said.out == "mine-1\nmine-1\n"
    assert "lookalike promote mine-1" in said.err
    for said in (["--data", str(data.path)], ["list", "--data", str(data.path)]):
        assert main(["models", *said]) == 0
        assert capsys.readouterr().out.count("mine-1") == 1


def test_the_data_folder_may_be_named_before_an_action_or_after_it(
    pictures: Path, tmp_path: Path, capsys: Output
) -> None:
    """Another one was used last."""
    data = str(data_folder_of(pictures).path)
    data_folder_of(pictures).claim(pictures)
    (tmp_path / "others").mkdir()
    data_folder_of(tmp_path / "others").claim(tmp_path / "others")
    made = str(made_model(tmp_path / "made"))

    assert main(["models", "--data", data, "add", made]) == 0
    assert main(["models", "add", made, "--data", data]) == 0

    assert (Path(data) / "models/mine-1/model.onnx").exists()
    assert "About the pictures in" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["trial"],
        ["trial", "x"],
        ["trial", "--share", "0.5"],
        ["trial", "x", "--stop"],
        ["trial", "--share", "0.5", "--stop"],
    ],
)
def test_a_trial_that_is_half_said_says_how_to_say_it(
    arguments: list[str], pictures: Path, capsys: Output
) -> None:
    data_folder_of(pictures).claim(pictures)

    assert main(arguments) == 2

    said = capsys.readouterr().err
    assert "lookalike trial VERSION --share 0.5" in said
    assert "lookalike trial --stop" in said


def test_who_is_on_trial_is_listed(pictures: Path, tmp_path: Path, capsys: Output) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)
    main(["models", "add", str(made_model(tmp_path / "made"))])
    state = ServingState("default-1", next="mine-1", trial=Trial(0.25, "2026-11-23T01:00:00Z"))
    Serving(Folder(data.path / "models")).swap(ABSENT, state)
    capsys.readouterr()

    assert main(["models"]) == 0

    assert "trial     mine-1" in capsys.readouterr().out


def test_another_model_under_a_version_that_is_taken_is_refused(
    pictures: Path, tmp_path: Path, capsys: Output
) -> None:
    data_folder_of(pictures).claim(pictures)
    assert main(["models", "add", str(made_model(tmp_path / "made"))]) == 0
    graph = (SHIPPED / ONNX_NAME).read_bytes()
    note = b"\x32\x01x"  # doc_string of the file: the same encoder, another digest
    other = made_model(tmp_path / "other", graph + note)

    assert main(["models", "add", str(other)]) == 1

    said = capsys.readouterr().err.splitlines()[-1]
    assert "mine-1 exists with another file; name a new version." in said
    assert str(other / CARD_NAME) in said


def test_what_is_no_model_folder_or_not_what_its_card_says_is_named(
    pictures: Path, tmp_path: Path, capsys: Output
) -> None:
    data = data_folder_of(pictures)
    data.claim(pictures)
    swapped = made_model(tmp_path / "swapped")
    (swapped / ONNX_NAME).write_bytes(b"something else")

    codes = [main(["models", "add", str(each)]) for each in (tmp_path / "gone", pictures, swapped)]

    gone, none, differs = (
        line for line in capsys.readouterr().err.splitlines() if line.startswith("lookalike: ")
    )
    assert codes == [2, 2, 1]
    assert f"{tmp_path / 'gone'} is no model folder: it has no {ONNX_NAME}." in gone
    assert f"{pictures} is no model folder" in none
    assert "The file of model mine-1 differs from its card." in differs
    assert not list((data.path / "models").rglob(ONNX_NAME))
