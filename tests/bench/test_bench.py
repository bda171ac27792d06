"""The bench runs from end to end on next to nothing. Its figures are never asserted."""

from pathlib import Path

import pytest

from tests.bench.__main__ import section
from tests.bench.bench import Bench
from tests.bench.sizes import TINY
from tests.bench.tables import Row, Table, at_least, at_most
from tests.conftest import jpeg


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    pictures = tmp_path / "given"
    pictures.mkdir()
    for colour in ("red", "green", "blue", "brown", "grey"):
        (pictures / f"{colour}.jpg").write_bytes(jpeg(colour, (240, 180)))
    return Bench(TINY, pictures, tmp_path)


@pytest.mark.parametrize("name", ["queries", "recall"])
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
