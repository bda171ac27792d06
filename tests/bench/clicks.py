"""How fast interactions become a data set, and in how much memory."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import click_log
from tests.bench.bench import Bench
from tests.bench.tables import Row, Table

PEAK = "import resource, sys; from training.clicks import main; code = main(sys.argv[1:]); "
PEAK += "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def tables(bench: Bench) -> Iterator[Table]:
    rows = bench.sizes.interactions
    figures = [_of(bench.folder / form, rows, form) for form in ("parquet", "jsonl")]
    yield Table("Clicks to a data set", figures, ["One process, DuckDB bounded to 2 GB."])


def _of(folder: Path, rows: int, form: str) -> Row:
    log, pictures = click_log.made(folder, rows, form)
    places = ["--interactions", str(log), "--images", str(pictures), "--out", str(folder / "out")]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *places, "--until", click_log.UNTIL],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - started
    code, kilobytes = map(int, done.stdout.split())
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    if code:
        raise RuntimeError(done.stderr)
    told = json.loads((folder / "out" / "dataset.json").read_bytes())
    pairs = told["files"]["clicks.jsonl"]["pairs"]
    what = f"{rows:,} rows of {'Parquet' if form == 'parquet' else 'JSON lines'} → {pairs:,} pairs"
    return Row(what, f"{rows / seconds:,.0f} rows/s, {kilobytes * unit / 1e6:,.0f} MB at the peak")
