"""What a batch says about who looks like whom."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lookalike.folder import Folder
from training import material
from training.losses import NOBODY, relation_of
from training.material import NothingToLearn
from training.options import Options
from training.pairs import Batch, ClickedPair, Clicks, Labels, Mixed, Views
from training.pictures import Labelled
from training.pool import Pool


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def alike(batch: Batch, known: Tensor | None = None) -> Tensor:
    return relation_of(batch.identities, batch.rows, batch.weights, known=known).alike


def test_two_views_of_a_picture_look_alike_and_nothing_else_does() -> None:
    batch = Views(10).draw(8, dice())

    assert sorted(Counter(batch.rows.tolist()).values()) == [2] * 4
    assert torch.equal(alike(batch), (batch.rows[:, None] == batch.rows) & ~torch.eye(8).bool())


def test_pictures_of_a_label_are_different_ones_while_there_are_enough() -> None:
    names = ["shoe"] * 4 + ["hat"] * 5

    batch = Labels(names, each=4).draw(8, dice())

    assert len(set(batch.rows.tolist())) == 8
    assert {names[row] for row in batch.rows[:4]} in ({"shoe"}, {"hat"})


def test_a_label_with_too_few_pictures_shows_them_again() -> None:
    batch = Labels(["shoe", "shoe", "hat"], each=4).draw(8, dice())

    assert Counter(batch.rows.tolist()) == {0: 2, 1: 2, 2: 4}


def test_a_rare_label_is_drawn_as_often_as_a_common_one() -> None:
    source = Labels(["rare"] * 2 + ["common"] * 200 + ["other"] * 50, each=2)

    drawn = torch.cat([source.draw(2, dice(seed)).identities for seed in range(300)])

    assert drawn.bincount().tolist() == pytest.approx([200] * 3, abs=60)


def test_an_identity_without_a_share_is_never_drawn() -> None:
    source = Labels(["a", "b", "c"], each=2, shares=torch.tensor([1.0, 0.0, 1.0]))

    assert set(source.draw(40, dice()).identities.tolist()) == {0, 2}


def test_a_batch_has_exactly_as_many_rows_as_asked_for() -> None:
    clicks = Clicks([ClickedPair(0, 1, 1.0, (2,))], pictures=9)
    sources = [Views(9), Labels(["a", "a", "b"] * 3, each=4), clicks]

    for n in (1, 7, 32):
        assert [len(source.draw(n, dice()).rows) for source in sources] == [n] * 3
        assert len(Mixed(sources, [1, 2, 3]).draw(n, dice()).rows) == n


def test_a_click_draws_its_pair_together_and_what_was_passed_over_away() -> None:
    source = Clicks([ClickedPair(0, 1, 1.0, passed_over=(2,))], pictures=9)

    batch = source.draw(3, dice())

    assert batch.rows.tolist() == [0, 1, 2]
    assert batch.identities.tolist() == [0, 0, NOBODY]
    assert batch.weights.tolist() == [1, 1, 0]


def test_a_click_weighs_as_much_as_it_was_unlikely() -> None:
    pairs = [ClickedPair(0, 1, weight=3.0), ClickedPair(2, 3, weight=1.0)]
    source = Clicks(pairs, pictures=9)

    batch = source.draw(60, dice())

    by_identity = dict(zip(batch.identities.tolist(), batch.weights.tolist(), strict=True))
    assert by_identity[0] == pytest.approx(3 * by_identity[1])
    assert by_identity[0] + by_identity[1] == pytest.approx(2)


def test_what_another_click_paired_does_not_repel() -> None:
    source = Clicks([ClickedPair(0, 1, 1.0), ClickedPair(5, 6, 1.0)], pictures=9)
    rows = torch.tensor([0, 1, 5])

    known = source.known(rows, torch.tensor([0, 1, 6]))

    assert known is not None
    assert known.int().tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_two_pictures_with_a_fellow_in_common_do_not_repel() -> None:
    source = Clicks([ClickedPair(0, 1, 1.0), ClickedPair(2, 1, 1.0), ClickedPair(2, 3, 1.0)], 9)
    rows = torch.tensor([0, 1, 2, 3, 4])

    known = source.known(rows, rows)

    assert known is not None
    assert known[0].tolist() == [True, True, True, False, False]
    assert known[1].tolist() == [True, True, True, True, False]
    assert not known[4].any()


def test_sources_in_one_batch_share_no_identity() -> None:
    clicks = Clicks([ClickedPair(0, 1, 1.0, (2,))], pictures=4)

    batch = Mixed([Views(4), clicks], [1, 1]).draw(12, dice())

    of_views, of_clicks = batch.identities[:6], batch.identities[6:]
    assert of_views.max() < 4
    assert set(of_clicks.tolist()) == {4, NOBODY}


def shop(tmp_path: Path) -> tuple[Pool, Path]:
    files = [Labelled(tmp_path / name) for name in ("a.jpg", "b.jpg", "c/d.jpg")]
    return Pool.of_arrays(torch.zeros(3, 2, 2, 3).byte().numpy(), files), tmp_path / "clicks.jsonl"


def told(tmp_path: Path, *lines: object) -> Clicks:
    pool, file = shop(tmp_path)
    file.write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    )
    return material.read_clicks(Options(pictures=tmp_path, clicks=file), pool)


def test_clicks_name_pictures_by_their_keys(tmp_path: Path) -> None:
    line = {"anchor": "a.jpg", "clicked": "c/d.jpg", "weight": 2.5, "passed_over": ["b.jpg", "x"]}

    source = told(tmp_path, line, "")

    assert source.pairs == [ClickedPair(0, 2, 2.5, (1,))]


def test_a_name_that_is_no_text_is_known_by_its_key_in_the_catalogue(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    key = Folder(tmp_path).key_of(odd)
    files = [Labelled(odd), Labelled(tmp_path / "b.jpg")]
    pool = Pool.of_arrays(torch.zeros(2, 2, 2, 3).byte().numpy(), files)
    clicks = tmp_path / "clicks.jsonl"
    clicks.write_text(json.dumps({"anchor": key, "clicked": "b.jpg"}))

    source = material.read_clicks(Options(pictures=tmp_path, clicks=clicks), pool)

    assert source.pairs == [ClickedPair(0, 1, 1.0)]


def test_clicks_on_pictures_that_are_gone_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(tmp_path, {"anchor": "a.jpg", "clicked": "b.jpg"}, {"anchor": "a.jpg", "clicked": "gone"})

    assert "1 of 2 clicked pairs name pictures that are not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("not json", "line 1 is not"),
        ({"anchor": "a.jpg"}, "line 1 is not"),
        ({"anchor": "a.jpg", "clicked": "b.jpg", "weight": -1}, "the weight is -1"),
        ({"anchor": "a.jpg", "clicked": "b.jpg", "weight": float("nan")}, "the weight is nan"),
        ({"anchor": "gone", "clicked": "b.jpg"}, "has no pair of pictures that are there"),
    ],
)
def test_clicks_that_say_nothing_are_refused_with_the_place(
    tmp_path: Path, line: object, sentence: str
) -> None:
    with pytest.raises(NothingToLearn, match=sentence):
        told(tmp_path, line)


def test_the_same_pictures_are_held_out_whatever_else_there_is() -> None:
    files = [Labelled(Path(f"{i}.jpg"), "shoe") for i in range(20)]
    more = [*files, *(Labelled(Path(f"hat-{i}.jpg"), "hat") for i in range(20))]

    _, held = material.divided(files, 0.2)
    _, held_of_more = material.divided(more, 0.2)

    assert 0 < len(held) < 10
    assert held == [file for file in held_of_more if file.label == "shoe"]


def test_many_labels_of_few_pictures_are_held_out_too() -> None:
    files = [
        Labelled(Path(f"{label}-{i}.jpg"), str(label)) for label in range(200) for i in range(4)
    ]

    kept, held = material.divided(files, 0.1)

    assert len(held) == pytest.approx(80, abs=25)
    assert len(kept) + len(held) == 800


def test_two_pictures_of_a_label_are_always_left_to_learn_from() -> None:
    files = [Labelled(Path(f"{i}.jpg"), "shoe") for i in range(3)]

    kept, held = material.divided(files, 0.9)

    assert (len(kept), len(held)) == (2, 1)
