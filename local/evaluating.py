"""`lookalike evaluate`: how well an encoder finds pictures of one kind, on your own pictures."""

import argparse
from typing import TYPE_CHECKING

from local.console import plain_json, say, tell
from local.data_folder import DataFolder, last
from local.trouble import FAILED, USAGE, Trouble

if TYPE_CHECKING:
    from lookalike.encoder import Encoder


def evaluate(asked: argparse.Namespace) -> int:
    """Tables, or JSON, on stdout; 3 with --strict if a picture was skipped.

    Reads models alone: it may run while another process has the data folder open.
    """
    from lookalike.errors import CallerError

    try:
        return _evaluate(asked)
    except CallerError as error:
        raise Trouble(str(error), USAGE) from error


def _evaluate(asked: argparse.Namespace) -> int:
    from training import evaluate, protocols, tables
    from training.outcome import evaluated

    if asked.report:
        evaluate.writable(asked.report)
        evaluate.drawable()
    question = protocols.of_folders(asked.folder)
    encoders = _encoders(asked)
    outcome = evaluated(encoders, [question])
    if asked.report:
        evaluate.report(outcome, encoders, asked.report)
        tell(f"The pictures behind the numbers: {asked.report}")
    if asked.json:
        print(plain_json(evaluate.as_text(outcome, with_slices=True)), end="")
    else:
        for line in tables.text(outcome, with_slices=True).split("\n"):
            say(line)
    return evaluate.exit_code(outcome, asked.strict)


def _encoders(asked: argparse.Namespace) -> "list[Encoder]":
    """The models that were named; otherwise the one that serves, or the shipped one."""
    from lookalike.encoder import Encoder
    from lookalike.models import SHIPPED

    data = DataFolder(asked.data.expanduser()) if asked.data else _last()
    if data is None:
        if asked.model:
            raise Trouble("Nothing has been indexed yet; begin with: lookalike index DIR", FAILED)
        return [Encoder(SHIPPED)]
    return _of(data, asked.model)


def _of(data: DataFolder, versions: list[str]) -> "list[Encoder]":
    from lookalike.folder import Folder
    from lookalike.models import ModelStore, Serving

    _ = data.pictures  # proves that it is a data folder
    folder = Folder(data.path / "models")
    store = ModelStore(folder, folder.root)
    known = {card.model for card in store.cards()}
    for version in versions:
        if version not in known:
            raise Trouble(f"There is no model {version}; those there are: lookalike models", USAGE)
    chosen = versions or [Serving(folder).read()[0].live]
    tell(f"Measuring {', '.join(chosen)} of {data.path}")
    return [store.encoder(version) for version in chosen]


def _last() -> DataFolder | None:
    recent = last()
    return DataFolder(recent) if recent else None
