import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest
from starlette.types import Message, Receive

from local import waiting_room
from local.bodies import ClientGone
from local.waiting_room import ALWAYS, MOST_BYTES, Busy, WaitingRoom

SLOW = 0.2  # seconds of a function: five of them are the whole room


class Room:
    """A waiting room whose function usually takes SLOW seconds; `served`: in which order."""

    def __init__(self) -> None:
        self.room = WaitingRoom()
        self.room._usual["search"] = SLOW
        self.served: list[str] = []
        self.open = asyncio.Event()

    async def ask(self, name: str, first: bool = False, stays: bool = True) -> None:
        gone = asyncio.create_task(asyncio.sleep(60 if stays else 0))
        try:
            async with self.room.turn("search", first, gone):
                await self.open.wait()
                self.served.append(name)
        finally:
            gone.cancel()

    async def waiting(self, *asked: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(one) for one in asked]
        await asyncio.sleep(0.01)
        return tasks


def test_one_turn_at_a_time_in_the_order_of_asking() -> None:
    async def story() -> list[str]:
        room = Room()
        tasks = await room.waiting(*(room.ask(name) for name in "abc"))
        room.open.set()
        await asyncio.gather(*tasks)
        return room.served

    assert asyncio.run(story()) == ["a", "b", "c"]


def test_the_page_goes_before_programs_that_came_earlier() -> None:
    async def story() -> list[str]:
        room = Room()
        tasks = await room.waiting(room.ask("a"), room.ask("b"), room.ask("page", first=True))
        room.open.set()
        await asyncio.gather(*tasks)
        return room.served

    assert asyncio.run(story()) == ["a", "page", "b"]


def test_what_would_wait_too_long_is_refused_at_once_and_told_when_to_come() -> None:
    async def story() -> int:
        room = Room()
        tasks = await room.waiting(*(room.ask(str(n)) for n in range(ALWAYS + 1)))
        with pytest.raises(Busy) as refused:
            await asyncio.wait_for(room.ask("one more"), 5)
        room.open.set()
        await asyncio.gather(*tasks)
        return refused.value.retry_after

    assert asyncio.run(story()) == 3  # twelve times 0.2 s are ahead


def test_the_page_is_let_in_when_programs_are_refused() -> None:
    async def story() -> list[str]:
        room = Room()
        programs = await room.waiting(*(room.ask(str(n)) for n in range(ALWAYS + 1)))
        page = await room.waiting(*(room.ask("page", first=True) for _ in range(ALWAYS)))
        room.open.set()
        await asyncio.gather(*programs, *page)
        return room.served

    assert asyncio.run(story())[1 : ALWAYS + 1] == ["page"] * ALWAYS


def test_as_many_as_two_browsers_ask_wait_whatever_it_takes() -> None:
    async def story() -> int:
        room = Room()
        room.room._usual["search"] = 1000.0
        tasks = await room.waiting(*(room.ask(str(n)) for n in range(ALWAYS + 1)))
        room.open.set()
        await asyncio.gather(*tasks)
        return len(room.served)

    assert asyncio.run(story()) == ALWAYS + 1


def test_whoever_goes_away_while_waiting_is_not_served_and_leaves_no_gap() -> None:
    async def story() -> list[str]:
        room = Room()
        first, gone, last = await room.waiting(
            room.ask("a"), room.ask("gone", stays=False), room.ask("c")
        )
        with pytest.raises(ClientGone):
            await gone
        room.open.set()
        await asyncio.gather(first, last)
        return room.served

    assert asyncio.run(story()) == ["a", "c"]


def test_nobody_waits_for_ever_for_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "LONGEST_WAIT_SECONDS", 0.05)

    async def story() -> list[str]:
        room = Room()
        hanging, waiting = await room.waiting(room.ask("hangs"), room.ask("waits"))
        with pytest.raises(Busy):
            await waiting
        room.open.set()
        await hanging
        await room.ask("next")
        return room.served

    assert asyncio.run(story()) == ["hangs", "next"]


def test_a_turn_that_is_cancelled_or_fails_passes_on() -> None:
    async def story() -> list[str]:
        room = Room()
        running, waiting, last = await room.waiting(*(room.ask(name) for name in "abc"))
        for task in (waiting, running):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        room.open.set()
        await last
        return room.served

    assert asyncio.run(story()) == ["c"]


def test_an_answer_that_takes_longer_than_usual_makes_the_room_smaller() -> None:
    async def story() -> float:
        room = WaitingRoom()
        gone = asyncio.create_task(asyncio.sleep(60))
        before = room._usual.get("search", waiting_room.FIRST_GUESS_SECONDS)
        async with room.turn("search", False, gone):
            await asyncio.sleep(0.1)
        gone.cancel()
        return room._usual["search"] - before

    assert asyncio.run(story()) > 0.005


def stream(*parts: bytes) -> tuple[Receive, list[bytes]]:
    """A body in parts, and those of them that were not read yet."""
    left = list(parts)

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive, left


def test_bodies_in_memory_have_a_bound_and_one_too_many_is_read_to_its_end() -> None:
    half = b"x" * (MOST_BYTES // 2)
    receive, left = stream(half, half, half, b"end")

    async def story() -> int:
        room = WaitingRoom()
        with room.keeping(receive, declared=0) as kept:
            assert [len((await kept())["body"]) for _ in range(3)] == [len(half), len(half), 0]
            with pytest.raises(Busy):
                await kept()
        return room._bytes

    assert asyncio.run(story()) == 0
    assert left == []


def test_who_came_first_keeps_the_room_for_all_that_was_declared() -> None:
    async def story() -> tuple[bytes, int]:
        room = WaitingRoom()
        first, second = stream(b"a", b"b")[0], stream(b"c", b"d")[0]
        with (
            room.keeping(first, declared=MOST_BYTES - 1) as kept,
            room.keeping(second, declared=2) as dropped,
        ):
            assert (await dropped())["body"] == b""
            with pytest.raises(Busy):
                await dropped()
            return (await kept())["body"] + (await kept())["body"], room._bytes

    assert asyncio.run(story()) == (b"ab", MOST_BYTES - 1)
