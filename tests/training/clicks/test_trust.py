"""Nobody's many clicks pass for the many's, and the sentence says what became of them."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.training.clicks.conftest import Build, Command
from tests.training.clicks.shop import START, Shop, Telling


@pytest.fixture
def honest() -> Telling:
    """Six people, each with an address; for 0, four of them click 4 and two click 5."""
    telling = Telling()
    for visit in range(6):
        telling.answer(f"person-{visit}", 0, [1, 2, 3, 4, 5], [4] if visit < 4 else [5])
    return telling


def cheat(telling: Telling, clicks: int, **how: object) -> None:
    """Somebody who wants 30 and up to look like 20, in answers a minute apart."""
    for turn in range(clicks):
        at = START + timedelta(minutes=turn)
        named = {name: value(turn) if callable(value) else value for name, value in how.items()}
        session = str(named.pop("session"))
        telling.answer(session, 20, [21, 22, 30 + turn % 3], [30 + turn % 3], at=at, **named)


def test_two_sessions_make_a_pair_and_one_does_not(honest: Telling, build: Build) -> None:
    honest.answer("alone", 0, [1, 6], [6])

    made = build(honest.rows, "--held-out", "0")

    assert set(made.pairs()) == {(0, 4), (0, 5)}
    assert made.told["clicks"]["lost"] == {"few_sessions": 1}


def test_two_directions_count_together(honest: Telling, build: Build) -> None:
    honest.answer("one way", 0, [1, 6], [6])
    honest.answer("the other way", 6, [1, 0], [0])

    assert {(0, 6), (6, 0)} <= set(build(honest.rows, "--held-out", "0").pairs())


def test_one_user_with_all_the_clicks_teaches_nothing(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    telling = Telling()
    cheat(telling, 40, session="one")

    code, folder = command(telling.rows)

    assert code == 2
    assert not (folder / "clicks.jsonl").exists()
    assert (
        "None of 40 clicks can be learnt from: 32 of pairs that too few clicked; 8 held out for "
        "the gate. They come of 1 session from 1 address: wait for more people"
    ) in capsys.readouterr().err


def test_nor_does_one_user_who_takes_many_sessions(command: Command) -> None:
    telling = Telling()
    cheat(telling, 40, session=lambda turn: f"session-{turn}", address="one")

    assert command(telling.rows)[0] == 2


def test_where_all_share_an_address_sessions_are_enough(honest: Telling, command: Command) -> None:
    rows = [{**row, "viewer": "laptop", "source": "laptop"} for row in honest.rows]

    assert command(rows)[0] == 2
    assert command(rows, "--shared-address")[0] == 0


def test_a_session_that_clicks_like_a_machine_leaves_no_trace(
    honest: Telling, build: Build
) -> None:
    before = build(honest.rows, "--held-out", "0")

    honest.answer("machine", 0, list(range(1, 33)), list(range(1, 33)))
    made = build(honest.rows, "--held-out", "0")

    assert made.told["clicks"]["lost"] == {"implausible_session": 32}
    assert made.learnt == before.learnt


def test_thirty_clicks_in_a_minute_are_more_than_a_person_has(
    honest: Telling, build: Build
) -> None:
    for turn in range(40):  # one of each answer's five, and another answer each second
        at = START + timedelta(minutes=1, milliseconds=100 * turn)
        honest.answer("machine", 0, [5, 1, 2, 3, 4], [5], at=at)

    assert build(honest.rows).told["clicks"]["lost"]["implausible_session"] == 40


@pytest.mark.parametrize(
    ("option", "reason", "how"),
    [
        ("--session-clicks", "session_cap", {"session": "one"}),
        ("--viewer-clicks", "viewer_cap", {"session": "session-{}".format, "address": "one"}),
        (
            "--source-clicks",
            "source_cap",
            {"session": "session-{}".format, "address": "at-{}".format, "source": "caller"},
        ),
    ],
)
def test_beyond_a_cap_whole_answers_are_left_out(
    option: str, reason: str, how: dict[str, object], honest: Telling, build: Build
) -> None:
    cheat(honest, 40, **how)

    made = build(honest.rows, option, "7", "--held-out", "0")

    assert made.told["clicks"]["lost"][reason] == 33
    assert (0, 4) in made.pairs()


def test_the_answer_of_another_session_is_not_ones_own(honest: Telling, build: Build) -> None:
    first = [row for row in honest.rows if row["session_id"] == "person-0"]
    stolen = [
        {**row, "session_id": f"thief-{n}", "received_at": "2026-11-01 00:10:00.000"}
        for n in range(5)
        for row in first
    ]

    made = build([*stolen, *honest.rows], "--held-out", "0")

    assert made.told["clicks"]["lost"] == {"other_session": 5}
    assert made.learnt == build(honest.rows, "--held-out", "0").learnt


def test_a_click_that_nobody_could_have_made_does_not_count(honest: Telling, build: Build) -> None:
    for visit in range(3):
        honest.answer(f"unseen-{visit}", 0, [1, 2, 9], [9], seen=2)
        honest.answer(f"itself-{visit}", 0, [1, 0], [0])
        honest.answer(f"upload-{visit}", None, [1, 9], [9])
        honest.answer(f"gone-{visit}", 0, [1, 999], [999])

    made = build(honest.rows, "--held-out", "0")

    assert set(made.pairs()) == {(0, 4), (0, 5)}
    assert made.told["clicks"]["lost"] == {
        "no_anchor": 3,
        "unseen": 3,
        "itself": 3,
        "image_gone": 3,
    }


def test_every_click_has_one_fate(build: Build) -> None:
    rows = Shop(8).visited(1_000)

    told = build(rows, "--session-clicks", "2").told["clicks"]

    assert told["all"] == sum(row["type"] == "click" for row in rows)
    assert told["all"] == sum(told["used"].values()) + sum(told["lost"].values())


# Nothing to learn from


def test_an_empty_log_is_said_to_be_one(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").mkdir()

    assert command(tmp_path / "log")[0] == 2
    assert "says nothing between" in capsys.readouterr().err


def test_nothing_before_the_end_is_said(
    honest: Telling, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(honest.rows, until="2026-10-31")[0] == 2
    assert "between 2026-08-02 00:00 and 2026-10-31 00:00 UTC" in capsys.readouterr().err


def test_a_log_without_clicks_is_said_to_be_one(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    telling = Telling()
    telling.answer("looks only", 0, [1, 2])

    assert command(telling.rows)[0] == 2
    assert "nothing was clicked" in capsys.readouterr().err


def test_a_place_that_is_not_there_is_named(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("no/such/log")[0] == 2
    assert "--interactions: there is no folder no/such/log." in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [("--until", "soon"), ("--held-out", "1"), ("--pair-sessions", "0")]
)
def test_an_option_that_cannot_work_is_named(
    wrong: tuple[str, str], command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command([], *wrong)
    assert wrong[0] in capsys.readouterr().err
