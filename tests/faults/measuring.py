"""The cells of one dependency, run in a process of their own, and told as they end."""

import logging
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tests.faults.matrix import Dependency, Found, Matrix, cells
from tests.faults.pace import Pace
from tests.faults.place import place


def measured(
    dependency: Dependency, faults: Sequence[str], faster: float, seed: int
) -> list[Found]:
    """moto, and what a sandbox knows, are there once in each process."""
    _hush()
    random.seed(seed)  # what botocore draws its pauses from
    terminal = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())  # what functions print is their log
    pace = Pace(faster)
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as folder,
        place(Path(folder), pace) as here,
    ):
        matrix = Matrix(here, pace)
        matrix.begin()
        found = []
        for cell in cells([dependency]):
            if not faults or cell.kind in faults:
                for one in matrix.sweep(cell):
                    found.append(one)
                    _tell(one, terminal)
    return found


def say(text: str, terminal: TextIO | None = None) -> None:
    stream = terminal or sys.stdout
    stream.write(text + "\n")
    stream.flush()


def _tell(one: Found, terminal: TextIO) -> None:
    said = f"{one.said.words}, {one.seconds:.1f} s, {one.attempts} attempts"
    say("\n  BROKEN: ".join([f"{one.cell.name}: {said}", *one.broken]), terminal)


def _hush() -> None:
    """Moto's server tells of every request, and Qdrant's client that tests have no certificate."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
