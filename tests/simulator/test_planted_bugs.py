"""The simulator finds what is planted: when it finds nothing, that means something."""

import sys
from importlib import import_module

import pytest

from lookalike.ingest import Ingest
from tests.simulator.planted import Bug, bugs_in, planted, source_of
from tests.simulator.planted_hunt import ALL, BUGS, hunt

SEED = 6
# Some times what the slowest of these takes: they must be found in code that has moved on, too.
SCHEDULES = 1_500

TWICE = """
the first of two is taken away
-first
"""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    found = hunt(bug, SCHEDULES, SEED)

    assert found.is_found, found.row


@pytest.mark.parametrize("bug", ALL, ids=lambda bug: bug.name)
def test_the_code_still_has_the_lines_that_a_bug_changes(bug: Bug) -> None:
    source = source_of(bug.module).read_text()

    compile(bug.planted_in(source), bug.module, "exec")


@pytest.mark.parametrize("source", ["none of it\n", "first\nfirst\n", "not the first\n"])
def test_a_bug_whose_lines_are_gone_or_there_twice_is_refused(source: str) -> None:
    (bug,) = bugs_in("anything", TWICE)

    with pytest.raises(ValueError, match="first of two"):
        bug.planted_in(source)


def test_a_bug_is_planted_inside_and_nowhere_else() -> None:
    bug = BUGS[0]
    before = {name: module for name, module in sys.modules.items() if "lookalike" in name}

    with planted(bug):
        assert import_module(bug.module).Ingest is not Ingest

    assert import_module(bug.module).Ingest is Ingest
    assert {name: sys.modules[name] for name in before} == before


def test_every_bug_has_a_name_of_its_own() -> None:
    names = [bug.name for bug in ALL]

    assert len(set(names)) == len(names) >= 15
