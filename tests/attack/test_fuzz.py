"""The short form of `python -m tests.attack`: a few hundred calls, always the same."""

import pytest

from tests.attack.fuzz import Tally, attack
from tests.attack.target import Target

SEED = 6
EXAMPLES = 12  # of each operation, on top of the thousand values that are tried one by one


@pytest.fixture(scope="module")
def tally(fuzzed: Target) -> Tally:
    return attack(fuzzed.url, fuzzed.image_ids, SEED, EXAMPLES)


def test_every_answer_is_one_that_the_document_has(tally: Tally) -> None:
    assert "\n\n".join(tally.failures) == ""


def test_no_answer_is_an_error_of_ours(tally: Tally) -> None:
    assert tally.server_errors == 0


def test_every_operation_was_asked_in_every_phase_and_got_as_far_as_an_answer(
    tally: Tally,
) -> None:
    refusing = {"DELETE /v1/images/{image_id}": 403}  # the pictures of a laptop stay where they are

    assert tally.phases.keys() == {"examples", "coverage", "fuzzing", "stateful"}
    assert len(tally.statuses) == 10
    for operation, statuses in tally.statuses.items():
        assert statuses[refusing.get(operation, 0)] or any(one < 300 for one in statuses), operation


def test_the_server_is_as_well_as_before(tally: Tally, fuzzed: Target) -> None:
    assert fuzzed.is_well()
