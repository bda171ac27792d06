"""What is asked: held-out clicks, and pictures that look for themselves."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.errors import CallerError
from lookalike.folder import Folder
from tests.conftest import jpeg
from training.described import Described
from training.gate import exams, facts, gathering, held_out, ranked, self_retrieval, soundness
from training.gate.exams import FACTS, LIVE, OURS, Catalogue
from training.gate.held_out import Pair
from training.gate.ranked import Question
from training.pictures import Labelled

A, B, C, D = (Path(name) for name in "abcd")


def at(degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    return np.array([np.cos(turn), np.sin(turn)], np.float32)


VECTORS = {A: at(0), B: at(10), C: at(40), D: at(90)}
GALLERY = [Labelled(path) for path in (A, B, C, D)]


def rank(right: Path, *left_out: Path, vectors: dict[Path, np.ndarray] = VECTORS) -> float:
    question = Question(A, Labelled(A), right, frozenset(left_out))
    found = ranked.ranked("clicks", "m", [question], GALLERY, vectors, vectors)
    return float(found.ranks[0])


def test_a_rank_counts_what_is_nearer() -> None:
    assert rank(C, A) == 2
    assert rank(C) == 3


def test_what_is_left_out_is_not_in_the_way() -> None:
    assert rank(D, A, B) == 2


def test_finding_everything_alike_is_the_middle_and_not_the_first() -> None:
    alike = dict.fromkeys(VECTORS, at(0))

    assert rank(D, A, vectors=alike) == 2


def test_a_vector_that_is_no_direction_comes_last_and_breaks_nothing() -> None:
    broken = {**VECTORS, D: np.full(2, np.nan, np.float32)}

    assert rank(D, A, vectors=broken) == 3


def test_the_best_ten_are_kept_for_the_page() -> None:
    question = Question(A, Labelled(A), C, frozenset({A}))

    found = ranked.ranked("clicks", "m", [question], GALLERY, VECTORS, VECTORS).found

    assert found.found[0, :4].tolist() == [1, 2, 3, -1]
    assert found.scores["map@10"].tolist() == [0.5]


def test_what_else_was_clicked_beside_an_anchor_is_right_too() -> None:
    looks = {path: np.array([1, 128], np.float32) for path in VECTORS}
    seen = Described({OURS: VECTORS, LIVE: VECTORS, FACTS: looks}, dict.fromkeys(VECTORS, 1))
    catalogue = Catalogue({path: str(path) for path in VECTORS}, seen)
    pairs = [Pair("a", "c", 2.0, asker="a"), Pair("a", "d", 1.0, asker="a")]

    alone = exams.clicked(pairs[1:], pairs[1:], catalogue, {OURS: "ours", LIVE: "live"})
    beside = exams.clicked(pairs[1:], pairs, catalogue, {OURS: "ours", LIVE: "live"})

    assert alone.ours.tolist() == pytest.approx([0.8])  # the third
    assert beside.ours.tolist() == pytest.approx([0.9])  # the second


def test_what_was_learnt_is_right_too_whoever_asked_about_whom(tmp_path: Path) -> None:
    looks = {path: np.array([1, 128], np.float32) for path in VECTORS}
    seen = Described({OURS: VECTORS, LIVE: VECTORS, FACTS: looks}, dict.fromkeys(VECTORS, 1))
    catalogue = Catalogue({path: str(path) for path in VECTORS}, seen)
    (tmp_path / "clicks.jsonl").write_text('{"anchor": "c", "clicked": "a", "weight": 1}\n')
    asked = [Pair("a", "d", 1.0, asker="a")]

    right = [*asked, *held_out.learnt(tmp_path)]
    beside = exams.clicked(asked, right, catalogue, {OURS: "ours", LIVE: "live"})

    assert beside.ours.tolist() == pytest.approx([0.9])  # the second, without c
    assert held_out.learnt(tmp_path / "elsewhere") == []


def test_views_are_the_same_every_time_and_not_the_picture() -> None:
    picture = Image.effect_noise((80, 60), 90).convert("RGB")

    first, again = self_retrieval.views(picture), self_retrieval.views(picture)

    assert [one.tobytes() for one in first] == [one.tobytes() for one in again]
    assert len({one.tobytes() for one in first}) == self_retrieval.VIEWS
    assert all(one.width < 60 and one.height < 45 for one in first)


def test_a_picture_of_one_pixel_has_views_too() -> None:
    assert len(self_retrieval.views(Image.new("RGB", (1, 1)))) == self_retrieval.VIEWS


def test_slices_are_by_shape_light_and_the_largest_folders() -> None:
    looks = {
        A: np.array([0.5, 10], np.float32),
        B: np.array([1.0, 100], np.float32),
        C: np.array([2.0, 200], np.float32),
    }

    found = facts.slices([A, B, C], looks, ["x", "x", ""])

    named = {name: np.flatnonzero(rows).tolist() for name, rows in found.items()}
    assert named["shape: portrait"] == [0]
    assert named["shape: landscape"] == [2]
    assert named["light: bright"] == [2]
    assert named["folder: x"] == [0, 1]
    assert named["folder: other folders"] == [2]


def test_facts_are_of_the_picture_and_not_of_its_size() -> None:
    small, large = (facts.facts(Image.new("RGB", size, "white")) for size in ((8, 4), (800, 400)))

    assert small.tolist() == large.tolist() == [2, 255]


def test_the_pool_is_the_same_whatever_the_order_and_hardly_moves_with_the_catalogue(
    tmp_path: Path,
) -> None:
    def pool(folder: str, keys: list[str]) -> set[str]:
        for key in keys:
            path = tmp_path / folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg())
        return set(gathering.pool_of(Folder(tmp_path / folder), most=20))

    keys = [f"{i % 3}/{i}.jpg" for i in range(60)]
    first, again = pool("one", keys), pool("two", [*keys[::-1], "new.jpg", "notes.txt"])

    assert len(first) == 20
    assert len(first & again) >= 19


def test_held_out_clicks_are_read_with_what_they_leave_unsaid(tmp_path: Path) -> None:
    lines = [{"anchor": "a", "clicked": "b", "weight": 2, "passed_over": ["c"]}]
    lines.append({"anchor": "a", "clicked": "c", "weight": 1, "session": "s"})
    (tmp_path / "held_out.jsonl").write_text("".join(json.dumps(one) + "\n\n" for one in lines))

    assert held_out.read(tmp_path) == [
        Pair("a", "b", 2.0, ("c",), "a"),
        Pair("a", "c", 1.0, (), "s"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"anchor": "a"}',
        '{"anchor": "a", "clicked": 3}',
        '{"anchor": "a", "clicked": "b", "weight": -1}',
        '{"anchor": "a", "clicked": "b", "weight": NaN}',
        '{"anchor": "a", "clicked": "b", "weight": "x"}',
        '{"anchor": "a", "clicked": "b", "passed_over": 3}',
        '{"anchor": "a", "clicked": "b", "passed_over": [""]}',
    ],
)
def test_a_broken_line_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "held_out.jsonl").write_text('{"anchor": "a", "clicked": "b"}\n' + line)

    with pytest.raises(CallerError, match=r"held_out\.jsonl, line 2: "):
        held_out.read(tmp_path)


def test_a_data_set_that_was_changed_since_it_was_sealed_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "held_out.jsonl").write_text('{"anchor": "a", "clicked": "b"}\n')
    (tmp_path / "dataset.json").write_text("{}")

    with pytest.raises(CallerError, match="no data set of clicks"):
        held_out.read(tmp_path)


def test_of_very_many_pairs_some_are_drawn_always_the_same() -> None:
    pairs = [Pair(str(i), "b", 1.0) for i in range(100)]

    chosen = held_out.some(pairs, seed=0, most=10)

    assert len(chosen) == 10
    assert chosen == held_out.some(pairs, seed=0, most=10)
    assert chosen != held_out.some(pairs, seed=1, most=10)


def test_one_heavy_click_is_worth_hardly_more_than_one() -> None:
    assert held_out.effective([1.0] * 40) == pytest.approx(40)
    assert held_out.effective([1000.0, *[1.0] * 40]) < 1.1
    assert held_out.effective([]) == 0


def test_the_effective_rank_counts_directions() -> None:
    axes = np.concatenate([np.eye(4), -np.eye(4)]).astype(np.float32)

    assert soundness.effective_rank(axes) == pytest.approx(4)
    assert soundness.effective_rank(np.ones((8, 4), np.float32)) == 0


def test_the_mean_cosine_is_that_of_different_pictures() -> None:
    vectors = np.stack([at(0), at(60), at(120)])

    assert soundness.mean_cosine(vectors) == pytest.approx((0.5 + 0.5 - 0.5) / 3, abs=1e-6)
