"""The whole query path: encode, retrieve, rank, answer."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from aws_lambda_powertools import Logger

from lookalike import images
from lookalike.answers import answer_body
from lookalike.bodies import AnswerBody
from lookalike.cards import ModelCard
from lookalike.catalogue import IndexedImage
from lookalike.deadline import while_starting
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
TELLING = 8  # nearest candidates that tell one question from another

Fetch = Callable[[int], Sequence[Candidate]]

logger = Logger()


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
    """Find the images that look most like another one, in the collection of one model: the live
    one, or the challenger where the session is one of those that a trial gives it.
    """

    def __init__(
        self,
        store: Store,
        index: Index,
        models: ModelStore,
        serving: Serving,
        links: Links,
        naming: Naming,
        candidates_per_result: int,
        exploration: float,
    ) -> None:
        self.store = store
        self.index = index
        self.models = models
        self.serving = serving
        self.links = links
        self.naming = naming
        self.candidates_per_result = candidates_per_result
        self.exploration = exploration

    def warm_up(self) -> None:
        """Load who answers before the first request, where there is one to load yet."""
        with while_starting():
            state = self.serving.recent()
            self.models.encoder(state.live)
            if state.challenger:
                self.models.encoder(state.challenger)

    def similar(self, image_id: str, asked: Asked) -> AnswerBody:
        """The look-alikes of an image of the catalogue, which is described as the anchor.

        Raises UnknownImage for an id that is not in the index.
        """
        watch = Stopwatch()
        return self._answer(
            asked.session_id, lambda encoder: self._similar(image_id, asked, encoder.card, watch)
        )

    def find(self, asked: Find) -> AnswerBody:
        """The images that look like the given bytes, image, part of an image, or examples.

        Raises UnreadableImage for the bytes and UnknownImage for an id.
        """
        watch = Stopwatch()
        return self._answer(asked.session_id, lambda encoder: self._find(asked, encoder, watch))

    def _answer(self, session_id: str | None, ask: Callable[[Encoder], AnswerBody]) -> AnswerBody:
        """The answer of the session's model, wholly; of the live one where the challenger fails.

        What the challenger does not know the live one may: its collection is written first.
        """
        state = self.serving.recent()
        model = state.answering(session_id)
        if model != state.live:
            try:
                return ask(self.models.encoder(model))
            except (DependencyError, UnknownImage) as error:
                logger.warning("answered by the live model", challenger=model, reason=str(error))
        return ask(self.models.encoder(state.live))

    def _similar(
        self, image_id: str, asked: Asked, card: ModelCard, watch: Stopwatch
    ) -> AnswerBody:
        anchor: IndexedImage | None = None

        def fetch(limit: int) -> Sequence[Candidate]:
            nonlocal anchor
            anchor, found = self.index.similar(card.model, image_id, limit, _only(asked))
            return found

        policy = _policy(asked, card, self._exploration(asked, image_id))
        ranking = self._rank(fetch, lambda: anchor, policy, asked, watch)
        name = self.naming.mint(card.model, policy.name, image_id, ranking.results)
        took_ms = watch.took_ms()
        return answer_body(name, card.model, ranking, self.links, asked.explain, took_ms, anchor)

    def _find(self, asked: Find, encoder: Encoder, watch: Stopwatch) -> AnswerBody:
        model = encoder.card.model
        wanted = self._wanted(asked, encoder, watch)

        def fetch(limit: int) -> Sequence[Candidate]:
            return self.index.nearest(model, wanted, limit, _only(asked))

        anchor = _sole_anchor(asked)
        policy = _policy(asked, encoder.card, self._exploration(asked, anchor))
        ranking = self._rank(fetch, lambda: None, policy, asked, watch)
        name = self.naming.mint(model, policy.name, anchor, ranking.results)
        return answer_body(name, model, ranking, self.links, asked.explain, watch.took_ms())

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

    def _exploration(self, asked: Asked, anchor_image_id: str | None) -> float:
        """None where nothing would be learnt: without a session nobody tells what was clicked, and
        without an anchor no click says what looks like what.
        """
        return self.exploration if asked.session_id and anchor_image_id else 0.0

    def _rank(
        self,
        fetch: Fetch,
        anchor: Callable[[], IndexedImage | None],
        policy: Policy,
        asked: Asked,
        watch: Stopwatch,
    ) -> Ranking:
        """Retrieve and rank; when that removes too much for a full page, retrieve more."""
        limit = asked.limit
        reach = min(MAX_CANDIDATES, limit * self.candidates_per_result)
        while True:
            with watch.step("search"):
                candidates = fetch(reach)
            with watch.step("rank"):
                draw, now = _draw(asked.session_id, candidates), datetime.now(UTC)
                ranking = rank(candidates, policy, limit, now, anchor=anchor(), draw=draw)
            exhausted = len(candidates) < reach or candidates[-1].score < policy.floor
            if not ranking.short or exhausted or reach == MAX_CANDIDATES:
                return ranking
            reach = min(MAX_CANDIDATES, reach * WIDEN)


def _draw(session_id: str | None, candidates: Sequence[Candidate]) -> float:
    """Uniform in [0, 1) over sessions and questions, and always the same for one of each: the page
    explained or loaded again is the page that was seen. Nothing random outlives a snapshot.
    """
    nearest = (one.image.image_id for one in candidates[:TELLING])
    digest = sha256("\n".join([session_id or "", *nearest]).encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _policy(asked: Asked, card: ModelCard, exploration: float) -> Policy:
    """By the card of the model that answers: another one may begin to serve meanwhile."""
    floor = card.thresholds.floor if asked.min_score is None else asked.min_score
    return Policy(exploration=exploration, duplicate=card.thresholds.duplicate, floor=floor)


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
        enough = int(min(enough / min(box.w, box.h), images.MOST_ASKED))
    with watch.step("decode"):
        picture = images.decode(data, at_least=enough).pixels
        if box:
            picture = images.crop(picture, box)
    with watch.step("encode"):
        vector: Vector = encoder.encode([picture])[0]
    return vector
