"""`lookalike evaluate`: with the model that serves, or the shipped one, on folders of pictures."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from local.cli import main
from local.data_folder import DataFolder, data_folder_of
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.folder import Folder
from lookalike.models import SHIPPED, ModelStore, Serving

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg"


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """Two red and two blue pictures, each in the folder of their colour."""
    for colour in ("red", "blue"):
        (tmp_path / "kinds" / colour).mkdir(parents=True)
        for i in range(2):
            picture = Image.new("RGB", (64, 48 + i), colour)
            picture.save(tmp_path / "kinds" / colour / f"{i}.png")
    return tmp_path / "kinds"


@pytest.fixture
def album(kinds: Path) -> DataFolder:
    """A data folder in which a model called mine-2 serves."""
    data = data_folder_of(kinds)
    data.claim(kinds)
    made = kinds.parent / "made"
    made.mkdir()
    (made / ONNX_NAME).write_bytes((SHIPPED / ONNX_NAME).read_bytes())
    card = replace(ModelCard.read(SHIPPED), model="mine-2")
    (made / CARD_NAME).write_text(card.to_json())
    store = Folder(data.path / "models")
    ModelStore(store, store.root).add(made)
    Serving(store).start("mine-2")
    return data


def encoders(said: str) -> set[str]:
    return {row["encoder"] for row in json.loads(said)["measured"]}


def test_before_anything_was_indexed_the_shipped_encoder_is_measured(
    kinds: Path, capsys: Output
) -> None:
    assert main(["evaluate", str(kinds)]) == 0

    said = capsys.readouterr().out
    assert f"| kinds, leave one out | {ModelCard.read(SHIPPED).model} | 4 |" in said
    assert "| kinds, leave one out | RGB histogram | 4 | 100.0" in said


def test_the_model_that_serves_is_measured(kinds: Path, album: DataFolder, capsys: Output) -> None:
    assert main(["evaluate", str(kinds), "--json"]) == 0

    said = capsys.readouterr()
    assert encoders(said.out) == {"mine-2", "mine-2, first 64 dimensions", "RGB histogram"}
    assert "Measuring mine-2" in said.err


def test_another_process_may_have_the_data_folder_open(
    kinds: Path, album: DataFolder, capsys: Output
) -> None:
    album.lock()

    assert main(["evaluate", str(kinds), "--model", "mine-2", "--json"]) == 0

    album.unlock()
    assert "mine-2" in encoders(capsys.readouterr().out)


def test_a_model_that_is_not_there_is_named(kinds: Path, album: DataFolder, capsys: Output) -> None:
    assert main(["evaluate", str(kinds), "--model", "mine-3"]) == 2

    assert "There is no model mine-3; those there are: lookalike models" in (
        capsys.readouterr().err
    )


def test_a_model_by_name_needs_a_data_folder(kinds: Path, capsys: Output) -> None:
    assert main(["evaluate", str(kinds), "--model", "mine-2"]) == 1

    assert "lookalike index DIR" in capsys.readouterr().err


def test_a_picture_that_cannot_be_read_is_named_and_strict_ends_with_3(
    kinds: Path, capsys: Output
) -> None:
    (kinds / "red/broken.png").write_bytes(b"")

    assert main(["evaluate", str(kinds), "--strict"]) == 3

    assert "broken.png: empty" in capsys.readouterr().out


def test_pictures_without_kinds_are_one_sentence_and_2(kinds: Path, capsys: Output) -> None:
    assert main(["evaluate", str(kinds / "red")]) == 2

    said = capsys.readouterr()
    assert said.err.startswith("lookalike: red, leave one out: 0 of 2 pictures have a label")
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_a_report_without_matplotlib_says_what_to_install(
    kinds: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert main(["evaluate", str(kinds), "--report", str(tmp_path / "report.html")]) == 2

    assert "-m pip install matplotlib" in capsys.readouterr().err


def test_pictures_and_data_folder_are_left_as_they_are(kinds: Path, album: DataFolder) -> None:
    def everything() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for root in (kinds, album.path) for p in root.rglob("*")}

    before = everything()

    assert main(["evaluate", str(kinds)]) == 0

    assert everything() == before
