"""The steps of a retraining, each a process of its own that may be ended and run again."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.data_folder import DataFolder
from local.retraining.run import TRAINED, Run
from local.trouble import FAILED, USAGE, Trouble

REFUSED = 4  # the exit code of a gate that says no
LEASHED = "local.retraining.leashed"
STDERR = 2  # where a step says how far it is; results alone go to stdout


@dataclass(frozen=True)
class Steps:
    """Where one run works. lock: inherited by what works for it, see `run.alone`."""

    data: DataFolder
    run: Run
    lock: IO[str]

    @property
    def dataset_folder(self) -> Path:
        return self.run.folder / "dataset"

    @property
    def pictures(self) -> Path:
        return self.run.folder / "pictures"

    @property
    def trained(self) -> Path:
        return self.run.folder / TRAINED

    @property
    def checkpoints(self) -> Path:
        return self.run.folder / "checkpoints"

    @property
    def gate_folder(self) -> Path:
        return self.run.folder / "gate"

    def dataset(self) -> None:
        """Weighted pairs of what had been clicked when the run began.

        Raises Trouble when it is too little for a gate to judge by: before any training.
        """
        log = self.data.path / "interactions"
        if not any(log.glob("dt=*/*")):
            raise Trouble(f"Nothing has been clicked yet. {needed()}", USAGE)
        self.lay_out_pictures()
        code = self._process(
            "training.clicks",
            *("--interactions", log, "--images", self.pictures),
            *("--out", self.dataset_folder, "--until", self.run.started_at.isoformat()),
            "--shared-address",
        )
        if code == USAGE:
            raise Trouble(f"There is too little to learn from. {needed()}", USAGE)
        self._must("training.clicks", code)
        self._must_suffice()

    def train(self) -> None:
        """From the live model on; a training that was ended goes on from its last checkpoint."""
        self.forget_gone()
        settings = [
            part
            for name, value in self.run.settings["recipe"].items()
            for part in (f"--{name.replace('_', '-')}", str(value))
        ]
        code = self._process(
            "training.train",
            *("--weights", self._live_folder(), "--pictures", self.pictures),
            *("--clicks", self.dataset_folder / "clicks.jsonl", "--model", self.run.model),
            *("--out", self.trained, "--checkpoints", self.checkpoints),
            *settings,
        )
        self._must("training.train", code)

    def gate(self) -> None:
        """Challenger against live; the verdict is in the run's folder, whatever it is."""
        models = self.run.folder / "models"
        shutil.rmtree(models, ignore_errors=True)
        models.mkdir()
        (models / self.run.model).symlink_to(self.trained / "model")
        (models / self.run.live).symlink_to(self._live_folder())
        gold = self.run.settings["gold"] or self._gold_beside()
        code = self._process(
            "training.gate",
            *("--challenger", self.run.model, "--live", self.run.live, "--models", models),
            *("--images", self.pictures, "--clicks", self.dataset_folder),
            *("--out", self.gate_folder),
            *(("--gold", gold) if gold else ()),
        )
        if code != REFUSED:
            self._must("training.gate", code)

    def verdict(self) -> Mapping[str, Any]:
        told: dict[str, Any] = json.loads((self.gate_folder / "verdict.json").read_bytes())
        return told

    def add(self) -> None:
        """Copy the model into the store; it exists there once its card does."""
        from lookalike.folder import Folder
        from lookalike.models import ModelStore

        store = Folder(self.data.path / "models")
        ModelStore(store, store.root).add(self.trained / "model")

    def lay_out_pictures(self) -> None:
        """The catalogue of this moment as links to its files, by key.

        Uploads lie apart from the folder's own pictures, and a training that goes on must find as
        many pictures as it began with.
        """
        from lookalike.folder import Folder
        from lookalike.images import looks_like_picture

        shutil.rmtree(self.pictures, ignore_errors=True)
        written = self.data.path / "written"
        catalogue = Folder(self.data.pictures, written, accepts=looks_like_picture)
        here = Folder(self.pictures)
        for key, _ in catalogue.keys():
            link, file = here.path_of(key), catalogue.path_of(key)
            if link is not None and file is not None:
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file)

    def forget_gone(self) -> None:
        """A checkpoint is of so many pictures: without one of them, training begins again."""
        links = (path for path in self.pictures.rglob("*") if path.is_symlink())
        gone = [link for link in links if not link.exists()]
        for link in gone:
            link.unlink()
        if gone:
            shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _must_suffice(self) -> None:
        from training.gate import held_out

        pairs = held_out.read(self.dataset_folder)
        worth = held_out.effective(pair.weight for pair in pairs)
        askers = len({pair.asker for pair in pairs})
        pairs_needed, worth_needed, askers_needed = least()
        if len(pairs) >= pairs_needed and worth >= worth_needed and askers >= askers_needed:
            return
        clicks = json.loads((self.dataset_folder / "dataset.json").read_bytes())["clicks"]
        raise Trouble(
            f"Too few clicks yet: of {clicks['all']:,} the latest that count make {len(pairs)} "
            f"pairs, worth {worth:.0f} equal ones, of {askers} pictures. {needed()}",
            USAGE,
        )

    def _live_folder(self) -> Path:
        from lookalike.cards import CARD_NAME
        from lookalike.models import SHIPPED

        folder = self.data.path / "models" / self.run.live
        return folder if (folder / CARD_NAME).is_file() else SHIPPED

    def _gold_beside(self) -> str:
        from training.gate.gathering import gold_beside

        return gold_beside(str(self.data.path / "models"))

    def _must(self, module: str, code: int) -> None:
        if code:
            stopped = 128 - code if code < 0 else code
            raise Trouble(
                f"python -m {module} ended with {stopped}, for the reason above. The same command "
                "goes on from here; with --new it begins anew.",
                stopped if stopped == USAGE or stopped > 128 else FAILED,
            )

    def _process(self, module: str, *arguments: str | Path) -> int:
        """Its exit code. However this process ends, that one ends too."""
        scratch = self.run.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        leash, ours = os.pipe()
        process = subprocess.Popen(  # noqa: S603 — our own modules
            [sys.executable, "-m", LEASHED, str(leash), module, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=STDERR,
            pass_fds=(leash, self.lock.fileno()),
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        os.close(leash)
        try:
            return process.wait()
        finally:
            os.close(ours)  # lets go of it, if it still works: a training keeps its last step
            process.wait()


def least() -> tuple[int, float, int]:
    from training.gate.checks import LEAST_ASKERS, LEAST_EFFECTIVE, LEAST_PAIRS

    return LEAST_PAIRS, LEAST_EFFECTIVE, LEAST_ASKERS


def needed() -> str:
    pairs, worth, askers = least()
    return (
        f"Needed are {pairs} pairs of an asked and a clicked picture, worth {worth:.0f} equal "
        f"ones, of {askers} pictures, among the latest fifth of the clicks: some {5 * pairs} "
        "clicks in all."
    )
