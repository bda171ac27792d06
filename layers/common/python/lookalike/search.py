"""The whole query path: encode, retrieve, rank, answer."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from lookalike import images
from lookalike.answers import answer_body
from lookalike.bodies import AnswerBody
from lookalike.cards import ModelCard
from lookalike.catalogue import IndexedImage
from lookalike.encoder import Encoder
from lookalike.errors import DependencyError, UnknownImage
from lookalike.images import CropBox
from lookalike.index import Candidate, Index, Only, Vector, Wanted
from lookalike.links import Links
from lookalike.models import ModelStore, Serving
from lookalike.naming import Naming
from lookalike.ranking import Policy, Ranking, rank
from lookalike.requests import Asked, Box, Find
from lookalike.stores import MissingObject, Store

# A page is completed by fetching this many times more, as often as it takes. Past the limit the
# neighbours are thousands of duplicates or far away, and ranking them would outlast the request.
WIDEN = 4
MAX_CANDIDATES = 4_000

Fetch = Callable[[int], Sequence[Candidate]]


@dataclass(slots=True)
class Stopwatch:
    """Whole milliseconds by step, as an answer reports them."""

    started: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def took_ms(self) -> dict[str, float]:
        total = time.perf_counter() - self.started
        return {name: round(1000 * s, 2) for name, s in {**self.seconds, "total": total}.items()}


class Search:
    """Find the images that look most like another one, in the collection of the live model."""

    def __init__(
        self,
        store: Store,
        index: Index,
        models: ModelStore,
        serving: Serving,
        links: Links,
        naming: Naming,
        candidates_per_result: int,
    ) -> None:
        self.store = store
        self.index = index
        self.models = models
        self.serving = serving
        self.links = links
        self.naming = naming
        self.candidates_per_result = candidates_per_result

    def warm_up(self) -> None:
        """Load the encoder before the first request, where there is one to load yet."""
        try:
            self._encoder()
        except DependencyError:
            return  # the first request says what is missing

    def similar(self, image_id: str, asked: Asked) -> AnswerBody:
        """The look-alikes of an image of the catalogue, which is described as the anchor.

        Raises UnknownImage for an id that is not in the index.
        """
        watch = Stopwatch()
        card = self._encoder().card
        anchor: IndexedImage | None = None

        def fetch(limit: int) -> Sequence[Candidate]:
            nonlocal anchor
            anchor, found = self.index.similar(card.model, image_id, limit, _only(asked))
            return found

        policy = _policy(asked, card)
        ranking = self._rank(fetch, lambda: anchor, policy, asked.limit, watch)
        name = self.naming.mint(card.model, policy.name, image_id, ranking.results)
        took_ms = watch.took_ms()
        return answer_body(name, card.model, ranking, self.links, asked.explain, took_ms, anchor)

    def find(self, asked: Find) -> AnswerBody:
        """The images that look like the given bytes, image, part of an image, or examples.

        Raises UnreadableImage for the bytes and UnknownImage for an id.
        """
        watch = Stopwatch()
        encoder = self._encoder()
        model = encoder.card.model
        wanted = self._wanted(asked, encoder, watch)

        def fetch(limit: int) -> Sequence[Candidate]:
            return self.index.nearest(model, wanted, limit, _only(asked))

        policy = _policy(asked, encoder.card)
        ranking = self._rank(fetch, lambda: None, policy, asked.limit, watch)
        name = self.naming.mint(model, policy.name, _sole_anchor(asked), ranking.results)
        return answer_body(name, model, ranking, self.links, asked.explain, watch.took_ms())

    def _encoder(self) -> Encoder:
        return self.models.encoder(self.serving.recent().live)

    def _wanted(self, asked: Find, encoder: Encoder, watch: Stopwatch) -> Wanted:
        if asked.image_id is not None and asked.crop is None:
            return Wanted(positive=(asked.image_id, *asked.positive), negative=asked.negative)
        vector: Vector | None = None
        data = asked.image
        if asked.image_id is not None:
            data = self._original(asked.image_id, encoder.card.model)
        if data is not None:
            vector = _encode(data, asked.crop, encoder, watch)
        return Wanted(vector, asked.positive, asked.negative)

    def _original(self, image_id: str, model: str) -> bytes:
        image = self.index.get(model, image_id)
        if image is None:
            raise UnknownImage(image_id)
        try:
            return self.store.get(image.key, images.MAX_BYTES)[0]
        except MissingObject as error:
            raise UnknownImage(image_id) from error

    def _rank(
        self,
        fetch: Fetch,
        anchor: Callable[[], IndexedImage | None],
        policy: Policy,
        limit: int,
        watch: Stopwatch,
    ) -> Ranking:
        """Retrieve and rank; when that removes too much for a full page, retrieve more."""
        reach = min(MAX_CANDIDATES, limit * self.candidates_per_result)
        while True:
            with watch.step("search"):
                candidates = fetch(reach)
            with watch.step("rank"):
                ranking = rank(candidates, policy, limit, datetime.now(UTC), anchor=anchor())
            exhausted = len(candidates) < reach or candidates[-1].score < policy.floor
            if not ranking.short or exhausted or reach == MAX_CANDIDATES:
                return ranking
            reach = min(MAX_CANDIDATES, reach * WIDEN)


def _policy(asked: Asked, card: ModelCard) -> Policy:
    """By the card of the model that answers: another one may begin to serve meanwhile."""
    floor = card.thresholds.floor if asked.min_score is None else asked.min_score
    return replace(Policy(), duplicate=card.thresholds.duplicate, floor=floor)


def _only(asked: Asked) -> Only:
    return Only(tags=asked.tags)


def _sole_anchor(asked: Find) -> str | None:
    """The image that a click on the answer says something about: none if part of it was asked for,
    or it was steered by examples."""
    alone = asked.crop is None and not asked.positive and not asked.negative
    return asked.image_id if alone else None


def _encode(data: bytes, crop: Box | None, encoder: Encoder, watch: Stopwatch) -> Vector:
    box = CropBox(crop.x, crop.y, crop.w, crop.h) if crop else None
    enough = images.enough_for(encoder.card.preprocessing.size)
    if box:  # so many pixels must be left inside the crop
        enough = int(enough / min(box.w, box.h))
    with watch.step("decode"):
        picture = images.decode(data, at_least=enough).pixels
        if box:
            picture = images.crop(picture, box)
    with watch.step("encode"):
        vector: Vector = encoder.encode([picture])[0]
    return vector
