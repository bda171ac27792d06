"""The encoders: list them, add one, let one serve or try it, go back to the one before."""

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any

from local import client, console
from local.console import say, tell
from local.data_folder import DataFolder
from local.opening import functions_of, named_or_last, taken_or_locked
from local.trouble import USAGE, Trouble

STUCK_SECONDS = (
    30.0  # the same trouble all this time, over several attempts: tell, and wait no more
)


def list_models(asked: argparse.Namespace) -> int:
    """One line each: version, dimension, architecture, and what it does."""
    from lookalike.folder import Folder
    from lookalike.models import ModelStore, Serving

    data = named_or_last(asked.data)
    store = Folder(data.path / "models")
    state, _ = Serving(store).read()
    next_role = "trial" if state.trial else "next"
    roles = {state.previous: "previous", state.next: next_role, state.live: "live"}
    for card in sorted(ModelStore(store, store.root).cards(), key=lambda card: card.created_at):
        role = roles.get(card.model, "")
        say(f"{role:8}  {card.model}  {card.dimension}  {card.architecture}".rstrip())
    return 0


def promote(asked: argparse.Namespace) -> int:
    """Let another model serve. Answers go on meanwhile."""
    promote_and_wait(named_or_last(asked.data), asked.version)
    say(f"{asked.version} serves")
    tell("The model before it is kept up to date; to go back to it: lookalike rollback")
    return 0


def trial(asked: argparse.Namespace) -> int:
    """Let another model answer some sessions, or let it go."""
    if asked.stop == bool(asked.version) or asked.stop == (asked.share is not None):
        raise Trouble(
            "Say which model is to answer how many sessions, lookalike trial VERSION --share 0.5, "
            "or end the trial: lookalike trial --stop",
            USAGE,
        )
    data = named_or_last(asked.data)
    if asked.stop:
        state = _change(data, "stop_trial")
        say(f"{state['live']} answers everybody")
        return 0
    trial_and_wait(data, asked.version, asked.share)
    say(f"{asked.version} answers {asked.share:.0%} of the sessions")
    tell(
        f"What its clicks say: lookalike metrics. To let it serve: lookalike promote "
        f"{asked.version}; to let it go: lookalike trial --stop"
    )
    return 0


def rollback(asked: argparse.Namespace) -> int:
    """Let the previous model serve at once: its collection was kept up to date all along."""
    state = _change(named_or_last(asked.data), "rollback")
    say(f"{state['live']} serves")
    tell(f"{state['previous']} is kept up to date; the same command goes back to it.")
    return 0


def promote_and_wait(data: DataFolder, version: str) -> None:
    """Returns when the model serves. Raises Trouble when it does not come to that."""
    _see_through(data, "promote", {"model": version})


def trial_and_wait(data: DataFolder, version: str, share: float) -> None:
    """Returns when the model answers its share of the sessions. Raises Trouble otherwise."""
    _see_through(data, "trial", {"model": version, "share": share})


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
        stored(data, asked.folder)
    except InvalidRequest as error:
        raise Trouble(
            f"{error.fields[0].detail} It stands in {asked.folder / CARD_NAME}; training takes it "
            "as --model."
        ) from error
    return 0


def stored(data: DataFolder, folder: Path) -> None:
    from lookalike.folder import Folder
    from lookalike.models import ModelStore

    store = Folder(data.path / "models")
    card = ModelStore(store, store.root).add(folder)
    say(card.model)
    tell(f"Let it serve with: lookalike promote {card.model}")


def _see_through(data: DataFolder, wish: str, said: dict[str, Any]) -> None:
    """Name the next model and follow it until it is let in: filled, verified, admitted."""
    from local.up import ANY_PORT, ended, running

    other = taken_or_locked(data)
    if other is not None:
        _follow(other.url, wish, said)
        return
    with running(data, ANY_PORT, watching=False) as (laptop, url, _):
        _follow(url, wish, said)
        console.follow(laptop.progress, lambda: ended(laptop), threading.Event())  # its graph


def _follow(url: str, wish: str, said: dict[str, Any]) -> None:
    """Raises Trouble when the model was let go, by itself or by a person, or is stuck."""
    progress = client.get(f"{url}local/progress")
    if _is_let_in(progress, said):
        return
    client.post(f"{url}local/{wish}", json.dumps(said).encode(), "application/json")
    troubled = time.monotonic()

    def ended() -> bool:
        nonlocal progress, troubled
        before, progress = progress, client.get(f"{url}local/progress")
        if not progress["trouble"] or progress["trouble"] != before["trouble"]:
            troubled = time.monotonic()
        if time.monotonic() - troubled > STUCK_SECONDS:
            raise Trouble(f"{progress['trouble']} It is tried again; see: lookalike doctor")
        return _is_let_in(progress, said) or progress["next"] != said["model"]

    console.follow(lambda: progress, ended, threading.Event())
    if not _is_let_in(progress, said):
        raise Trouble(progress["trouble"] or f"{said['model']} was let go before it was ready.")


def _is_let_in(progress: dict[str, Any], said: dict[str, Any]) -> bool:
    if "share" not in said:
        return bool(progress["model"] == said["model"])
    trial = progress["trial"]
    same = progress["next"] == said["model"] and trial and trial["share"] == said["share"]
    return bool(same and trial["since"])


def _change(data: DataFolder, wish: str) -> dict[str, Any]:
    """A change that is done when it returns; the serving state after it."""
    other = taken_or_locked(data)
    if other is not None:
        state: dict[str, Any] = client.post(f"{other.url}local/{wish}", b"", "application/json")
        return state
    with functions_of(data):
        from lookalike import wiring

        try:
            getattr(wiring.reindex(), wish)()
            return wiring.serving().read()[0].as_json()
        finally:
            wiring.index().close()
