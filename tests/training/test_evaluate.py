"""What is measured: right answers by label, and never a contributor's own pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import evaluate
from training.evaluate import Protocol
from training.pictures import Labelled

A, B, C, D = (Path(name) for name in "abcd")


def at(degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    return np.array([np.cos(turn), np.sin(turn)], np.float32)


VECTORS = {A: at(0), B: at(10), C: at(40), D: at(90)}


def test_a_query_is_right_when_its_nearest_has_its_label() -> None:
    gallery = [Labelled(B, "shoe"), Labelled(C, "hat"), Labelled(D, "shoe")]
    protocol = Protocol("p", [Labelled(A, "hat")], gallery)

    scores = evaluate.measure(protocol, "m", VECTORS).scores

    assert scores["recall@1"].tolist() == [0]
    assert scores["recall@5"].tolist() == [1]
    assert scores["map@10"].tolist() == [0.5]


def test_a_contributors_own_pictures_are_never_found() -> None:
    files = [Labelled(A, "hat", "1"), Labelled(B, "hat", "1"), Labelled(C, "hat", "2")]
    protocol = Protocol("p", files, files, others_only=True)

    scores = evaluate.measure(protocol, "m", VECTORS).scores

    # The only right answer of A and B is C; C finds B first, then A: both right.
    assert scores["map@10"].tolist() == [1, 1, 1]


def test_a_query_without_a_right_answer_measures_nothing() -> None:
    gallery = [Labelled(C, "hat"), Labelled(D, "hat")]
    protocol = Protocol("p", [Labelled(A, "hat"), Labelled(B, "coat")], gallery)

    assert len(evaluate.measure(protocol, "m", VECTORS).scores["recall@1"]) == 1


def test_the_histogram_sees_colours_and_nothing_else() -> None:
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (0, 0, 10, 20))

    same, other = (
        evaluate.histogram([picture, picture.rotate(180)]),
        evaluate.histogram([Image.new("RGB", (4, 4), "green")]),
    )

    assert same[0] @ same[1] == pytest.approx(1)
    assert same[0] @ other[0] == 0


def test_a_prefix_of_the_vectors_is_measured_at_unit_length() -> None:
    short = evaluate.shortened({A: np.array([3, 4, 12], np.float32)}, 2)

    assert short[A].tolist() == pytest.approx([0.6, 0.8])


def test_a_cell_shows_the_mean_within_its_interval() -> None:
    assert evaluate.cell(np.ones(50)) == "100.0 (100.0–100.0)"


def test_a_folder_without_the_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"There is no .*labels\.csv; say with --data"):
        evaluate.protocols(tmp_path, "test")
