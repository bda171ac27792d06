"""What the matrix found, as the table of docs/reliability.md."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby

from tests.faults.matrix import Found

HEAD = """| dependency | fault | what callers get | slowest answer | most attempts | lost |
|---|---|---|---|---|---|"""


def markdown(found: Sequence[Found]) -> str:
    """A row for each dependency and all the faults in which callers get the same."""
    rows = [HEAD]
    for dependency, some in groupby(found, key=lambda one: one.cell.dependency.name):
        by_fault: dict[str, list[Found]] = defaultdict(list)
        for one in some:
            by_fault[one.cell.kind].append(one)
        alike: dict[str, list[Found]] = defaultdict(list)
        for cells in by_fault.values():
            alike[_callers_get(cells)].extend(cells)
        rows += [_row(dependency, words, cells) for words, cells in alike.items()]
    return "\n".join(rows)


def _row(dependency: str, words: str, cells: Sequence[Found]) -> str:
    faults = ", ".join(dict.fromkeys(one.cell.kind for one in cells))
    slowest = max(one.seconds for one in cells)
    counted = [one.attempts for one in cells if one.cell.kind != "down"]  # nobody is there to count
    lost = sum(one.lost for one in cells)
    most = max(counted) if counted else "–"
    return f"| {dependency} | {faults} | {words} | {slowest:.1f} s | {most} | {lost} |"


def _callers_get(cells: Iterable[Found]) -> str:
    by_words: dict[str, list[str]] = defaultdict(list)
    for one in cells:
        cold = " (cold)" if one.cell.cold else ""
        by_words[one.said.words].append(one.cell.operation.name + cold)
    told = [(words, dict.fromkeys(by_words[words])) for words in sorted(by_words)]
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in told)
