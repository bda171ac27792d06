"""What happens to a folder of pictures, and when word of it comes: drawn from a seed."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop
from pathlib import Path

from lookalike.catalogue import sidecar_of
from tests.journeys.conftest import drawing

WAITING_SHARE = 8  # of the pictures one in so many: with more, their events would be one message
SIDE = 48  # pixels: what is proved here is about events, not about pictures
LATE, VERY_LATE = 5, 400  # events that may overtake one: most of the time, and now and then
CHANGES = {"replace": 45, "rewrite": 20, "spoil": 5, "delete": 15, "describe": 12, "undescribe": 3}


@dataclass(frozen=True, slots=True)
class Change:
    """number: of the change; no two leave the same bytes behind."""

    number: int
    what: str  # one of CHANGES
    key: str

    @property
    def changed(self) -> str:
        """The key that the event names: the picture's, or its sidecar's."""
        return sidecar_of(self.key) if self.what.endswith("describe") else self.key


@dataclass(frozen=True, slots=True)
class Word:
    """That a change was made: the event of it, or a second one."""

    of: Change


@dataclass(frozen=True, slots=True)
class Plan:
    """events: in all. twice: the share of them that repeats another. hasty: with a bug in it."""

    seed: int
    events: int
    kills: int
    pictures: int
    twice: float = 0.1
    hasty: bool = False

    def steps(self) -> Iterator[Change | Word]:
        """Changes in their order, and between them the events: late, out of order, some twice."""
        rng = random.Random(self.seed)
        first = round(self.events * (1 - self.twice))
        changes = [self._change(number, rng) for number in range(first)]
        again = rng.choices(changes, k=self.events - first)
        steps: list[tuple[float, int, Change | Word]] = [(c.number, -1, c) for c in changes]
        for order, change in enumerate(changes + again):
            late = rng.uniform(0, LATE if rng.random() < 0.7 else VERY_LATE)
            steps.append((change.number + late, order, Word(change)))
        heapify(steps)
        while steps:
            yield heappop(steps)[2]

    def killed_after(self) -> set[int]:
        """How many events were sent when the process is killed. Of several kills the last is not
        among them: it comes while the process starts again after the one before."""
        rng = random.Random(self.seed + 1)
        times = max(1, self.kills - 1)
        stretch = (self.events - self.pictures) // times
        return {self.pictures + n * stretch + rng.randrange(stretch) for n in range(times)}

    @property
    def waiting(self) -> int:
        """Messages at the most."""
        return max(4, self.pictures // WAITING_SHARE)

    def _change(self, number: int, rng: random.Random) -> Change:
        if number < self.pictures:
            return Change(number, "replace", _key(number))  # every picture is there once
        what = rng.choices(list(CHANGES), list(CHANGES.values()))[0]
        return Change(number, what, _key(rng.randrange(self.pictures)))


def make(change: Change, pictures: Path) -> None:
    """As programs do it: most put a whole file in the old one's place, some write into it."""
    path = pictures / change.changed
    path.parent.mkdir(parents=True, exist_ok=True)
    match change.what:
        case "delete" | "undescribe":
            path.unlink(missing_ok=True)
        case "rewrite":
            path.write_bytes(_bytes(change))
        case _:
            beside = path.with_name(".beside")
            beside.write_bytes(_bytes(change))
            beside.replace(path)


def _bytes(change: Change) -> bytes:
    """Of another length than the version before: a clock may be too coarse to tell them apart."""
    padding = b" " * (change.number % 251)
    if change.what == "describe":
        said = {"tags": [f"n{change.number}"], "blocked": change.number % 5 == 0}
        return json.dumps(said).encode() + padding
    whole = drawing(change.number, SIDE) + padding
    return whole[:200] + padding if change.what == "spoil" else whole


def _key(number: int) -> str:
    return f"{number % 7}/{number:05} + é.jpg"
