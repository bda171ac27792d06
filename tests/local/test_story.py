"""What the story adds up, draws and leaves behind; it is told as a whole by `make demo`."""

import argparse
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from local.data_folder import DataFolder
from local.story import command as story
from local.story import figure
from local.story.agreement import agreed
from local.story.chapters import Answers
from local.story.command import place, summed_up
from local.story.stage import laptop
from local.trouble import Trouble

Facts = dict[str, Any]


def share(value: float, half: float) -> Facts:
    return {"value": value, "low": value - half, "high": value + half}


def telling(seed: int, gained: float, accepted: bool = True) -> Facts:
    """As a story ends: with a trial, unless the gate refused."""
    taste = {
        name: {"mean_precision": mean, "first": 0.8}
        for name, mean in (("live", 0.7), ("counted", 0.85), ("debiased", 0.85 + gained))
    }
    trial = {
        "live": {"ctr": share(0.12, 0.004)},
        "challenger": {"ctr": share(0.12 + gained, 0.004)},
        "difference": share(gained, 0.0057),
    }
    facts = {"seed": seed, "accepted": accepted, "before": {"ctr": share(0.12, 0.003)}}
    return facts | {"taste": taste} | ({"trial": trial} if accepted else {})


def asked(pictures: Path, data: Path | None = None, **more: bool) -> argparse.Namespace:
    return argparse.Namespace(
        pictures=pictures, data=data, **({"exit": False, "fresh": False} | more)
    )


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


def test_seeds_count_alike_and_make_the_mean_surer() -> None:
    found = summed_up([telling(1, 0.01), telling(2, 0.03)])["all"]

    gained = found["trial"]["difference"]
    assert gained["value"] == pytest.approx(0.02)
    assert gained["high"] - gained["value"] == pytest.approx(0.0057 / np.sqrt(2))
    assert found["taste"]["debiased"]["mean_precision"] == pytest.approx(0.87)


def test_a_refused_model_has_no_trial_and_is_told_all_the_same() -> None:
    found = summed_up([telling(1, 0.01), telling(2, 0.03, accepted=False)])

    assert found["all"]["trial"]["difference"]["value"] == pytest.approx(0.01)
    assert "| 2 | 12.0 % (11.7–12.3) |  |  |  | refused |" in figure.table(found)


def test_the_picture_is_drawn_from_what_was_told_and_stands_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, svg = tmp_path / "story.json", tmp_path / "learning.svg"
    file.write_text(json.dumps(summed_up([telling(1, 0.01), telling(2, 0.03)])))

    figure.main([str(file), "--svg", str(svg)])

    drawn = ET.parse(svg).getroot()
    words = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"seed 1", "seed 2", "all", "+2.0 (+1.6 to +2.4)"} <= set(words)
    assert "http" not in svg.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "+2.0 (+1.6 to +2.4)" in capsys.readouterr().out


def test_an_encoder_agrees_with_a_taste_as_far_as_its_order_does() -> None:
    angles = np.radians([0, 10, 20, 90, 100])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    right = agreed(vectors, ["stripes", "stripes", "stripes", "dots", "dots"])
    wrong = agreed(vectors, ["stripes", "dots", "stripes", "dots", "stripes"])

    assert right.mean_precision == 1
    assert wrong.mean_precision < 0.7
    assert right.first == pytest.approx((3 * 2 / 4 + 2 * 1 / 4) / 5)  # of the four others


def test_several_seeds_begin_with_nothing_and_leave_nothing(tmp_path: Path) -> None:
    with place(asked(tmp_path, exit=True)) as data:
        assert data.pictures == tmp_path
        kept = data.path

    assert not kept.exists()


def test_the_story_goes_on_from_what_is_there_unless_it_begins_afresh(tmp_path: Path) -> None:
    pictures, data = tmp_path / "fabrics", tmp_path / "data"
    pictures.mkdir()
    with place(asked(pictures, data)) as first:
        (first.path / "clicked").touch()

    with place(asked(pictures, data)) as again:
        assert (again.path / "clicked").exists()
    with place(asked(pictures, data, fresh=True)) as anew:
        assert not (anew.path / "clicked").exists()


def test_a_data_folder_of_other_pictures_is_not_forgotten(tmp_path: Path) -> None:
    mine, others, data = (tmp_path / name for name in ("mine", "others", "data"))
    mine.mkdir()
    DataFolder(data).claim(others)

    with (
        pytest.raises(Trouble, match="belongs to the pictures"),
        place(asked(mine, data, fresh=True)),
    ):
        pass

    assert data.exists()


def test_a_laptop_that_cannot_start_says_why(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    data.claim(tmp_path / "gone")

    with pytest.raises(Trouble, match="is not a folder"), laptop(data, "--no-browser"):
        pass


def test_trouble_ends_in_its_sentence_and_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "draw_catalogue", lambda folder: folder.mkdir())
    pictures, taken = tmp_path / "fabrics", tmp_path / "taken"
    taken.mkdir()
    (taken / "diary.txt").touch()

    code = story.main([str(pictures), "--data", str(taken)])

    assert code == 2
    assert "holds something else" in capsys.readouterr().err
    assert Answers() == Answers(*story._parser().parse_args([]).answers)
