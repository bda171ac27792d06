"""A model is followed until the Lookalike that runs lets it in, or says why it does not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import models
from local.cli import main
from local.data_folder import DataFolder
from local.trouble import Trouble
from tests.local.conftest import Site

NOTHING: dict[str, Any] = {
    "model": "one",
    "next": None,
    "trial": None,
    "filling": None,
    "trouble": "",
    "indexed": 3,
    "rejected": 0,
    "pending": 0,
    "rate": None,
    "seconds_left": None,
}
FILLING = {**NOTHING, "next": "two", "filling": {"model": "two", "done": 1, "total": 3}}
SINCE = "2026-11-23T01:00:00+00:00"


@pytest.fixture
def data(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataFolder]:
    """A data folder that another Lookalike has open, at the site."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    (tmp_path / "pictures").mkdir()
    opened = DataFolder(tmp_path / "data")
    opened.claim(tmp_path / "pictures")
    opened.lock()
    opened.announce(f"http://{site.host}/")
    yield DataFolder(opened.path)
    opened.unlock()


@pytest.fixture
def tells(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the running Lookalike says of itself, one after the other; the last one for ever."""

    def told(*progress: dict[str, Any]) -> None:
        left = list(progress)
        answer = lambda: left.pop(0) if len(left) > 1 else left[0]  # noqa: E731
        monkeypatch.setattr(site.shelf, "progress", answer)

    return told


def test_a_promotion_returns_when_the_model_serves(
    data: DataFolder, site: Site, tells: Any
) -> None:
    tells(NOTHING, FILLING, FILLING, {**NOTHING, "model": "two"})

    models.promote_and_wait(data, "two")

    assert site.shelf.used == ["two"]


def test_a_model_that_serves_already_is_not_asked_for_again(
    data: DataFolder, site: Site, tells: Any
) -> None:
    """As after a crash of whoever waited for it."""
    tells({**NOTHING, "model": "two"})

    models.promote_and_wait(data, "two")

    assert site.shelf.used == []


def test_a_trial_returns_when_the_model_answers_that_share(
    data: DataFolder, site: Site, tells: Any
) -> None:
    trials = ({"share": 0.1, "since": SINCE}, {"share": 0.5, "since": None})
    begun = [{**FILLING, "trial": trial} for trial in trials]
    tells(*begun, {**NOTHING, "next": "two", "trial": {"share": 0.5, "since": SINCE}})

    models.trial_and_wait(data, "two", 0.5)

    assert site.shelf.used == ["two for 0.5"]


def test_a_model_that_was_let_go_is_told_with_the_reason(data: DataFolder, tells: Any) -> None:
    tells(NOTHING, FILLING, {**NOTHING, "trouble": "two is not fit to serve: NaN."})

    with pytest.raises(Trouble, match=r"^two is not fit to serve: NaN\.$"):
        models.promote_and_wait(data, "two")


def test_a_model_that_a_person_let_go_is_told_too(data: DataFolder, tells: Any) -> None:
    tells(NOTHING, {**FILLING, "trial": {"share": 0.5, "since": None}}, NOTHING)

    with pytest.raises(Trouble, match="two was let go before it was ready"):
        models.trial_and_wait(data, "two", 0.5)


def test_the_trouble_of_before_is_not_held_against_it(data: DataFolder, tells: Any) -> None:
    old = "nobody-1 is not fit to serve."
    tells(
        {**NOTHING, "trouble": old},
        {**FILLING, "trouble": old},
        FILLING,
        {**NOTHING, "model": "two"},
    )

    models.promote_and_wait(data, "two")


def test_what_stays_in_trouble_is_not_waited_for_for_ever(
    data: DataFolder, tells: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "STUCK_SECONDS", 0.3)
    tells(NOTHING, {**FILLING, "trouble": "The disk is full."})

    with pytest.raises(Trouble, match=r"^The disk is full\. It is tried again; see: lookalike"):
        models.promote_and_wait(data, "two")


def test_a_refusal_of_the_running_one_is_passed_on_in_a_sentence(
    data: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [
        main([*said, "--data", str(data.path)]) for said in (["rollback"], ["trial", "--stop"])
    ]

    assert codes == [1, 1]
    assert [line.removeprefix("lookalike: ") for line in capsys.readouterr().err.splitlines()] == [
        "Invalid request: /model: There is no way back.",
        "Invalid request: /model: No model is on trial.",
    ]
