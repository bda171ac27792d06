"""The bench runs from end to end on next to nothing. Its figures are never asserted."""

import csv
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bench import training, training_against, training_plan
from tests.bench.__main__ import section
from tests.bench.bench import Bench
from tests.bench.sizes import TINY
from tests.bench.tables import Row, Table, at_least, at_most
from tests.bench.training_plan import Plan
from tests.conftest import jpeg
from tests.training.conftest import _one_thread  # noqa: F401  (a fixture)
from tests.training.conftest import data as training_data  # noqa: F401  (a fixture)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    pictures = tmp_path / "given"
    pictures.mkdir()
    for colour in ("red", "green", "blue", "brown", "grey"):
        (pictures / f"{colour}.jpg").write_bytes(jpeg(colour, (240, 180)))
    return Bench(TINY, pictures, tmp_path)


@pytest.mark.parametrize("name", ["queries", "recall", "reembed"])
def test_a_section_measures_what_it_says(bench: Bench, name: str) -> None:
    tables = list(section(name, bench))

    assert [table for table in tables if not table.rows] == []
    assert all(row.what and row.measured for table in tables for row in table.rows)


def test_a_table_says_whether_each_goal_is_met() -> None:
    rows = [
        Row("fast", "1 ms", "2 ms", "2.0 ×", at_least(2.0, 1.5, "1.5 ×")),
        Row("large", "9 MB", "1 MB", "9.0 ×", at_most(9.0, 5.0, "5 ×")),
        Row("known", "3"),
    ]

    fast, large, known = str(Table("Figures", rows)).splitlines()[-3:]

    assert "≥ 1.5 × | met " in fast
    assert "**not met**" in large
    assert "met" not in known


@pytest.fixture
def plan(training_data: Path, tmp_path: Path) -> Plan:  # noqa: F811
    """Trainings of a step or two, and comparisons of a second."""
    return Plan(
        training_data,
        tmp_path / "work",
        batch=8,
        size=32,
        steps=1,
        unseen_steps=2,  # or the two were the same model: there are but three classes
        minutes=0.01,
        rival_size=32,
        workers=0,
        rehearsed=1,
        rounds=1,
    )


def test_the_training_bench_measures_every_bar(plan: Plan) -> None:
    tables = [table for name in ("pixels", "bars") for table in training.section(name, plan)]

    assert [table for table in tables if not table.rows] == []
    assert all(row.what and row.measured for table in tables for row in table.rows)


def test_a_finished_training_is_not_repeated(plan: Plan) -> None:
    first = plan.fine_tuned.model / "model.onnx"
    made = first.stat().st_mtime_ns

    again = Plan(plan.data, plan.work, batch=8, size=32, steps=1).fine_tuned

    assert (again.model / "model.onnx").stat().st_mtime_ns == made


def test_no_picture_of_the_test_split_is_trained_on(plan: Plan, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"

    training_plan.write_table(table, plan.data, {"Apple", "Leek"})

    with table.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["split"] for row in rows} == {"train", "val"}
    assert {row["label"] for row in rows} == {"Apple", "Leek"}
    assert [row["path"] for row in rows if "/test/" in row["path"]] == []


def test_another_library_trains_the_same_network_from_labels(plan: Plan) -> None:
    table = training_against.with_labels(plan)

    assert len(table.rows) == 4
    assert all(row.measured and row.against for row in table.rows)


@pytest.mark.skipif(find_spec("lightly") is None, reason="needs the extra bench")
def test_another_library_trains_the_same_network_from_a_folder_alone(plan: Plan) -> None:
    table = training_against.with_pictures_alone(plan)

    assert len(table.rows) == 8
    assert all(row.measured and row.against for row in table.rows)


def test_without_the_data_the_training_bench_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = training.main(["--data", str(tmp_path / "nowhere")])

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "--data" in said.err
