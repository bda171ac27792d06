"""Shoppers who look as people look, at a real laptop over HTTP."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local.data_folder import DataFolder
from local.fabrics import LABELS, draw_catalogue
from local.shoppers import crowd as shoppers
from local.shoppers.crowd import Crowd, send
from local.shoppers.habits import Habits, Taste, kinds_of
from local.shoppers.shop import Shop
from local.shoppers.takings import Takings
from local.story.stage import indexing, laptop
from local.trouble import Trouble

PICTURES, ANSWERS = 54, 120

Row = dict[str, Any]


class Visited:
    """A laptop after everybody has gone: what the shoppers say, and what its log says."""

    def __init__(self, url: str, data: Path, kinds: Mapping[str, str], takings: Takings) -> None:
        self.url, self.kinds, self.takings = url, kinds, takings
        self.rows: list[Row] = [
            json.loads(line)
            for file in (data / "interactions").rglob("*.jsonl")
            for line in file.read_text().splitlines()
        ]
        with closing(Shop(url)) as shop:
            images = {one["image_id"]: one["key"] for one in shop.images()}
        self.kind_of = {image: kinds[key] for image, key in images.items()}

    def of(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row["type"] == kind]

    def wanted(self, row: Row) -> bool:
        return self.kind_of[row["anchor_image_id"]] == self.kind_of[row["image_id"]]


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    pictures, folder = (tmp_path_factory.mktemp(name) for name in ("fabrics", "data"))
    draw_catalogue(pictures, PICTURES)
    kinds = kinds_of(pictures / LABELS)
    data = DataFolder(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))
        data.claim(pictures)
        with laptop(data, "--no-browser", "--port", "0") as url:
            for _ in indexing(url, len(kinds)):
                pass
            takings = send(Crowd(kinds, ANSWERS, seed=3), lambda: Shop(url))
            yield Visited(url, folder, kinds, takings)


def test_everything_that_shoppers_did_is_in_the_log_once(visited: Visited) -> None:
    done = visited.takings.all_of()

    assert visited.takings.answers() >= ANSWERS
    assert len(visited.of("impression")) == sum(one.seen for one in done)
    assert len(visited.of("click")) == sum(one.clicked for one in done) > 50
    assert {row["session_id"] for row in visited.rows} <= set(visited.takings.sessions["default-1"])
    assert len({row["event_id"] for row in visited.rows}) == len(visited.rows)


def test_what_came_into_view_begins_with_the_first_place(visited: Visited) -> None:
    places: dict[str, set[int]] = {}
    for row in visited.of("impression"):
        places.setdefault(row["query_id"], set()).add(row["position"])

    assert all(seen == set(range(1, len(seen) + 1)) for seen in places.values())
    assert {(r["query_id"], r["image_id"]) for r in visited.of("click")} <= {
        (r["query_id"], r["image_id"]) for r in visited.of("impression")
    }


def test_the_log_shows_the_taste_that_the_system_is_not_told(visited: Visited) -> None:
    def rate(wanted: bool) -> float:
        seen, clicked = (
            sum(visited.wanted(row) is wanted for row in visited.of(kind))
            for kind in ("impression", "click")
        )
        return clicked / seen

    assert rate(wanted=True) > 4 * rate(wanted=False)


def test_people_dwell_on_what_they_clicked(visited: Visited) -> None:
    dwells = Counter((row["query_id"], row["image_id"]) for row in visited.of("dwell"))

    assert dwells == Counter((row["query_id"], row["image_id"]) for row in visited.of("click"))
    assert all(row["dwell_ms"] >= 0 for row in visited.of("dwell"))


def test_the_command_prints_the_click_rate_of_the_model_that_served(
    visited: Visited, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("key,motif\n" + "".join(f'"{k}",{v}\n' for k, v in visited.kinds.items()))

    code = shoppers.main(["--url", visited.url, "--labels", str(labels), "--answers", "10"])

    assert code == 0
    assert capsys.readouterr().out.startswith("default-1: ")


def test_labels_of_other_pictures_are_refused_with_a_sentence(visited: Visited) -> None:
    crowd = Crowd({"elsewhere.jpg": "stripes"}, answers=10)

    with pytest.raises(Trouble, match="None of the labelled pictures"):
        send(crowd, lambda: Shop(visited.url))


def test_a_place_is_clicked_less_the_further_down_it_is() -> None:
    habits, chance = Habits(), np.random.default_rng(1)
    page = [{"image_id": str(number)} for number in range(24)]
    taste = Taste({**{str(number): "stripes" for number in range(24)}, "anchor": "stripes"})

    clicks = np.zeros(24)
    for _ in range(4_000):
        for one in taste.clicked("anchor", page, habits, chance):
            clicks[int(one["image_id"])] += 1

    expected = habits.wanted * np.arange(1, 25) ** -habits.steepness
    assert np.abs(clicks / 4_000 - expected).max() < 0.03


def test_whole_rows_come_into_view_and_fewer_the_further_down() -> None:
    habits, chance = Habits(), np.random.default_rng(1)

    rows = Counter(habits.seen(24, chance) / habits.columns for _ in range(1_000))

    assert set(rows) == {1, 2, 3, 4}
    assert rows[1] > rows[2] > rows[3]


def test_colour_is_all_one_to_a_shopper() -> None:
    chance, page = np.random.default_rng(1), [{"image_id": "red"}, {"image_id": "blue"}]
    taste = Taste({"anchor": "stripes", "red": "stripes", "blue": "stripes", "dots": "dots"})
    evenly = Habits(steepness=0.0)

    clicks = Counter(
        one["image_id"]
        for _ in range(4_000)
        for one in taste.clicked("anchor", [*page, {"image_id": "dots"}], evenly, chance)
    )

    assert abs(clicks["red"] - clicks["blue"]) < 200
    assert clicks["dots"] < clicks["red"] / 6


def test_the_same_seed_brings_the_same_visits() -> None:
    crowd = Crowd({}, answers=200, seed=5)

    assert crowd.visits() == Crowd({}, answers=200, seed=5).visits()
    assert crowd.visits() != Crowd({}, answers=200, seed=6).visits()
    assert sum(crowd.visits()) >= 200
