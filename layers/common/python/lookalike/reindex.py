"""Another encoder takes over: fill its collection, verify, switch, retire the one before last."""

from collections.abc import Callable
from dataclasses import replace

from lookalike.errors import InvalidRequest
from lookalike.index import Index
from lookalike.ingest import Ingest
from lookalike.models import ModelStore, Serving
from lookalike.reconcile import Census, census
from lookalike.stores import Store

MAX_PASSES = 10  # a catalogue that changes faster than it can be filled needs a person


class Reindex:
    """Blue/green: queries are answered by `live` until one compare-and-set names another.

    From the moment `next` is named, ingest writes to its collection too, so filling it and
    following the store are the same act, and neither misses a change. Each step can be repeated
    after a crash at any point.
    """

    def __init__(
        self, images: Store, index: Index, models: ModelStore, serving: Serving, ingest: Ingest
    ) -> None:
        self.images = images
        self.index = index
        self.models = models
        self.serving = serving
        self.ingest = ingest

    def nominate(self, model: str) -> None:
        """Name the next model. Raises PreconditionFailed if the serving state changed meanwhile."""
        state, etag = self.serving.read()
        if model == state.live:
            raise InvalidRequest("/model", f"{model} serves already.")
        if state.next not in (None, model):
            raise InvalidRequest("/model", f"{state.next} is being filled; wait for it.")
        self.index.open(model, self.models.encoder(model).card.dimension)
        previous = None if state.previous == model else state.previous
        self.serving.swap(etag, replace(state, next=model, previous=previous))

    def fill(self, sync: Callable[[str], object] | None = None) -> tuple[str, ...]:
        """Bring the next collection up to date; returns the keys that are still behind.

        sync: how a key is brought up to date, the ingest itself unless the caller spreads the work.
        """
        model = self._next()
        self.index.open(model, self.models.encoder(model).card.dimension)
        for key in self.behind():
            (sync or self.ingest.sync)(key)
        return self.behind()

    def behind(self) -> tuple[str, ...]:
        """The keys in which the next collection is behind the live one.

        What both lack is on its way to both, or was given up for both: no reason to wait.
        """
        live = self.serving.read()[0].live
        live_drift = set(self._census(live).drift)
        return tuple(key for key in self._census(self._next()).drift if key not in live_drift)

    def _census(self, model: str) -> Census:
        return census(self.images, self.index, self.ingest.rejects, model)

    def switch(self) -> str:
        """Let the next model serve, if its collection lacks nothing; returns its version.

        Raises InvalidRequest, and changes nothing, while it is behind the live one.
        """
        state, etag = self.serving.read()
        model = self._next()
        if behind := self.behind():
            raise InvalidRequest("/model", f"{len(behind)} pictures are not in {model} yet.")
        self.serving.swap(etag, replace(state, live=model, next=None, previous=state.live))
        return model

    def run(self) -> str:
        """Fill and switch; queries go on during all of it."""
        for _ in range(MAX_PASSES):
            if not self.fill():
                return self.switch()
        raise InvalidRequest("/model", f"The catalogue changes faster than {self._next()} fills.")

    def retire(self) -> tuple[str, ...]:
        """Drop the collections that serve nobody; returns their models."""
        serving = self.serving.read()[0].models()
        retired = tuple(model for model in self.index.models() if model not in serving)
        for model in retired:
            self.index.drop(model)
        self.models.keep(serving)
        return retired

    def _next(self) -> str:
        state = self.serving.read()[0]
        if state.next is None:
            raise InvalidRequest("/model", "No next model is named.")
        return state.next
