"""A run as it stands, in one file: whole or not at all, and of one recipe."""

import os
from pathlib import Path
from typing import Any

import torch

from lookalike.errors import CallerError
from training.learner import Learner

FILE_NAME = "checkpoint.pt"


class UnusableCheckpoint(CallerError):
    """The checkpoint is of another run, or cannot be read or written."""


def save(learner: Learner, folder: Path, recipe: dict[str, Any]) -> None:
    """A kill at any moment leaves the checkpoint before it readable; so does a full disk."""
    unfinished = folder / (FILE_NAME + ".unfinished")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({"recipe": recipe, **learner.state()}, unfinished)
        os.replace(unfinished, folder / FILE_NAME)  # noqa: PTH105  (atomic, and says so)
    except (OSError, RuntimeError) as error:  # torch's writer raises RuntimeError on a full disk
        unfinished.unlink(missing_ok=True)
        raise UnusableCheckpoint(
            f"The checkpoint of step {learner.step} could not be written to {folder} ({error}). "
            "Make room there, or choose another --checkpoints; the one before it is intact."
        ) from error


def resume(learner: Learner, folder: Path, recipe: dict[str, Any]) -> bool:
    """Go on from the checkpoint if there is one; refuse one of another recipe."""
    path = folder / FILE_NAME
    if not path.is_file():
        return False
    try:
        state = torch.load(path, map_location=learner.device, weights_only=True)
    except Exception as error:  # torch raises whatever the unpickler met
        raise UnusableCheckpoint(f"{path} cannot be read; delete it to begin anew.") from error
    changed = sorted(name for name in recipe if state["recipe"].get(name) != recipe[name])
    if changed:
        raise UnusableCheckpoint(
            f"{path} was made with another {', '.join(changed)}: give the same again, or choose "
            "another --out, or delete it."
        )
    learner.restore(state)
    return True
