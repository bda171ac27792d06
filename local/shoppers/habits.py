"""How simulated shoppers look, and what they like: the click model, without the shop."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local.trouble import USAGE, Trouble

TASTE = "motif"  # a column of the labels; what else a picture is, such as its colour, is all one

Result = Mapping[str, Any]  # of an answer


@dataclass(frozen=True)
class Habits:
    """A place is looked at by chance, and what was looked at is clicked by taste.

    Chance of a click = chance that the place is looked at x chance that the picture is wanted: the
    position-based model (Joachims, Swaminathan and Schnabel, WSDM 2017; there with a steepness of
    1 for a list of links; eyes wander more over a grid of pictures).
    """

    columns: int = 6  # of the page in a window of 1,280 pixels
    scrolls_on: float = 0.6  # chance that one more row comes into view: two or three of four
    steepness: float = 0.7  # a place in view is looked at with a chance of place ** -steepness
    wanted: float = 0.5  # chance of a click on a picture of the kind one looks for
    slip: float = 0.04  # on any other: a passing fancy, a slip of the hand
    stays: float = 0.75  # chance of one more answer in a visit: between three and four on average
    longest_visit: int = 8  # answers: an hour's shopping takes a second here, and clicks that come
    # faster than any hand's do not count
    follows: float = 0.5  # chance that it is about what was clicked, not about something new
    dwell_wanted_ms: float = 9_000.0  # median of the time on a picture that is what one looks for
    dwell_other_ms: float = 2_000.0  # and on one that is not
    dwell_spread: float = 0.5  # standard deviation of its logarithm
    longest_dwell_ms: float = 20_000.0

    def looked_at(self, places: int) -> NDArray[np.float64]:
        """(places,) Chance that a place in view is looked at."""
        return np.arange(1, places + 1) ** -self.steepness

    def answers(self, chance: np.random.Generator) -> int:
        """Of one visit."""
        return min(int(chance.geometric(1 - self.stays)), self.longest_visit)

    def seen(self, results: int, chance: np.random.Generator) -> int:
        """How many places come into view: whole rows."""
        return min(results, self.columns * int(chance.geometric(1 - self.scrolls_on)))


@dataclass(frozen=True)
class Taste:
    """What one looks for, which the system is never told. kinds: by image id."""

    kinds: Mapping[str, str]

    def wants(self, anchor: str, image: str) -> bool:
        return self.kinds.get(image) == self.kinds[anchor]

    def clicked(
        self, anchor: str, seen: Sequence[Result], habits: Habits, chance: np.random.Generator
    ) -> list[Result]:
        """seen: from the first place on."""
        wanted = [self.wants(anchor, one["image_id"]) for one in seen]
        chances = habits.looked_at(len(seen)) * np.where(wanted, habits.wanted, habits.slip)
        hits = chance.random(len(seen)) < chances
        return [one for one, hit in zip(seen, hits, strict=True) if hit]

    def dwell_ms(self, anchor: str, image: str, habits: Habits, chance: np.random.Generator) -> int:
        wanted = self.wants(anchor, image)
        median = habits.dwell_wanted_ms if wanted else habits.dwell_other_ms
        drawn = median * chance.lognormal(0, habits.dwell_spread)
        return round(min(drawn, habits.longest_dwell_ms))


def kinds_of(labels: Path, column: str = TASTE) -> dict[str, str]:
    """By key, from a CSV with the columns `key` and this one. Raises Trouble."""
    try:
        with labels.open(encoding="utf-8", newline="") as file:
            return {row["key"]: row[column] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise Trouble(
            f"{labels} is no table with the columns key and {column} ({error!r}).", USAGE
        ) from error
