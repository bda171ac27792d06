"""The same log, read naively: a pair counts as often as it was clicked, wherever it stood."""

import subprocess
import sys
from pathlib import Path

from local.data_folder import DataFolder
from local.trouble import Trouble


def naively_trained(data: DataFolder, live: Path, until: str, folder: Path) -> Path:
    """A model folder in `folder`, made like the challenger but for the weights of its pairs.

    live: the model folder that it goes on from. until: when the challenger's log ended.
    """
    from training.retraining import RECIPE

    settings = [
        part for name, value in RECIPE.items() for part in (f"--{name.replace('_', '-')}", value)
    ]
    _run(
        "training.clicks",
        *("--interactions", data.path / "interactions", "--images", data.pictures),
        *("--until", until, "--shared-address", "--weights", "counts", "--out", folder / "dataset"),
    )
    _run(
        "training.train",
        *("--weights", live, "--pictures", data.pictures),
        *("--clicks", folder / "dataset/clicks.jsonl", "--model", "naive", "--out", folder),
        *settings,
    )
    return folder / "model"


def _run(module: str, *arguments: object) -> None:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 — ours
    if done.returncode:
        raise Trouble(f"python -m {module} ended with {done.returncode}: {done.stderr.strip()}")
