"""What the sections share: the sizes, the pictures, and one large catalogue."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lookalike import wiring
from lookalike.cards import ModelCard
from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
from tests.bench import crowd, pictures
from tests.bench.crowd import Crowd
from tests.bench.sizes import Sizes
from tests.bench.worlds import world

WEB_SIZE = (1200, 900)


@dataclass(frozen=True)
class Bench:
    """given: a person's own pictures, if any. folder: temporary, everything is made there."""

    sizes: Sizes
    given: Path | None
    folder: Path

    @cached_property
    def card(self) -> ModelCard:
        return ModelCard.read(SHIPPED)

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder(SHIPPED)

    @cached_property
    def small(self) -> list[Path]:
        return pictures.small_ones(self.sizes.pictures, self.given, self.folder / "drawn")

    @cached_property
    def web(self) -> list[Path]:
        """Photos of the size that a shop shows: a megapixel."""
        return self._photographs("web", WEB_SIZE)

    @cached_property
    def phone(self) -> list[Path]:
        """Photos as a phone takes them: 12 megapixels."""
        return self._photographs("phone", self.sizes.phone_size)

    @cached_property
    def crowd(self) -> Crowd:
        made = crowd.planned(self.encoder, self.small, self.sizes.points)
        with world(self._crowd_data, self._no_pictures):
            crowd.fill(made, self.card.model)
        return made

    @contextmanager
    def crowded(self) -> Iterator[Crowd]:
        """The world of the large catalogue, with its graph built."""
        found = self.crowd
        with world(self._crowd_data, self._no_pictures):
            wiring.index().open(self.card.model, self.card.dimension)
            yield found

    def _photographs(self, name: str, size: tuple[int, int]) -> list[Path]:
        folder = self.folder / name
        return pictures.photographs(self.sizes.photographs, size, self.small, folder)

    @property
    def _crowd_data(self) -> Path:
        return self.folder / "crowd"

    @property
    def _no_pictures(self) -> Path:
        folder = self.folder / "no pictures"
        folder.mkdir(exist_ok=True)
        return folder
