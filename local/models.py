"""`lookalike model`: list the encoders, add one, let another one serve, or the one before it."""

import argparse
import json
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from local import client, console
from local.console import tell
from local.data_folder import DataFolder
from local.opening import functions_of, named_or_last, taken_or_locked
from local.trouble import USAGE, Trouble

if TYPE_CHECKING:
    from PIL.Image import Image

SAMPLE = 200  # pictures; each is encoded a few times


def list_models(asked: argparse.Namespace) -> int:
    """One line each: version, dimension, architecture, and what it does."""
    from lookalike.folder import Folder
    from lookalike.models import ModelStore, Serving

    data = named_or_last(asked.data)
    store = Folder(data.path / "models")
    state, _ = Serving(store).read()
    roles = {state.previous: "previous", state.next: "next", state.live: "live"}
    for card in sorted(ModelStore(store, store.root).cards(), key=lambda card: card.created_at):
        role = roles.get(card.model, "")
        print(f"{role:8}  {card.model}  {card.dimension}  {card.architecture}".rstrip())
    return 0


def use(asked: argparse.Namespace) -> int:
    """Name the next model and see it through: fill, verify, switch. Answers go on meanwhile."""
    data = named_or_last(asked.data)
    other = taken_or_locked(data)
    if other is not None:
        body = json.dumps({"model": asked.version}).encode()
        client.post(f"{other.url}local/model", body, "application/json")
        tell(f"The Lookalike at {other.url} fills {asked.version} and lets it serve when done.")
        return 0
    return _use_here(data, asked.version)


def rollback(asked: argparse.Namespace) -> int:
    """Let the previous model serve at once: its collection was kept up to date all along."""
    data = named_or_last(asked.data)
    other = taken_or_locked(data)
    if other is not None:
        state = client.post(f"{other.url}local/rollback", b"", "application/json")
    else:
        state = _roll_back_here(data)
    print(f"{state['live']} serves")
    tell(f"{state['previous']} is kept up to date; the same command goes back to it.")
    return 0


def import_model(asked: argparse.Namespace) -> int:
    """Make a model folder, prove it, and copy it into the model store."""
    data = named_or_last(asked.data)
    _ = data.pictures
    with TemporaryDirectory() as made:
        folder = Path(made)
        _make(asked, folder, _sample(data))
        _stored(data, folder)
    return 0


def add(asked: argparse.Namespace) -> int:
    """Copy a model folder, such as training writes, into the model store.

    The same one again is harmless; another file under a version that is taken is refused.
    """
    from lookalike.cards import CARD_NAME, ONNX_NAME
    from lookalike.errors import InvalidRequest

    for name in (ONNX_NAME, CARD_NAME):
        if not (asked.folder / name).is_file():
            raise Trouble(f"{asked.folder} is no model folder: it has no {name}.", USAGE)
    data = named_or_last(asked.data)
    _ = data.pictures  # proves that it is a data folder
    try:
        _stored(data, asked.folder)
    except InvalidRequest as error:
        raise Trouble(
            f"{error.fields[0].detail} It stands in {asked.folder / CARD_NAME}; training takes it "
            "as --model."
        ) from error
    return 0


def _stored(data: DataFolder, folder: Path) -> None:
    from lookalike.folder import Folder
    from lookalike.models import ModelStore

    store = Folder(data.path / "models")
    card = ModelStore(store, store.root).add(folder)
    print(card.model)
    tell(f"Let it serve with: lookalike model use {card.model}")


def _roll_back_here(data: DataFolder) -> dict[str, Any]:
    with functions_of(data):
        from lookalike import wiring

        try:
            state = wiring.reindex().rollback()
        finally:
            wiring.index().close()
    return {"live": state.live, "previous": state.previous}


def _use_here(data: DataFolder, version: str) -> int:
    from local.up import ANY_PORT, ended, running

    with running(data, ANY_PORT, watching=False) as (laptop, _, terminal):
        laptop.use(version)
        console.follow(laptop.progress, lambda: ended(laptop), threading.Event())
        print(f"{version} serves", file=terminal, flush=True)
    return 0


def _make(asked: argparse.Namespace, folder: Path, pictures: "list[Image]") -> None:
    if asked.onnx is not None and asked.arch is None:
        _make_from_onnx(asked, folder, pictures)
    elif asked.arch is not None and asked.onnx is None:
        _make_from_torchvision(asked, folder, pictures)
    else:
        raise Trouble("Give --arch NAME for torchvision's weights, or --onnx FILE.", USAGE)


def _make_from_onnx(asked: argparse.Namespace, folder: Path, pictures: "list[Image]") -> None:
    missing = [f"--{name}" for name in ("size", "mean", "std") if getattr(asked, name) is None]
    if missing:
        raise Trouble(f"An ONNX file does not say how it was trained; give {missing[0]}.", USAGE)
    from lookalike.foreign import import_onnx

    import_onnx(asked.onnx, asked.size, asked.mean, asked.std, asked.fit, folder, pictures)


def _make_from_torchvision(
    asked: argparse.Namespace, folder: Path, pictures: "list[Image]"
) -> None:
    try:
        from training.import_model import import_torchvision
    except ImportError as error:
        raise Trouble(
            f"Torchvision's models need PyTorch ({error}); run: "
            f"{sys.executable} -m pip install -e '.[train]'"
        ) from error
    told = {name: getattr(asked, name) for name in ("size", "mean", "std")}
    known = {name: value for name, value in told.items() if value is not None}
    import_torchvision(asked.arch, asked.weights, folder, pictures, fit=asked.fit, **known)


def _sample(data: DataFolder) -> "list[Image]":
    """Thumbnails of the catalogue, spread over all of it, to calibrate thresholds on."""
    from PIL import Image

    found = sorted((data.path / "derived/thumbnails").glob("*.webp"))  # ids are hashes: no order
    pictures = []
    for path in found[:SAMPLE]:
        with Image.open(path) as picture:
            pictures.append(picture.convert("RGB"))
    return pictures
