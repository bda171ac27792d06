"""How long a laptop takes from clicks to an encoder that serves: the demo catalogue, all of it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from local.fabrics import draw_catalogue
from tests.bench.bench import Bench
from tests.bench.clocks import run
from tests.bench.indexing import LOOKALIKE
from tests.bench.served import Served, served
from tests.bench.tables import Row, Table, at_most

MOST_SECONDS = 300.0
REFUSED = 4  # the gate's exit code: as much work, but for the last step


def tables(bench: Bench) -> Iterator[Table]:
    sizes, pictures = bench.sizes, bench.folder / "fabrics"
    draw_catalogue(pictures, sizes.fabrics)
    with served(pictures, bench.folder / "retraining") as lookalike:
        lookalike.settle()
        visit = [sys.executable, "-m", "local.shoppers", "--url", lookalike.url]
        run([*visit, "--labels", pictures / "labels.csv", "--answers", str(sizes.answers)])
        rows = sum(
            file.read_bytes().count(b"\n")
            for file in (lookalike.data / "interactions").rglob("*.jsonl")
        )
        seconds, said = _retrained(lookalike)
    what = f"{sizes.fabrics:,} fabrics, {sizes.answers:,} answers, {rows:,} interactions"
    goal = at_most(seconds, MOST_SECONDS, f"{MOST_SECONDS:.0f} s")
    notes = (
        "`lookalike retrain` beside a Lookalike that serves, whole: data set, training, gate, "
        "every picture once more, verification and switch.",
        said,
    )
    yield Table("Retraining", [Row(what, f"{seconds:.0f} s", goal=goal)], notes)


def _retrained(lookalike: Served) -> tuple[float, str]:
    """Seconds, and what it said of the new model. Raises RuntimeError where there is none."""
    command: list[str | Path] = [LOOKALIKE, "retrain", "--data", lookalike.data]
    began = time.perf_counter()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode not in (0, REFUSED):
        raise RuntimeError(f"lookalike retrain failed: {done.stderr[-2000:]}")
    return seconds, " ".join(done.stdout.splitlines()[:2])
