"""What a training says: to a person, to a log, to the disk."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.progress import Progress, Quiet

PROGRAM = """
import sys
from training.progress import Progress
with Progress(200) as progress:
    for step in (100, 200):
        progress.report(step, {"loss": 1.5, "images_per_second": 1234.0})
    progress.report(200, {"val_recall@1": 0.75})
"""

# No file may grow beyond 4 KB: what a full disk does to whoever writes, but for the error's name.
ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from training.progress import Progress
folder = Path(sys.argv[1])
with Progress(9_999, history=folder / "history.jsonl", tensorboard=folder / "curves") as progress:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    for step in range(300):
        progress.report(step, {"loss": 1.5, "images_per_second": 1234.0})
print("trained")
"""


def rows(file: Path) -> list[dict[str, float]]:
    return [json.loads(text) for text in file.read_text().splitlines()]


def curve(folder: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def at_a_terminal(program: str) -> tuple[str, str]:
    """What it shows where stderr is a terminal: first if stdout is a file, then if it is not."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environ,
        check=True,
        timeout=60,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return done.stdout.decode(), shown.decode()


def test_a_log_gets_a_line_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(200) as progress:
        progress.report(100, {"loss": 1.23456789, "learning_rate": 1e-05})
        progress.report(200, {"val_recall@1": 0.5, "pictures": 1_234_567})

    said = capsys.readouterr()
    assert said.out == (
        "metric step=100 metric loss=1.23457 metric learning_rate=1e-05\n"
        "metric step=200 metric val_recall@1=0.5 metric pictures=1234567\n"
    )
    assert said.err == ""


def test_a_person_sees_a_bar_and_the_log_gets_its_lines() -> None:
    log, screen = at_a_terminal(PROGRAM)

    assert log.splitlines() == [
        "metric step=100 metric loss=1.5 metric images_per_second=1234",
        "metric step=200 metric loss=1.5 metric images_per_second=1234",
        "metric step=200 metric val_recall@1=0.75",
    ]
    assert "200/200" in screen
    assert "loss 1.5 · 1,234 images/s" in screen
    assert "metric" not in screen


def test_validations_stay_above_the_bar_of_a_person_without_a_log() -> None:
    inner = f"import os; os.dup2(2, 1)\n{PROGRAM}"

    log, screen = at_a_terminal(inner)

    assert log == ""
    assert "metric step=200 metric val_recall@1=0.75" in screen
    assert "metric step=100" not in screen


def test_the_history_has_one_object_a_report(tmp_path: Path) -> None:
    file = tmp_path / "new" / "history.jsonl"

    with Progress(200, history=file) as progress:
        progress.report(100, {"loss": float("nan")})
        progress.report(200, {"loss": 0.5, "val_recall@1": 0.75})

    assert rows(file) == [
        {"step": 100, "loss": None},
        {"step": 200, "loss": 0.5, "val_recall@1": 0.75},
    ]


def test_a_resumed_training_reports_no_step_twice(tmp_path: Path) -> None:
    file, folder = tmp_path / "history.jsonl", tmp_path / "curves"
    with Progress(400, history=file, tensorboard=folder) as progress:
        for step in (100, 200, 300):
            progress.report(step, {"loss": 3.0})
    with file.open("a") as cut_short:
        cut_short.write('{"step": 1')  # kill -9 in the middle of a line

    with Progress(400, resumed=200, history=file, tensorboard=folder) as progress:
        for step in (300, 400):
            progress.report(step, {"loss": 1.0})

    assert [(row["step"], row["loss"]) for row in rows(file)] == [
        (100, 3.0),
        (200, 3.0),
        (300, 1.0),
        (400, 1.0),
    ]
    assert curve(folder, "loss") == [(100, 3.0), (200, 3.0), (300, 1.0), (400, 1.0)]


def test_a_training_from_the_start_forgets_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    for loss in (3.0, 1.0):
        with Progress(100, history=file) as progress:
            progress.report(100, {"loss": loss})

    assert rows(file) == [{"step": 100, "loss": 1.0}]


def test_tensorboard_gets_every_value_by_its_name(tmp_path: Path) -> None:
    with Progress(10, tensorboard=tmp_path) as progress:
        progress.report(10, {"loss": 0.5, "val_recall@1": 0.75})

    assert curve(tmp_path, "val_recall@1") == [(10, 0.75)]


def test_a_disk_that_fills_up_ends_no_training(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    whole = rows(tmp_path / "history.jsonl")
    assert done.stdout.splitlines()[-1] == "trained"
    assert done.stdout.count("metric step=") == 300
    assert [row["step"] for row in whole] == list(range(len(whole)))  # no line is cut short
    assert done.stderr.count("The history cannot be written") == 1
    assert done.stderr.count("TensorBoard's log cannot be written") == 1


def test_a_log_that_cannot_start_ends_no_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")

    with Progress(1, history=in_the_way / "history.jsonl") as progress:
        progress.report(1, {"loss": 0.5})

    said = capsys.readouterr()
    assert said.out == "metric step=1 metric loss=0.5\n"
    assert said.err.count("the training goes on without") == 1


def test_the_other_processes_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Quiet() as progress:
        progress.report(1, {"loss": 0.5})

    said = capsys.readouterr()
    assert said.out + said.err == ""
