"""A click that is told a hundred times is one click, for reports and for what is learnt."""

from pathlib import Path

import pytest

from tests.cheats.replays import CLICKED, PEOPLE, WAYS, Desk, Replay, answer, event, replayed

COUNT = 100


@pytest.fixture(scope="module")
def replays() -> dict[str, Replay]:
    return {replay.way: replay for replay in replayed(COUNT)}


@pytest.mark.parametrize("way", WAYS)
def test_a_replayed_click_counts_once(way: str, replays: dict[str, Replay]) -> None:
    assert replays[way].once


def test_the_door_knows_an_event_again_until_it_restarts(replays: dict[str, Replay]) -> None:
    assert replays["in one request"].duplicate == COUNT
    assert replays["in many requests"].duplicate == COUNT
    assert replays["in many requests"].rows == 0
    assert replays["after restarts"].duplicate == 0
    assert replays["after restarts"].rows == COUNT  # the log has them, and readers see one


def test_the_click_of_another_person_is_another_click(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.visited()

    token = answer(PEOPLE)
    for kind, number in (("impression", 900), ("click", 901)):
        desk.send("person-3", "203.0.113.3", event(number, kind, CLICKED, token))

    assert desk.counted().clicks == PEOPLE + 1
