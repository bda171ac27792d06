"""local → functions → lookalike ← training; infra imports no application code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PLACES = {
    "lookalike": ROOT / "layers/common/python/lookalike",
    "functions": ROOT / "functions",
    "training": ROOT / "training",
    "local": ROOT / "local",
    "infra": ROOT / "infra",
}
MAY_IMPORT = {
    "lookalike": set(),
    "functions": {"lookalike"},
    "training": {"lookalike"},
    "local": {"functions", "lookalike", "training"},
    "infra": set(),
}


def imports(file: Path) -> Iterator[str]:
    """Every module the file names in an import, wherever it stands in the file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("place", PLACES)
def test_imports_follow_the_arrows(place: str) -> None:
    forbidden = PLACES.keys() - MAY_IMPORT[place] - {place}

    wrong = {
        (file.relative_to(ROOT).as_posix(), module)
        for file in PLACES[place].rglob("*.py")
        for module in imports(file)
        if module.partition(".")[0] in forbidden
    }

    assert wrong == set()


@pytest.mark.parametrize("place", ["lookalike", "functions", "local"])
def test_torch_is_imported_by_training_alone(place: str) -> None:
    wrong = {
        file.name
        for file in PLACES[place].rglob("*.py")
        for module in imports(file)
        if module.partition(".")[0] in {"torch", "torchvision"}
    }

    assert wrong == set()


@pytest.mark.parametrize(
    ("place", "allowed"),
    [("lookalike", {"__init__.py"}), ("functions", set())],  # it writes, so that nobody phones home
)
def test_only_settings_reads_the_environment(place: str, allowed: set[str]) -> None:
    readers = {
        file.name
        for file in PLACES[place].rglob("*.py")
        if "os.environ" in file.read_text() or "getenv" in file.read_text()
    }

    assert readers == allowed
