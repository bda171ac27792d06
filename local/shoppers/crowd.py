"""Simulated shoppers, who use the HTTP API as any client does.

python -m local.shoppers --url http://127.0.0.1:8080/ --labels data/fabrics/labels.csv --answers 500
"""

import argparse
import heapq
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np

from local.console import tell
from local.shoppers.habits import TASTE, Habits, Taste, kinds_of
from local.shoppers.shop import Events, Shop, happened, seen_and_clicked
from local.shoppers.takings import Takings
from local.trouble import Trouble

AT_ONCE = 4  # shoppers in the shop

Open = Callable[[], Shop]  # the shop's door
Watch = Callable[[Takings], None]


@dataclass(frozen=True)
class Crowd:
    """Who comes. answers: that all of them together see, and a few more: nobody is thrown out.

    The same seed draws the same visits, whoever comes first; ids are new every time.
    """

    kinds: Mapping[str, str]  # by key
    answers: int
    seed: int = 1
    habits: Habits = field(default_factory=Habits)

    def visits(self) -> list[int]:
        """The answers of each visit."""
        chance = np.random.default_rng((self.seed, 0))
        lengths: list[int] = []
        while sum(lengths) < self.answers:
            lengths.append(self.habits.answers(chance))
        return lengths


@dataclass
class Visit:
    """One shopper, from the first look to the last; all chance is the shopper's own."""

    shop: Shop
    taste: Taste
    habits: Habits
    chance: np.random.Generator
    session_id: str = field(default_factory=lambda: f"shopper-{uuid4().hex}")

    def look(self, anchor: str, takings: Takings) -> tuple[list[str], Events]:
        """One answer: the ids of what was clicked, and how long each will be looked at."""
        answer = self.shop.similar(anchor, self.session_id)
        seen = answer["results"][: self.habits.seen(len(answer["results"]), self.chance)]
        clicked = self.taste.clicked(anchor, seen, self.habits, self.chance)
        if seen:
            self.shop.tell(self.session_id, seen_and_clicked(seen, clicked), answer["query_id"])
        takings.count(answer["model"], self.session_id, len(seen), len(clicked))
        ids = [one["image_id"] for one in clicked]
        return ids, [
            {
                "image_id": image,
                "query_id": answer["query_id"],
                "dwell_ms": self.taste.dwell_ms(anchor, image, self.habits, self.chance),
            }
            for image in ids
        ]

    def walk(self, anchors: Sequence[str], answers: int, takings: Takings) -> Events:
        """The whole visit; returns the dwells to come."""
        dwells: Events = []
        clicked: list[str] = []
        for _ in range(answers):
            known = [image for image in clicked if image in self.taste.kinds]
            follows = self.chance.random() < self.habits.follows
            some = known if known and follows else anchors
            clicked, more = self.look(some[int(self.chance.integers(len(some)))], takings)
            dwells += more
        return dwells


class Tabs:
    """Pictures still being looked at. Nobody looks longer at an answer than it exists, so a dwell
    is told when its time has gone by; meanwhile others shop."""

    def __init__(self) -> None:
        self._open: list[tuple[float, str, Events]] = []
        self._lock = threading.Lock()

    def leave(self, session_id: str, dwells: Events) -> None:
        if dwells:
            longest = max(one["dwell_ms"] for one in dwells) / 1000
            with self._lock:
                heapq.heappush(self._open, (time.monotonic() + longest, session_id, dwells))

    def close(self, shop: Shop, *, all_of_them: bool = False) -> None:
        """Those that are done with; at closing time all, which the server then counts as long as
        they were open."""
        while (found := self._next(all_of_them)) is not None:
            session_id, dwells = found
            shop.tell(session_id, [happened("dwell", **one) for one in dwells])

    def _next(self, all_of_them: bool) -> tuple[str, Events] | None:
        with self._lock:
            if self._open and (all_of_them or self._open[0][0] <= time.monotonic()):
                return heapq.heappop(self._open)[1:]
        return None


def send(crowd: Crowd, enter: Open, watch: Watch = lambda takings: None) -> Takings:
    """All their visits, a few at a time. watch: is shown what came of it so far, now and then."""
    with ExitStack() as doors:
        return _sent(crowd, lambda: doors.enter_context(closing(enter())), watch)


def _sent(crowd: Crowd, enter: Open, watch: Watch) -> Takings:
    shop = enter()
    kinds = {
        one["image_id"]: crowd.kinds[one["key"]]
        for one in shop.images()
        if one["key"] in crowd.kinds
    }
    if not kinds:
        raise Trouble("None of the labelled pictures is in the catalogue; is it indexed?")
    taste, anchors, takings, tabs = Taste(kinds), sorted(kinds), Takings(), Tabs()
    mine = threading.local()

    def visit(number: int, answers: int) -> None:
        if not hasattr(mine, "shop"):
            mine.shop = enter()
        chance = np.random.default_rng((crowd.seed, 1, number))
        one = Visit(mine.shop, taste, crowd.habits, chance)
        tabs.leave(one.session_id, one.walk(anchors, answers, takings))
        tabs.close(mine.shop)
        watch(takings)

    with ThreadPoolExecutor(AT_ONCE, "shopper") as people:
        done = [people.submit(visit, *each) for each in enumerate(crowd.visits())]
        try:
            for one in done:
                one.result()
        except BaseException:
            people.shutdown(cancel_futures=True)
            raise
    tabs.close(shop, all_of_them=True)
    return takings


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.shoppers", description=__doc__)
    parser.add_argument("--url", required=True, help="of a Lookalike's page")
    parser.add_argument("--labels", required=True, type=Path, help="a CSV with the column key")
    parser.add_argument("--taste", default=TASTE, help="the column that shoppers care about")
    parser.add_argument("--answers", type=int, default=500, help="to look at, all together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--api-key", default="", help="where the API wants one")
    asked = parser.parse_args(arguments)
    try:
        crowd = Crowd(kinds_of(asked.labels, asked.taste), asked.answers, asked.seed)
        takings = send(crowd, lambda: Shop(asked.url, asked.api_key))
    except Trouble as trouble:
        tell(f"shoppers: {trouble}")
        return trouble.exit_code
    for model in takings.models():
        rate = takings.click_rate(model)
        print(f"{model}: {takings.told(model)}; CTR {rate.percent}")
    return 0
