"""Whatever a dependency does, callers are told in time, and nothing that was promised is lost.

A part of the matrix, with all timeouts divided; `python -m tests.faults` runs the whole of it.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.matrix import DEPENDENCIES, Cell, Matrix, cells
from tests.faults.operations import (
    Describe,
    Edit,
    Index,
    Operation,
    Part,
    Reconcile,
    Remove,
    Similar,
    Tell,
    Upload,
)
from tests.faults.pace import API_SECONDS, EMBED_SECONDS, RECONCILE_SECONDS, Pace
from tests.faults.place import place
from tests.faults.proxy import Kind

QUICK = Pace(faster=3)
INFRA = Path(__file__).parents[2] / "infra"
pytestmark = [
    # Tests have no certificate; in the cloud the address is an https one.
    pytest.mark.filterwarnings("ignore:Auth token provider is used with an insecure"),
    pytest.mark.filterwarnings("ignore:No application metrics to publish"),  # of what failed
]

PICTURES, MODELS, QDRANT, FIREHOSE, SECRETS, SQS = DEPENDENCIES
CHOSEN: dict[str, tuple[tuple[Kind, type[Operation], bool, int], ...]] = {
    PICTURES.name: (
        ("refuse", Index, False, 0),
        ("cut", Index, False, 5),  # the body of the picture
        ("nonsense", Index, False, 6),
        ("reset", Index, False, 7),
        ("stranger", Index, False, 2),  # no picture has the key, says somebody
        ("nonsense", Remove, False, 5),
        ("stall", Part, False, 1),
        ("flap", Edit, False, 0),
        ("reset", Edit, False, 2),  # what was written is there, and the answer is not
        ("cut", Reconcile, False, 1),  # the listing
    ),
    MODELS.name: (
        ("silent", Similar, False, 0),
        ("down", Similar, True, 0),
        ("cut", Index, True, 4),  # the file of the model
    ),
    QDRANT.name: (
        ("stall", Similar, False, 0),
        ("garbage", Describe, False, 0),
        ("nonsense", Index, False, 1),
        ("reset", Index, False, 1),
        ("drip", Upload, False, 0),
        ("down", Edit, False, 0),
    ),
    FIREHOSE.name: (
        ("cut", Tell, False, 0),
        ("nonsense", Tell, False, 0),
        ("reset", Tell, False, 0),
    ),
    SECRETS.name: (
        ("nonsense", Tell, False, 0),
        ("refuse", Similar, False, 0),
        ("garbage", Tell, True, 0),
    ),
    SQS.name: (("nonsense", Reconcile, False, 0), ("reset", Reconcile, False, 1)),
}
CELLS = [
    Cell(dependency, *chosen) for dependency in DEPENDENCIES for chosen in CHOSEN[dependency.name]
]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    random.seed(6)  # what botocore draws its pauses from
    with place(tmp_path_factory.mktemp("faults"), QUICK) as here:
        made = Matrix(here, QUICK)
        made.begin()
        yield made


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def test_a_fault_costs_no_promise(matrix: Matrix, cell: Cell) -> None:
    found = matrix.run(cell)

    assert found.broken == []
    assert found.lost == 0


def test_each_dependency_meets_each_fault_with_each_operation_that_needs_it() -> None:
    whole = {(cell.dependency.name, cell.kind, cell.operation, cell.cold) for cell in cells()}

    chosen = {(cell.dependency.name, cell.kind, cell.operation, cell.cold) for cell in CELLS}
    assert chosen <= whole
    assert {cell.kind for cell in CELLS} | {"slow", "narrow"} == {kind for _, kind, _, _ in whole}


def test_the_deadlines_are_those_of_the_functions() -> None:
    stated = {
        "functions.py": (r"timeout_seconds: int = (\d+)", API_SECONDS),
        "environment.py": (r"timeout_seconds: .* = (\d+)", EMBED_SECONDS),
        "clock.py": (r"RECONCILE_SECONDS = (\d+)", RECONCILE_SECONDS),
    }
    for file, (pattern, seconds) in stated.items():
        (found,) = re.findall(pattern, (INFRA / file).read_text())
        assert float(found) == seconds
