"""What the training benches are given, and the trainings that they measure."""

import csv
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

from lookalike.cards import CARD_NAME
from training import pictures, train
from training.default_encoder import TEACHER_WEIGHTS
from training.import_model import import_torchvision
from training.pictures import Labelled, NoData
from training.protocols import UNSEEN_FROM

HALF = (0.5, 0.5, 0.5)  # mean and std that the teacher's weights expect of pixels
FINE_TUNING = (  # chosen on the validation split, see docs/experiments.md
    *("--normalisation", "half", "--arch", "mobilenet_v2", "--each", "4"),
    *("--learning-rate", "5e-4", "--layer-decay", "0.85", "--start-share", "0.3"),
)


@dataclass(frozen=True)
class Plan:
    """data: the data for development. work: what is made stays here, and is not made again.

    batch: rows of a step. size: of the fine-tuned encoders; steps, unseen_steps: with all classes,
    with 0–40 alone.
    minutes, seeds, rival_size, workers, rehearsed: of the comparison with other
    libraries; workers decode for them, rehearsed steps tell how many fit into the minutes.
    """

    data: Path
    work: Path
    batch: int = 128
    size: int = 192
    steps: int = 420
    unseen_steps: int = 240
    minutes: float = 4.0
    seeds: int = 1
    rival_size: int = 128
    workers: int = 2
    rehearsed: int = 10
    rounds: int = 10

    def check(self) -> None:
        """Raises NoData."""
        for wanted in ("grocery81/labels.csv", TEACHER_WEIGHTS):
            if not (self.data / wanted).is_file():
                raise NoData(
                    f"There is no {self.data / wanted}; say with --data where the data for "
                    "development is."
                )

    @property
    def weights(self) -> Path:
        return self.data / TEACHER_WEIGHTS

    @cached_property
    def learnt(self) -> list[Labelled]:
        return pictures.grocery(self.data, "train")

    @cached_property
    def teacher(self) -> Path:
        """The model folder of the frozen network that everything starts from."""
        folder = self.work / "teacher"
        if not (folder / CARD_NAME).is_file():
            weights = str(self.weights)
            import_torchvision("mobilenet_v2", weights, folder, mean=HALF, std=HALF)
        return folder

    @cached_property
    def fine_tuned(self) -> "Trained":
        return self._trained("fine-tuned", pictures.grocery_classes(self.data), self.steps)

    @cached_property
    def unseen(self) -> "Trained":
        """Trained on the labels, and the pictures, of classes 0–40 alone."""
        seen = pictures.grocery_classes(self.data)[:UNSEEN_FROM]
        return self._trained("fine-tuned-0-40", seen, self.unseen_steps)

    def _trained(self, name: str, classes: Sequence[str], steps: int) -> "Trained":
        table = self.work / f"{name}.csv"
        write_table(table, self.data, set(classes))
        trained = Trained(self.work / name, (
            *("--labels", str(table), "--weights", str(self.weights), *FINE_TUNING),
            *("--size", str(self.size), "--batch", str(self.batch), "--steps", str(steps)),
            *("--model", name),
            *("--cache", str(self.work / "cache"), "--out", str(self.work / name)),
        ))  # fmt: skip
        trained.finish()
        return trained


@dataclass(frozen=True)
class Trained:
    """A run of training.train in a folder of its own."""

    folder: Path
    arguments: tuple[str, ...]

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def command(self) -> str:
        return " ".join(["python -m training.train", *self.arguments])

    def finish(self) -> None:
        """Run it, or go on with it; nothing if its model is there. Ends the program if it fails."""
        if (self.model / CARD_NAME).is_file():
            return
        with redirect_stdout(sys.stderr):
            code = train.main(self.arguments)
        if code or not (self.model / CARD_NAME).is_file():
            raise SystemExit(code or 1)

    def typical(self, name: str) -> float | None:
        """The median of what was reported along the way; None without a history."""
        history = self.folder / "checkpoints" / "history.jsonl"
        if not history.is_file():
            return None
        told = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
        values = [one[name] for one in told if name in one]
        return median(values) if values else None


def write_table(
    file: Path, data: Path, classes: set[str], splits: Sequence[str] = ("train", "val")
) -> None:
    """What training.train reads: path, label and, if there are several, split; never of test."""
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = 3 if len(splits) > 1 else 2
    with file.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow(["path", "label", "split"][:columns])
        for split in splits:
            for one in pictures.grocery(data, split):
                if one.label in classes:
                    table.writerow([str(one.path.resolve()), one.label, split][:columns])
