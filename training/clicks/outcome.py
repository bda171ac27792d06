"""What became of the clicks: counted by reason, described for the gate, told in sentences."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb

from lookalike.errors import CallerError
from training.clicks.files import HELD_OUT, LEARNT
from training.clicks.log import Read
from training.clicks.model import ASSUMED_CLICKS
from training.clicks.pairs import clicks_of
from training.clicks.split import Places, Split
from training.clicks.trust import Judged
from training.progress import tell

KEPT = "kept"
WHY = {  # no click is lost without one of these
    "other_session": "brought another session's answer",
    "implausible_session": "from sessions that click like a machine",
    "session_cap": "beyond what counts of one session",
    "viewer_cap": "beyond what counts of one viewer's address",
    "source_cap": "beyond what counts of one caller's address",
    "no_anchor": "on answers to uploads, crops and mixtures, which no picture stands for",
    "sponsored": "on paid places",
    "unseen": "on pictures that were never reported as seen",
    "itself": "on the picture that was asked about",
    "image_gone": "of pictures that are no longer there",
    "in_use_at_the_cut": "of answers in use when the held-out time began",
    "few_sessions": "of pairs that too few clicked",
    "strangers": "of pairs whose other look-alikes do not know each other",
    "on_the_other_side": "of pairs that belong to the other of learning and gate",
}


class NothingClicked(CallerError):
    """The log has nothing to learn from; the words say what became of it."""


class Fates:
    """How many clicks there were, and where each of them ended."""

    def __init__(self, judged: Judged) -> None:
        self.counts, self.judged = Counter(judged.fates), judged

    @property
    def kept(self) -> int:
        return self.counts[KEPT]

    @property
    def all(self) -> int:
        return self.counts.total()

    def lose(self, reason: str, clicks: int) -> None:
        self.counts[reason] += clicks
        self.counts[KEPT] -= clicks

    @property
    def lost(self) -> dict[str, int]:
        return {reason: self.counts[reason] for reason in WHY if self.counts[reason]}

    def check(self, left: int | None = None) -> None:
        """Raises NothingClicked when none is left. left: if that is not all that are kept."""
        if (self.kept if left is None else left) > 0:
            return
        if not self.all:
            raise NothingClicked("Pictures were seen, but nothing was clicked: nothing to learn.")
        parts = [f"{n:,} {WHY[reason]}" for reason, n in self.lost.items()]
        parts += [f"{self.kept:,} held out for the gate"] if self.kept else []
        what = f"None of {_count(self.all, 'click')} can be learnt from: {'; '.join(parts)}."
        raise NothingClicked(what + self._hint())

    def _hint(self) -> str:
        if not self.counts["few_sessions"]:
            return ""
        who = f"{_count(self.judged.sessions, 'session')} from "
        who += _count(self.judged.viewers, "address", "addresses")
        return (
            f" They come of {who}: wait for more people; or, where all share an address as on a "
            "laptop, give --shared-address."
        )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def description(
    engine: duckdb.DuckDBPyConnection, split: Split, places: Places, rate: float, fates: Fates
) -> dict[str, Any]:
    """Without a row's number in it: the same log in another order is described alike."""
    sides = {LEARNT: "learnt", HELD_OUT: "held_out"}
    return {
        "held_out_from": str(split.held_out_from) if split.held_out_from else None,
        "clicks": {
            "all": fates.all,
            "sessions": fates.judged.sessions,
            "addresses": fates.judged.viewers,
            "used": {name: clicks_of(engine, side) for name, side in sides.items()},
            "lost": fates.lost,
        },
        "click_rate_of_a_look": round(rate, 9),
        "examination": {
            "curve": [round(float(share), 6) for share in places.found.curve],
            "clicks_that_moved": round(places.found.moved_clicks),
            "clicks_on_drawn_places": places.drawn,
            "clicks_assumed": ASSUMED_CLICKS,
        },
        "effective": {name: effective(engine, side) for name, side in sides.items()},
    }


def effective(engine: duckdb.DuckDBPyConnection, side: str) -> dict[str, float]:
    """Kish's effective sample size, (Σw)² / Σw²: of clicks by their inverse propensity, and of
    pairs by their weight.
    """
    sql = "select clicks, propensity, weight from line where side = $side order by anchor, image"
    rows = engine.execute(sql, {"side": side}).fetchnumpy()
    clicks = rows["clicks"].astype(float)
    each = 1 / rows["propensity"]
    return {
        "clicks": _kish((clicks * each).sum(), (clicks * each**2).sum()),
        "pairs": _kish(rows["weight"].sum(), (rows["weight"] ** 2).sum()),
    }


def _kish(total: float, squares: float) -> float:
    return round(float(total**2 / squares), 3) if squares else 0.0


def when(since: datetime, until: datetime) -> str:
    return f"between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M} UTC"


def tell_of_broken(read: Read) -> None:
    """Repeats and broken lines are no part of the description, which the same log always gets."""
    tell(f"{read.rows:,} impressions and clicks read, repeats included")
    if read.broken_lines:
        tell(f"{read.broken_lines:,} lines are no rows, and were passed over")
    if read.broken_files:
        tell(f"{read.broken_files:,} Parquet files cannot be read, and were passed over")


def tell_of(told: Mapping[str, Any]) -> None:
    clicks = told["clicks"]
    for reason, count in clicks["lost"].items():
        tell(f"  {count:,} clicks {WHY[reason]}")
    for name, said in told["files"].items():
        worth = told["effective"][name]["clicks"]
        tell(
            f"{name}: {said['pairs']:,} pairs from {clicks['used'][name]:,} clicks, worth "
            f"{worth:,.0f} of equal weight"
        )
    if not told["files"][HELD_OUT]["pairs"]:
        tell("Nothing is held out: the gate has no clicks to judge by.")
    if told["examination"]["clicks_that_moved"] < ASSUMED_CLICKS:
        tell(
            "Hardly a picture was seen in two places, so how much a place is looked at is mostly "
            "assumed; ranking should leave some places to chance."
        )
