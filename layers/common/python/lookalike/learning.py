"""The learning run, step by step: each is harmless to repeat, and any may be the last to run."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self, get_args

from lookalike.admission import checked_share, occupied
from lookalike.cards import CARD_NAME, ModelCard
from lookalike.catalogue import subject_of
from lookalike.errors import DependencyError, InvalidRequest, ModelUnavailable, UnreadableImage
from lookalike.ingest import Ingest, Outcome
from lookalike.lease import Lease
from lookalike.model_archive import MAX_ARCHIVE_BYTES, unpack
from lookalike.models import ModelStore, Serving, ServingState
from lookalike.reindex import Reindex
from lookalike.stores import MissingObject, Store

Entry = Literal["retrain", "promote", "trial", "stop", "rollback"]
AT_ONCE = ("stop", "rollback")  # one compare-and-set, which waits for nobody
MAX_VERDICT_BYTES = 1_000_000
Locate = Callable[[str], tuple[Store, str]]  # "s3://bucket/key" → the store, and the key in it


@dataclass(frozen=True, slots=True)
class Order:
    """What a run is to do, as whoever starts the machine says it, unchecked.

    share: of the sessions, for a trial; of a retraining, too. started_at: what a new model is named
        after, so that a repeat names the same.
    """

    entry: str
    execution: str
    started_at: str
    model: str | None = None
    share: float | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Raises KeyError."""
        own = (said["entry"], said["execution"], said["started_at"])
        return cls(*own, said.get("model"), said.get("share"))


@dataclass(frozen=True, slots=True)
class Started:
    """model: the one that will serve if all goes well; None where there is none to go back to.

    share: of the sessions that it is to answer first; None where it is to serve.
    """

    entry: Entry
    model: str | None
    live: str
    previous: str | None
    share: float | None


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

    def start(self, order: Order) -> Started:
        """Take the lease and name the model. A next model that a dead run left is let go; one that
        answers on trial is not: a person promotes it or stops its trial.

        A rollback, or the end of a trial, waits for nobody and needs no lease: it is one
        compare-and-set, and stops what is being filled. Raises RunInProgress.
        """
        state, _ = self.serving.read()
        entry, model = self._named(order, state)
        share = _share_of(entry, order.share)
        if entry not in AT_ONCE:
            self.lease.take(order.execution)
            try:
                state = self._make_room(model)
            except InvalidRequest:
                self.lease.give_back(order.execution)
                raise
        return Started(entry, model, state.live, state.previous, share)

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

    def _make_room(self, model: str | None) -> ServingState:
        """Returns the state as it was when nobody else could begin to fill any more."""
        state, _ = self.serving.read()
        if state.next not in (None, model):
            if state.challenger:
                raise InvalidRequest("/entry", occupied(state))
            self.reindex.abandon(str(state.next))
        return state

    def _named(self, order: Order, state: ServingState) -> tuple[Entry, str | None]:
        model = order.model
        match order.entry:
            case "retrain":
                return "retrain", f"clicks-{_moment(order.started_at):%Y%m%d-%H%M%S}"
            case "promote" | "trial" as entry:
                if not model or self.models.store.head(f"{model}/{CARD_NAME}") is None:
                    raise InvalidRequest("/model", f"The model store has no model {model}.")
                return entry, model
            case "stop":
                if state.trial is None or model not in (None, state.next):
                    raise InvalidRequest(
                        "/model", f"{model} is not on trial." if model else "No model is on trial."
                    )
                return "stop", state.next
            case "rollback":
                return "rollback", model or state.previous
        one_of = ", ".join(get_args(Entry))
        raise InvalidRequest("/entry", f"{order.entry!r} is not one of {one_of}.")


def _share_of(entry: Entry, share: object) -> float | None:
    """Only what fills a collection may be a trial, and a trial must."""
    if entry == "trial" or (entry == "retrain" and share is not None):
        return checked_share(share)
    if share is not None:
        raise InvalidRequest("/share", f"is not for {entry}")
    return None


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
