"""The learning run, step by step: each is harmless to repeat, and any may be the last to run."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

from lookalike.cards import CARD_NAME, ModelCard
from lookalike.catalogue import subject_of
from lookalike.errors import DependencyError, InvalidRequest, ModelUnavailable, UnreadableImage
from lookalike.ingest import Ingest, Outcome
from lookalike.lease import Lease
from lookalike.model_archive import MAX_ARCHIVE_BYTES, unpack
from lookalike.models import ModelStore, Serving, ServingState
from lookalike.reindex import Reindex
from lookalike.stores import MissingObject, Store

Entry = Literal["retrain", "promote", "rollback"]
MAX_VERDICT_BYTES = 1_000_000
Locate = Callable[[str], tuple[Store, str]]  # "s3://bucket/key" → the store, and the key in it


@dataclass(frozen=True, slots=True)
class Started:
    """model: the one that will serve if all goes well; None where there is none to go back to."""

    entry: Entry
    model: str | None
    live: str
    previous: str | None


class Learning:
    """What the state machine asks for. Training itself is a job of its own."""

    def __init__(
        self, reindex: Reindex, models: ModelStore, serving: Serving, ingest: Ingest, locate: Locate
    ) -> None:
        self.reindex = reindex
        self.models = models
        self.serving = serving
        self.ingest = ingest
        self.locate = locate
        self.lease = Lease(models.store)

    def start(self, entry: str, execution: str, started_at: str, model: str | None) -> Started:
        """Take the lease and name the model. A next model that a dead run left is let go.

        The name is made from started_at, so that a repeat names the same. A rollback waits for
        nobody and needs no lease: it is one compare-and-set, and stops what is being filled.
        Raises RunInProgress.
        """
        state, _ = self.serving.read()
        named = self._named(entry, started_at, model, state)
        if entry != "rollback":
            self.lease.take(execution)
            state, _ = self.serving.read()
            if state.next not in (None, named[1]):
                self.reindex.abandon(str(state.next))
        return Started(*named, state.live, state.previous)

    def register(self, model: str, artifact: str) -> str:
        """Prove what a training job left, and add it to the models; returns its version."""
        store, key = self.locate(artifact)
        data = _read(store, key, "/artifact", MAX_ARCHIVE_BYTES)
        with TemporaryDirectory() as unpacked:
            folder = Path(unpacked)
            unpack(data, folder)
            try:
                card = ModelCard.read(folder)
                if card.model != model:
                    raise InvalidRequest("/artifact", f"Its card says {card.model}, not {model}.")
                self.models.add(folder)
            except ModelUnavailable as error:  # asking again makes it no better
                raise InvalidRequest("/artifact", str(error)) from error
        return model

    def judge(self, model: str, verdict: str) -> tuple[bool, str]:
        """What the gate decided, and why. What is not plainly a yes is an error, not a no."""
        store, key = self.locate(verdict)
        data = _read(store, key, "/verdict", MAX_VERDICT_BYTES)
        try:
            said = json.loads(data)
            accepted, reason = said["accepted"], said["reason"]
            if not isinstance(accepted, bool) or not isinstance(reason, str):
                raise TypeError("accepted is a truth value, and reason a text")
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidRequest("/verdict", f"It cannot be read: {error!r}.") from error
        if said.get("model", model) != model:
            raise InvalidRequest("/verdict", f"It is about {said['model']}, not {model}.")
        return accepted, reason

    def fill(self, model: str, keys: Iterable[str]) -> dict[str, int]:
        """Sync these keys of the bucket, as they are listed, and count what became of them.

        A sidecar stands for its picture. One key that fails holds up no other: its error is raised
        when the rest is done.
        """
        if model not in self.serving.read()[0].models():
            raise InvalidRequest("/model", f"{model} is not being filled any more.")
        counts: dict[str, int] = dict.fromkeys(get_args(Outcome), 0)
        failed: DependencyError | None = None
        for key in dict.fromkeys(map(subject_of, keys)):
            try:
                counts[self.ingest.sync(key)] += 1
            except DependencyError as error:
                failed = failed or error
        if failed:
            raise failed
        return counts

    def finish(self, execution: str) -> dict[str, str]:
        """Give the lease back, so that the next run may begin; there is nothing to tell."""
        self.lease.give_back(execution)
        return {}

    def _named(
        self, entry: str, started_at: str, model: str | None, state: ServingState
    ) -> tuple[Entry, str | None]:
        if entry == "retrain":
            moment = _moment(started_at)
            return "retrain", f"clicks-{moment:%Y%m%d-%H%M%S}"
        if entry == "promote":
            if not model or self.models.store.head(f"{model}/{CARD_NAME}") is None:
                raise InvalidRequest("/model", f"The model store has no model {model}.")
            return "promote", model
        if entry == "rollback":
            return "rollback", model or state.previous
        raise InvalidRequest("/entry", f"{entry!r} is not retrain, promote or rollback.")


def _moment(text: str) -> datetime:
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return moment.astimezone(UTC)
    raise InvalidRequest("/started_at", f"{text!r} is no time with its zone.")


def _read(store: Store, key: str, pointer: str, max_bytes: int) -> bytes:
    try:
        return store.get(key, max_bytes)[0]
    except MissingObject as error:
        raise InvalidRequest(pointer, f"There is no object {key}.") from error
    except UnreadableImage as error:
        raise InvalidRequest(pointer, f"{key} has more than {max_bytes} bytes.") from error
