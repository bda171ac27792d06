"""What starting costs: of the command line, and of a function before its first answer."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from local.data_folder import DataFolder
from lookalike.catalogue import image_id_of
from tests.bench.bench import Bench
from tests.bench.clocks import run, with_environment
from tests.bench.indexing import LOOKALIKE
from tests.bench.pictures import gathered
from tests.bench.tables import Goal, Row, Table, at_most, ms, times
from tests.bench.worlds import similar_event, upload_event

MOST_TIMES = 6.0  # `lookalike --help`, against a Python that does nothing
MOST_SECONDS = 1.5  # of processor time, from process start to the first answers
PICTURES = 24
FIRST_ANSWER = "tests.bench.first_answer"  # by name: a function starts when it is imported
NOTHING = [sys.executable, "-c", "pass"]
# The same function with the clients that it has in the cloud. Nothing listens there: what is
# measured is importing and building them, and the answer that the index is out of reach.
CLOUD = {
    "LOOKALIKE_IMAGES": "s3://pictures",
    "LOOKALIKE_WRITTEN": "",
    "LOOKALIKE_QDRANT": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


def tables(bench: Bench) -> Iterator[Table]:
    python, help_ = [], []
    for _ in range(bench.sizes.starts + 1):  # the first one of each warms the disk
        python.append(run(NOTHING).cpu)
        help_.append(run([LOOKALIKE, "--help"]).cpu)
    ours, bare = median(help_[1:]), median(python[1:])
    pictures = gathered(bench.small[:PICTURES], bench.folder / "start pictures")
    data = bench.folder / "start"
    run([LOOKALIKE, "index", pictures, "--data", data])
    events = _write_events(bench, pictures)
    environment = DataFolder(data).environment()
    laptop = _first_answers(bench, events, environment)
    cloud = _first_answers(bench, events, {**environment, **CLOUD})
    rows = [
        Row(
            "`lookalike --help`",
            ms(ours),
            ms(bare),
            times(ours / bare),
            at_most(ours / bare, MOST_TIMES, "6 ×"),
        ),
        _row("search function, first similar and first upload", laptop, bare, 200),
        _row("the same with boto3 and qdrant-client, no server", cloud, bare, 503),
        Row(
            "torch in the search function",
            "imported" if laptop["torch"] else "not imported",
            goal=Goal("not imported", not laptop["torch"]),
        ),
    ]
    notes = (
        "Processor time, user and system, from the start of the process; medians. Against: "
        "`python -c pass`, run in turns.",
    )
    yield Table("Start", rows, notes)


def _row(what: str, answered: Mapping[str, Any], bare: float, status: int) -> Row:
    if answered["statuses"] != [status, status]:
        raise RuntimeError(f"The search function answered {answered['statuses']}")
    cpu = answered["cpu"]
    return Row(what, ms(cpu), ms(bare), times(cpu / bare), at_most(cpu, MOST_SECONDS, "1.5 s"))


def _write_events(bench: Bench, pictures: Path) -> Path:
    first = min(path for path in pictures.rglob("*.*"))
    upload = base64.b64encode(first.read_bytes()).decode()
    image_id = image_id_of(first.relative_to(pictures).as_posix())
    file = bench.folder / "first events.json"
    file.write_text(json.dumps([similar_event(image_id), upload_event(upload)]))
    return file


def _first_answers(bench: Bench, events: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The median one of several fresh processes, by processor time."""
    found = [_fresh(events, environment) for _ in range(bench.sizes.first_answers + 1)]
    return sorted(found[1:], key=lambda one: float(one["cpu"]))[(len(found) - 1) // 2]


def _fresh(events: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", FIRST_ANSWER, str(events)]
    said = subprocess.run(
        command, check=True, capture_output=True, text=True, env=with_environment(environment)
    ).stdout
    answered: dict[str, Any] = json.loads(said.splitlines()[-1])
    return answered
