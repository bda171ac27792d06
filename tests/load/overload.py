"""More requests than one laptop can answer: who is refused, how fast, and what of it remains."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from tests.bench.served import Served, served
from tests.journeys.conftest import drawing
from tests.load.caller import Caller, Reply, as_fast_as_answered, at_a_rate, get, post

PICTURES, SIDE = 60, 400
UPLOADS = 10  # one request in so many brings a picture, the others name one
CLIENTS = 8  # of the closed loop that finds out what the server can answer
WARMING = 1.0  # seconds before anything is measured
WATCHING = 0.2  # seconds between two looks at what has to answer all the time
MOST_REFUSING = 1.0  # seconds: a refusal takes no longer, and the first comes no later
MOST_ANSWERING = 15.0  # seconds: the wait that is allowed, and the work itself
MOST_RECOVERING = 10.0  # seconds until an answer takes as long as before
MOST_MEMORY_MB = 300.0  # more than before the load
AS_BEFORE = 3  # times as long as when nobody else asked, and JITTER, is as before
JITTER = 0.02
HUGE, HUGE_BYTES = 40, 9_000_000  # bodies at once: six times what may be in memory
REFUSED_HUGE = {413, 415, 503}  # too large, no picture at all, or no room for it

Ask = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Size:
    """Seconds of each part; times: how much more is asked than can be answered."""

    measuring: float = 4.0
    loading: float = 10.0
    times: float = 3.0


@dataclass
class Found:
    capacity: float = 0.0  # answers per second
    quiet: float = 0.0  # seconds, the median when nobody else asks
    load: list[Reply] = field(default_factory=list)
    watched: dict[str, list[Reply]] = field(default_factory=dict)
    huge: list[Reply] = field(default_factory=list)
    memory_mb: float = 0.0  # the most, above what it was before
    recovered: float = float("inf")  # seconds after the last request of the load

    @property
    def answered(self) -> list[Reply]:
        return [reply for reply in self.load if reply.status == 200]

    @property
    def refused(self) -> list[Reply]:
        return [reply for reply in self.load if reply.status == 503]

    @property
    def first_refusal(self) -> float:
        began = min(reply.asked for reply in self.load)
        return min((reply.ended for reply in self.refused), default=float("inf")) - began

    def broken(self, patience: float = 1.0) -> Iterator[str]:
        """Each promise that was not kept. patience: how much longer a busy machine may take."""
        others = {reply.status for reply in self.load} - {200, 503}
        if others or not self.answered or not self.refused:
            yield f"statuses {sorted({reply.status for reply in self.load})}"
        if not all(reply.retry_after.isdigit() for reply in self.refused):
            yield "a refusal without Retry-After"
        for name, replies in self.watched.items():
            if bad := {reply.status for reply in replies} - {200, 202}:
                yield f"{name} answered {bad}"
        if {reply.status for reply in self.huge} - REFUSED_HUGE:
            yield f"huge bodies: {sorted({reply.status for reply in self.huge})}"
        bounds = {
            "the first refusal": (self.first_refusal, MOST_REFUSING),
            "a refusal": (slowest(self.refused), MOST_REFUSING),
            "an answer": (slowest(self.answered), MOST_ANSWERING),
            "recovering": (self.recovered, MOST_RECOVERING),
        }
        for what, (took, most) in bounds.items():
            if took > most * patience:
                yield f"{what} took {took:.1f} s"
        if self.memory_mb > MOST_MEMORY_MB:
            yield f"{self.memory_mb:.0f} MB more"


class World:
    """The requests of a story."""

    def __init__(self, port: int, image_ids: Sequence[str]) -> None:
        self.port = port
        self.upload = post(port, "/v1/search", drawing(500, SIDE), Content_Type="image/jpeg")
        self.huge = post(port, "/v1/search", b"\xff" * HUGE_BYTES, Content_Type="image/jpeg")
        self.similar = [get(port, f"/v1/images/{image_id}/similar") for image_id in image_ids]
        told = json.dumps({"query_id": "-", "session_id": "-" * 36, "events": [{}]}).encode()
        page, first = {"Sec_Fetch_Site": "same-origin"}, image_ids[0]
        self.always = {
            "the page": get(port, f"/v1/images/{first}/similar", **page),
            "a thumbnail": get(port, f"/thumbnails/{first}.webp", **page),
            "interactions": post(port, "/v1/interactions", told, Content_Type="text/plain"),
            "health": get(port, "/v1/health"),
            "progress": get(port, "/local/progress"),
        }

    def asked(self, number: int) -> bytes:
        """One in UPLOADS is a picture that is not known; the others ask about one that is."""
        known = self.similar[number % len(self.similar)]
        return known if (number + 1) % UPLOADS else self.upload


@contextmanager
def a_laptop(folder: Path) -> Iterator[Served]:
    """`lookalike up` in a process of its own, with all pictures indexed."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(PICTURES):
        (pictures / f"{number:04}.jpg").write_bytes(drawing(number))
    with served(pictures, folder / "data") as laptop:
        for progress in laptop.looks():
            if progress["indexed"] == PICTURES and not progress["pending"]:
                break
        yield laptop


def overloaded(laptop: Served, size: Size) -> Found:
    images = laptop.ask(f"v1/images?limit={PICTURES}")["images"]
    world = World(urlsplit(laptop.url).port or 0, [image["image_id"] for image in images])
    with Memory(laptop.pid) as memory:
        found = asyncio.run(_story(world, size))
    found.memory_mb = memory.most - memory.before
    return found


async def _story(world: World, size: Size) -> Found:
    found, asked = Found(), world.asked
    async with Caller(world.port) as caller:
        await as_fast_as_answered(caller, asked, CLIENTS, WARMING)
        alone = await as_fast_as_answered(caller, asked, 1, size.measuring / 4)
        found.quiet = median(reply.seconds for reply in alone)
        most = await as_fast_as_answered(caller, asked, CLIENTS, size.measuring)
        found.capacity = sum(reply.status == 200 for reply in most) / size.measuring
        rate = size.times * found.capacity
        load = asyncio.create_task(at_a_rate(caller, asked, rate, size.loading))
        found.watched = await _watched(world, load)
        found.load = await load
        found.recovered = await _recovered(caller, asked, found)
        found.huge = await asyncio.gather(*(caller.ask(world.huge) for _ in range(HUGE)))
    return found


async def _watched(world: World, load: asyncio.Task[list[Reply]]) -> dict[str, list[Reply]]:
    """What must answer all the time, asked again and again until the load is over."""
    replies = {name: list[Reply]() for name in world.always}
    async with Caller(world.port) as caller:
        while not load.done():
            for name, request in world.always.items():
                replies[name].append(await caller.ask(request))
            await asyncio.sleep(WATCHING)
    return replies


async def _recovered(caller: Caller, asked: Ask, found: Found) -> float:
    """Seconds from the last request of the load to the first answer that comes as before."""
    ended = max(reply.asked for reply in found.load)
    while time.monotonic() < ended + 2 * MOST_RECOVERING:
        reply = await caller.ask(asked(0))
        if reply.status == 200 and reply.seconds <= AS_BEFORE * found.quiet + JITTER:
            return reply.ended - ended
    return float("inf")


class Memory:
    """What a process takes while the block runs, in MB."""

    def __init__(self, pid: int) -> None:
        self.status = Path(f"/proc/{pid}/status")
        self.before = self.most = self._now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, self._now())

    def _now(self) -> float:
        lines = self.status.read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def slowest(replies: Sequence[Reply]) -> float:
    return max((reply.seconds for reply in replies), default=0.0)


def told(found: Found) -> str:
    """In the words of docs/reliability.md."""
    good, bad = len(found.answered), len(found.refused)
    began = min(reply.asked for reply in found.load)
    asking = max(reply.asked for reply in found.load) - began
    answering = max(reply.ended for reply in found.load) - began
    watched = ", ".join(
        f"{name} {len(replies)} times, {1000 * median(r.seconds for r in replies):.0f} ms "
        f"(slowest {1000 * slowest(replies):.0f})"
        for name, replies in found.watched.items()
    )
    return "\n".join(
        [
            f"can answer {found.capacity:.0f} a second ({1000 * found.quiet:.1f} ms alone); was "
            f"asked {len(found.load) / asking:.0f} a second for {asking:.0f} s, answered {good} "
            f"({good / answering:.0f} a second), refused {bad}",
            f"first refusal after {found.first_refusal:.2f} s; a refusal took "
            f"{1000 * median(r.seconds for r in found.refused):.0f} ms, the slowest "
            f"{1000 * slowest(found.refused):.0f}; an answer took {slowest(found.answered):.1f} s "
            "at most",
            f"meanwhile: {watched}",
            f"as before after {found.recovered:.2f} s; {HUGE} bodies of 9 MB at once: "
            f"{sum(r.status == 503 for r in found.huge)} refused; {found.memory_mb:.0f} MB more",
        ]
    )
