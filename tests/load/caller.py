"""A client that asks without waiting for earlier answers, as many people at once do."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

PATIENCE_SECONDS = 20.0  # more than any answer may take: what comes later is no answer


@dataclass(frozen=True, slots=True)
class Reply:
    """asked: time.monotonic(). status: 0 when the connection broke, or nothing came in time."""

    asked: float
    seconds: float
    status: int
    retry_after: str
    body: bytes

    @property
    def ended(self) -> float:
        return self.asked + self.seconds


class Caller:
    """Keeps its connections, as browsers and programs do, and opens one more when all are busy.

    They are closed with the block.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> Reply:
        asked = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status, headers, body = await self._exchange(request)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            status, headers, body = 0, {}, b""
        waited = time.monotonic() - asked
        return Reply(asked, waited, status, headers.get("retry-after", ""), body)

    async def _exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        while self._idle:
            reader, writer = self._idle.pop()
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # closed while it was idle
                return await self._over(reader, writer, request)
        opened = await asyncio.open_connection("127.0.0.1", self.port)
        return await self._over(*opened, request)

    async def _over(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            writer.write(request)
            status, headers = _head(await reader.readuntil(b"\r\n\r\n"))
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return status, headers, body

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *how: object) -> None:
        for _, writer in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def as_fast_as_answered(
    caller: Caller, requests: Callable[[int], bytes], at_once: int, seconds: float
) -> list[Reply]:
    """A closed loop: so many clients, each asking again when it was answered."""
    until = time.monotonic() + seconds
    replies: list[Reply] = []

    async def one(number: int) -> None:
        while time.monotonic() < until:
            replies.append(await caller.ask(requests(number)))
            number += at_once

    await asyncio.gather(*(one(number) for number in range(at_once)))
    return replies


async def at_a_rate(
    caller: Caller, requests: Callable[[int], bytes], rate: float, seconds: float
) -> list[Reply]:
    """An open loop: so many requests a second, whatever became of the ones before."""
    began = time.monotonic()
    asked: list[asyncio.Task[Reply]] = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(began + number / rate - time.monotonic())
        asked.append(asyncio.create_task(caller.ask(requests(number))))
    return [await task for task in asked]


def get(port: int, path: str, **headers: str) -> bytes:
    return _request("GET", port, path, b"", headers)


def post(port: int, path: str, body: bytes, **headers: str) -> bytes:
    return _request("POST", port, path, body, {"Content_Length": str(len(body)), **headers})


def _request(method: str, port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{named}\r\n".encode() + body


def _head(read: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = read.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}
