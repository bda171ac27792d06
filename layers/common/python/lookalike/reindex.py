"""Another encoder takes over: fill its collection, verify, switch, retire the one before last."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from lookalike import verification
from lookalike.admission import hint, occupied, wanted
from lookalike.errors import IndexUnavailable, InvalidRequest, StoreUnavailable
from lookalike.index import Index
from lookalike.ingest import Ingest
from lookalike.models import ModelStore, Serving, ServingState
from lookalike.reconcile import Listing, compare, look
from lookalike.stores import PreconditionFailed, Store
from lookalike.verification import Verification

MAX_PASSES = 10  # a catalogue that changes faster than it can be filled needs a person
# A census of a million pictures takes minutes, in which some come and go. So few are looked at once
# more, one by one; more than that are behind in earnest.
LOOK_AGAIN = 1_000


class Reindex:
    """Blue/green: queries are answered by `live` until one compare-and-set names another, or
    admits the next one to a trial.

    From the moment `next` is named, ingest writes to its collection too, so filling it and
    following the store are the same act, and neither misses a change. Each step can be repeated
    after a crash at any point. A change of the serving state that another change came before
    raises StoreUnavailable: ask again.
    """

    def __init__(
        self, images: Store, index: Index, models: ModelStore, serving: Serving, ingest: Ingest
    ) -> None:
        self.images = images
        self.index = index
        self.models = models
        self.serving = serving
        self.ingest = ingest

    def nominate(self, model: str, share: float | None = None) -> str:
        """Name the next model, which may be the previous: that one stays ready until the switch.

        share: of the sessions, for a trial instead of the switch. Where the model is next already
            the last word counts: with another share its trial begins anew, without one it ends,
            to be switched to.
        """
        state, etag = self.serving.read()
        if model == state.live:
            raise InvalidRequest("/model", f"{model} serves already.")
        if state.next not in (None, model):
            raise InvalidRequest("/model", occupied(state))
        trial = wanted(state, model, share)
        self._open(model)
        self._swap(etag, replace(state, next=model, trial=trial))
        self._open(model)  # a `retire` that knew nothing of it may have dropped it meanwhile
        return model

    def abandon(self, model: str) -> str:
        """Let the next model go, if it is this one, and any trial of it; returns who serves, which
        nothing changes."""
        state, etag = self.serving.read()
        if state.next == model:
            self._swap(etag, replace(state, next=None, trial=None))
        return state.live

    def stop_trial(self) -> str:
        """Let the model on trial go; returns it. Its collection stays until the next `retire`."""
        state, etag = self.serving.read()
        if state.next is None or state.trial is None:
            raise InvalidRequest("/model", "No model is on trial.")
        self._swap(etag, replace(state, next=None, trial=None))
        return state.next

    def fill(self, sync: Callable[[str], object] | None = None) -> tuple[str, ...]:
        """Bring the next collection up to date; returns the keys that are still behind.

        sync: how a key is brought up to date, the ingest itself unless the caller spreads the work.
        """
        model = self._next()
        self._open(model)
        for key in self.behind():
            (sync or self.ingest.sync)(key)
        return self.behind()

    def behind(self) -> tuple[str, ...]:
        """The keys in which the next collection is behind the live one.

        What both lack is on its way to both, or was given up for both: no reason to wait.
        """
        return self._behind(self._next(), self.serving.read()[0].live)

    def problems(self, model: str) -> tuple[str, ...]:
        """Why this collection must not serve, as far as samples show; drift is not looked for."""
        return verification.problems(self.images, self.index, self.models.encoder(model))

    def verify(self, model: str) -> Verification:
        """Everything that can be known of a collection before it serves; changes nothing."""
        live = self.serving.read()[0].live
        return Verification(
            model=model,
            behind=len(self._behind(model, live)),
            indexed=self.index.count(model),
            live_indexed=self.index.count(live),
            problems=self.problems(model),
        )

    def switch(self, model: str) -> ServingState:
        """Let the next model serve, if its collection lacks nothing; harmless to repeat.

        Raises InvalidRequest, and changes nothing, while it is behind the live one.
        """
        state, etag = self.serving.read()
        if state.live == model:
            return state
        if state.next != model:
            raise InvalidRequest("/model", f"{model} is not the next model.")
        if behind := self._behind(model, state.live):
            raise InvalidRequest("/model", f"{len(behind)} pictures are not in {model} yet.")
        return self._swap(
            etag, replace(state, live=model, next=None, previous=state.live, trial=None)
        )

    def admit(self, model: str) -> ServingState:
        """Let the next model answer its share of the sessions; harmless to repeat.

        Verifies first, whoever did before: raises InvalidRequest, and changes nothing, while its
        collection is not fit to serve.
        """
        state, etag = self.serving.read()
        if state.next != model or state.trial is None:
            raise InvalidRequest("/model", f"{model} is not to be tried.")
        if state.challenger:
            return state
        found = self.verify(model)
        if not found.ready:
            raise InvalidRequest("/model", f"{model} is not fit to be tried: {found.sentence}")
        trial = replace(state.trial, since=datetime.now(UTC).isoformat(timespec="seconds"))
        return self._swap(etag, replace(state, trial=trial))

    def rollback(self, to: str | None = None) -> ServingState:
        """Let the previous model serve at once; the live one becomes previous, and stays ready.

        to: the model to go back to; where it serves already, nothing is done, so that a repeat
            does not go forth again. A model that was being filled, or on trial, is let go: nobody
            takes over from the one that was just gone back to.
        Raises InvalidRequest when there is none, or when it is behind the live one.
        """
        state, etag = self.serving.read()
        if to is not None and to == state.live:
            return state
        if state.previous is None or to not in (None, state.previous):
            raise InvalidRequest(
                "/model", f"There is no way back from {state.live}: {_why(to)}.{hint(state)}"
            )
        if behind := self._behind(state.previous, state.live, or_live_is_lost=True):
            raise InvalidRequest(
                "/model",
                f"{state.previous} lacks {len(behind)} pictures that {state.live} has; let a "
                "reconcile bring it up to date first.",
            )
        return self._swap(etag, ServingState(live=state.previous, previous=state.live))

    def run(self) -> str:
        """Fill, verify, and switch or admit to its trial; queries go on during all of it."""
        model = self._next()
        for _ in range(MAX_PASSES):
            if not self.fill():
                if said := self.problems(model):
                    raise InvalidRequest("/model", f"{model} is not fit to serve: {' '.join(said)}")
                self.let_in(model)
                return model
        raise InvalidRequest("/model", f"The catalogue changes faster than {model} fills.")

    def let_in(self, model: str) -> ServingState:
        """The last step of a filled model: to its trial where one is wanted, or to all queries."""
        wanted = self.serving.read()[0].trial
        return self.admit(model) if wanted else self.switch(model)

    def retire(self) -> tuple[str, ...]:
        """Drop the collections that serve nobody; returns their models."""
        present = self.index.models()  # before the state is read: the next may be named meanwhile
        serving = self.serving.read()[0].models()
        retired = tuple(model for model in present if model not in serving)
        for model in retired:
            self.index.drop(model)
        serving = self.serving.read()[0].models()
        for model in set(retired).intersection(serving):
            self._open(model)  # named while we dropped it: empty, and to be filled
        self.models.keep(serving)
        return retired

    def _behind(self, model: str, live: str, or_live_is_lost: bool = False) -> tuple[str, ...]:
        """or_live_is_lost: whether a live collection that cannot be read is no reason to wait."""
        held = look(self.images, self.ingest.rejects)
        lacks = set(compare(held, self.index, model).drift)
        lacks -= self._drift_of_live(held, live, lacks if or_live_is_lost else None)
        if len(lacks) > LOOK_AGAIN:
            return tuple(sorted(lacks))
        return tuple(key for key in sorted(lacks) if self._is_behind(key, model, live))

    def _drift_of_live(self, held: Listing, live: str, if_lost: set[str] | None) -> set[str]:
        try:
            return set(compare(held, self.index, live).drift)
        except IndexUnavailable:
            if if_lost is None:
                raise
            return if_lost

    def _is_behind(self, key: str, model: str, live: str) -> bool:
        return self.ingest.agrees(key, live) and not self.ingest.agrees(key, model)

    def _open(self, model: str) -> None:
        """Make its collection, unless it is there."""
        self.index.open(model, self.models.encoder(model).card.dimension)

    def _next(self) -> str:
        state = self.serving.read()[0]
        if state.next is None:
            raise InvalidRequest("/model", "No next model is named.")
        return state.next

    def _swap(self, etag: str, state: ServingState) -> ServingState:
        """A store that repeats a write that did arrive says "changed": then it is ours."""
        try:
            self.serving.swap(etag, state)
        except PreconditionFailed as error:
            if self.serving.read()[0] != state:
                raise StoreUnavailable("The serving state changed meanwhile; ask again.") from error
        return state


def _why(to: str | None) -> str:
    return "no previous model is kept" if to is None else f"{to} is not the previous model"
