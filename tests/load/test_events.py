from pathlib import Path

from local.data_folder import DataFolder
from tests.load.agreement import differences, drift, index_all, opened
from tests.load.changes import Change, Plan, Word, make
from tests.load.killing import Run, WholeRun

PLAN = Plan(seed=6, events=1000, kills=2, pictures=48)


def test_events_twice_late_and_out_of_order_and_kill_9_lose_nothing(tmp_path: Path) -> None:
    said: list[str] = []

    found = Run(PLAN, tmp_path, said.append)()

    assert (found.sent, found.kills) == (PLAN.events, PLAN.kills), said
    assert found.unaccounted == set()
    assert found.dead == []
    assert found.drift == set()
    assert [each.key for each in found.differences] == []
    assert {"indexed", "unchanged", "removed", "rejected"} <= found.outcomes.keys()


def test_changes_that_nobody_tells_of_and_kill_9_lose_nothing_either(tmp_path: Path) -> None:
    found = WholeRun(Plan(seed=6, events=300, kills=1, pictures=48), tmp_path, print)()

    assert found.is_whole
    assert found.kills == 1


def test_the_same_seed_is_the_same_story() -> None:
    again, other = Plan(6, 1000, 2, 48), Plan(7, 1000, 2, 48)

    assert list(PLAN.steps()) == list(again.steps()) != list(other.steps())
    assert PLAN.killed_after() == again.killed_after()


def test_every_change_is_told_of_afterwards_and_one_in_ten_twice_and_many_out_of_order() -> None:
    made, told = set[int](), []
    for step in PLAN.steps():
        if isinstance(step, Word):
            assert step.of.number in made
            told.append(step.of.number)
        else:
            made.add(step.number)

    assert set(told) == made
    assert len(told) == PLAN.events == round(len(made) / 0.9)
    assert told != sorted(told)


def test_a_change_that_nobody_told_of_is_seen_by_both_checks(tmp_path: Path) -> None:
    pictures, data = tmp_path / "pictures", DataFolder(tmp_path / "data")
    pictures.mkdir()
    for number in range(3):
        make(Change(number, "replace", f"{number}.jpg"), pictures)
    data.claim(pictures)
    with opened(data):
        index_all()
    before = drift(data)

    make(Change(3, "rewrite", "0.jpg"), pictures)
    make(Change(4, "delete", "1.jpg"), pictures)
    make(Change(5, "describe", "2.jpg"), pictures)

    keys = {each.key for each in differences(data, tmp_path / "anew")}
    assert (before, drift(data)) == (set(), {"0.jpg", "1.jpg", "2.jpg"})
    assert {"0.jpg", "1.jpg", "2.jpg"} <= keys
