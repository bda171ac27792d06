"""What a training says while it runs: a bar or lines, a history on disk, TensorBoard's curves."""

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, Self

Values = Mapping[str, float]

VALIDATION = "val_"  # what is measured, rather than trained, is named like this
SPEED_SECONDS = 600.0  # the time left is guessed from so long; reports may be minutes apart
FLUSH_SECONDS = 30  # somebody may be looking at TensorBoard


class Log(Protocol):
    """An OSError from any of these costs a warning, and no more."""

    name: str

    def write(self, step: int, values: Values) -> None: ...

    def close(self) -> None: ...


class Quiet:
    """Says nothing: for every process but the first."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        return None

    def report(self, step: int, values: Values) -> None:
        """What was measured up to this step of the whole training."""


class Progress(Quiet):
    """Says everything: for the first process, or the only one.

    At a terminal a person sees a bar, on stderr; anything else gets one line a report on stdout,
    as `sagemaker.METRIC_DEFINITIONS` reads it. A log that cannot be written, such as on a full
    disk, costs one warning and never the training.

    steps: of the whole training. resumed: how many of them are in the checkpoint; what an earlier
    run reported beyond that goes from the history and from TensorBoard, because those steps are
    done and reported again. history: a file, one JSON object a report. tensorboard: a folder.
    """

    def __init__(
        self,
        steps: int,
        *,
        resumed: int = 0,
        history: Path | None = None,
        tensorboard: Path | None = None,
    ) -> None:
        self._wanted: list[Callable[[], Log]] = []
        if sys.stderr.isatty():
            self._wanted.append(lambda: Bar(steps, resumed))
        if not (sys.stderr.isatty() and sys.stdout.isatty()):
            self._wanted.append(Lines)
        if history is not None:
            self._wanted.append(lambda: History(history, resumed))
        if tensorboard is not None:
            self._wanted.append(lambda: Curves(tensorboard, resumed))
        self._logs: list[Log] = []
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        for start in self._wanted:
            try:
                self._logs.append(start())
            except OSError as error:
                self._warn("A log", error)
        return self

    def __exit__(self, *ended: object) -> None:
        for log in self._logs:
            try:
                log.close()
            except OSError as error:
                self._warn(log.name, error)

    def report(self, step: int, values: Values) -> None:
        plain = {name: v if isinstance(v, int) else float(v) for name, v in values.items()}
        for log in self._logs:
            try:
                log.write(step, plain)
            except OSError as error:
                self._warn(log.name, error)

    def _warn(self, name: str, error: OSError) -> None:
        if name not in self._warned:
            self._warned.add(name)
            tell(f"{name} cannot be written ({error}); the training goes on without.")


def tell(words: str) -> None:
    """To a person; if even that fails, nobody is there."""
    try:
        print(words, file=sys.stderr, flush=True)
    except OSError:
        return


def line(step: int, values: Values) -> str:
    """`metric step=200 metric loss=1.23`: six digits, but a whole number as it is."""
    pairs = {"step": step, **values}
    return " ".join(f"metric {name}={_text(value)}" for name, value in pairs.items())


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


class Lines:
    """For a log file, a pipe, CloudWatch."""

    name = "The log"

    def write(self, step: int, values: Values) -> None:
        print(line(step, values), flush=True)

    def close(self) -> None:
        return None


class Bar:
    """For a person: steps, loss, pictures a second and the time left. Validations stay above it."""

    name = "The bar"

    def __init__(self, steps: int, resumed: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[seen]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            redirect_stdout=sys.stdout.isatty(),  # a file must get its lines
            speed_estimate_period=SPEED_SECONDS,
        )
        self.task = self.bars.add_task("training", total=steps, completed=resumed, seen="")
        self.bars.start()

    def write(self, step: int, values: Values) -> None:
        seen = [f"loss {values['loss']:.4g}"] if "loss" in values else []
        if "images_per_second" in values:
            seen.append(f"{values['images_per_second']:,.0f} images/s")
        if seen:
            self.bars.update(self.task, completed=step, seen=" · ".join(seen))
        if sys.stdout.isatty() and any(name.startswith(VALIDATION) for name in values):
            print(line(step, values), flush=True)

    def close(self) -> None:
        self.bars.stop()


class History:
    """One JSON object a report: `step`, then the values; null for what is no number."""

    name = "The history"

    def __init__(self, file: Path, resumed: int) -> None:
        self.file = file
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            beside = file.with_name(file.name + ".new")
            beside.write_text("".join(kept(file, resumed)), encoding="utf-8")
            beside.replace(file)

    def write(self, step: int, values: Values) -> None:
        """Add a whole line or nothing, so that a disk with space again goes on with a good file."""
        numbers = {name: value if math.isfinite(value) else None for name, value in values.items()}
        row = json.dumps({"step": step, **numbers}) + "\n"
        with self.file.open("ab", buffering=0) as written:
            before = os.fstat(written.fileno()).st_size
            try:
                done = written.write(row.encode())
                if done != len(row):
                    raise OSError(f"only {done} of {len(row)} bytes fitted")
            except OSError:
                os.ftruncate(written.fileno(), before)
                raise

    def close(self) -> None:
        return None


def kept(file: Path, resumed: int) -> list[str]:
    """The history's lines up to that step; a last line that was cut short is no line."""
    lines = []
    for text in file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        try:
            if json.loads(text)["step"] <= resumed and text.endswith("\n"):
                lines.append(text)
        except (ValueError, KeyError, TypeError):
            continue
    return lines


class Curves:
    """TensorBoard's scalars."""

    name = "TensorBoard's log"

    def __init__(self, folder: Path, resumed: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder), purge_step=resumed + 1, flush_secs=FLUSH_SECONDS)

    def write(self, step: int, values: Values) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()
