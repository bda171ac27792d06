"""Thresholds from labelled pictures, of any model on anybody's labels."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.calibration import drawn, near_copies
from lookalike.cards import CARD_NAME, ModelCard
from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
from training import calibrate, cosines
from training.cosines import Compared
from training.pictures import Labelled

A, B, C, D = (Path(name) for name in "abcd")


def at(*degrees: float) -> np.ndarray:
    turns = np.radians(degrees)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three labels with five pictures each: a drawn one and copies of it."""
    folder = tmp_path_factory.mktemp("pictures")
    for label, picture in zip("abc", drawn(3), strict=True):
        (folder / label).mkdir()
        for i, version in enumerate([picture, *near_copies(picture)[:4]]):
            version.resize((64, 64)).save(folder / label / f"{i}.png")
    return folder


def labelled(folder: Path) -> list[Labelled]:
    return [Labelled(path, path.parent.name) for path in sorted(folder.rglob("*.png"))]


def test_a_pair_says_nothing_if_it_is_one_picture_one_session_or_unlabelled() -> None:
    queries = [Labelled(A, "hat", "anna")]
    gallery = [queries[0], Labelled(B, "hat", "anna"), Labelled(C), Labelled(D, "hat", "ben")]
    vectors = dict(zip([A, B, C, D], at(0, 10, 20, 60), strict=True))

    pairs = cosines.compared(vectors, queries, gallery)

    assert pairs.same.tolist() == [[False, False, False, True]]
    assert not pairs.other.any()
    assert pairs.similar[0].tolist() == pytest.approx([-1, -1, -1, 0.5])


def test_good_matches_are_the_right_ones_among_the_first_results() -> None:
    similar = np.array([[0.9, 0.8, 0.1]], np.float32)
    same = np.array([[True, False, True]])

    found = calibrate.good_matches(Compared(similar, same, ~same), first=2)

    assert found.tolist() == pytest.approx([0.9])


def at_angles(degrees: dict[Path, float]) -> dict[Path, np.ndarray]:
    return dict(zip(degrees, at(*degrees.values()), strict=True))


def test_the_floor_is_no_higher_than_what_hides_other_labels() -> None:
    files = [Labelled(A, "hat"), Labelled(B, "hat"), Labelled(C, "shoe")]
    pairs = cosines.compared(at_angles({A: 0, B: 1, C: 60}), files, files)

    assert calibrate.floor_of(pairs) == pytest.approx(np.cos(np.radians(1)))
    assert calibrate.hidden_of(pairs) == pytest.approx(np.cos(np.radians(59)), abs=0.001)


def test_the_card_tells_its_thresholds_and_what_they_let_through(
    model: Path, pictures: Path
) -> None:
    files = labelled(pictures)

    card = calibrate.calibrate(model, files, files)

    assert card == ModelCard.read(model)
    assert card.thresholds.floor < card.thresholds.duplicate
    assert card.metrics["matches_above_floor"] == 1
    assert card.metrics["other_label_above_floor"] <= 0.02
    assert card.metrics["same_label_above_duplicate"] < 0.1


def test_three_kinds_of_pairs_are_told_apart(model: Path, pictures: Path) -> None:
    files = labelled(pictures)

    seen = cosines.distributions(Encoder(model), files[::2], files)

    assert len(seen.copies) == 5 * 8
    assert len(seen.same) == 8 * 4
    assert len(seen.different) == 8 * 10
    assert np.median(seen.copies) > np.median(seen.different)
    assert np.median(seen.same) > np.median(seen.different)


def test_calibrating_again_replaces_what_the_notes_say_of_the_last_time(
    model: Path, pictures: Path
) -> None:
    card = replace(ModelCard.read(model), notes="Made at home. Thresholds calibrated badly.")
    (model / CARD_NAME).write_text(card.to_json(), encoding="utf-8")

    card = calibrate.calibrate(model, labelled(pictures), labelled(pictures))

    assert card.notes == (
        "Made at home. Thresholds calibrated on 60 comparisons of pictures of one label."
    )


def test_with_too_few_pairs_it_does_without_labels_and_says_so(model: Path, tmp_path: Path) -> None:
    few = [Labelled(tmp_path / f"{i}.png", str(i)) for i in range(16)]
    for file, picture in zip(few, drawn(16), strict=True):
        picture.resize((64, 64)).save(file.path)

    card = calibrate.calibrate(model, few, few)

    assert "calibrated without labels (0 comparisons within a label are too few)" in card.notes
    assert "on 16 pictures" in card.notes
    assert card.thresholds.floor < card.thresholds.duplicate < 1


def test_unreadable_pictures_are_named_and_left_out(
    model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(pictures, tmp_path / "pictures"))
    (folder / "a" / "broken.png").write_bytes(b"no picture")

    code = calibrate.main(["--model", str(model), "--pictures", str(folder)])

    said = capsys.readouterr().out
    assert code == 3
    assert "skipped broken.png" in said
    assert "calibrated on 60 comparisons" in said


def test_a_table_of_labels_will_do(model: Path, pictures: Path, tmp_path: Path) -> None:
    rows = [f"{file.path},{file.label}" for file in labelled(pictures)]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["path,label", *rows]), encoding="utf-8")

    assert calibrate.main(["--model", str(model), "--labels", str(table)]) == 0


def test_a_folder_without_a_model_is_named(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = calibrate.main(["--model", str(tmp_path), "--pictures", str(pictures)])

    assert code == 1
    assert f"There is no model in {tmp_path}" in capsys.readouterr().err
