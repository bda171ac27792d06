"""A TCP proxy that does to a dependency what networks and servers do; switchable while in use."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Literal

CHUNK = 16 * 1024
VERBS = (b"GET ", b"PUT ", b"POST ", b"HEAD ", b"DELETE ", b"PATCH ")
RESET = struct.pack("ii", 1, 0)  # closing then sends RST, not FIN
PAGE = b"<html><body><h1>It works!</h1></body></html>"
HEAD = b"\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(PAGE)
PAGES = {
    "nonsense": b"HTTP/1.1 200 OK" + HEAD + PAGE,
    "stranger": b"HTTP/1.1 404 Not Found" + HEAD + PAGE,
    "garbage": bytes(range(1, 256)) * 4,  # no line of it is HTTP
}

Kind = Literal[
    "none",
    "down",  # nothing listens, and what was open is gone
    "refuse",  # accepted, and reset at once
    "slow",  # every piece of a reply comes `seconds` late
    "narrow",  # `rate` bytes a second
    "drip",  # a byte every `seconds`: no timeout between two bytes ever strikes
    "silent",  # the request is taken; no byte comes back
    "stall",  # half of the reply, then nothing, and the connection stays open
    "cut",  # half of the reply, then the end, as if it were whole
    "reset",  # half of the reply, then a reset
    "garbage",  # bytes that are not HTTP instead of the reply
    "nonsense",  # a web page with status 200 instead of the reply
    "stranger",  # the same with status 404
    "flap",  # up and down in turn, `seconds` each
]


@dataclass(frozen=True, slots=True)
class Fault:
    """All but `down`, `refuse` and `flap` let the request through: what it asks for is done.

    after: so many requests are answered as ever, before it strikes; not for those three.
    """

    kind: Kind
    seconds: float = 0.0
    rate: int = 0
    after: int = 0


NONE = Fault("none")


class Proxy:
    """Listens while it is a context, on one port for ever; the fault may change at any moment.

    connections, requests: since `count` was last called.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.fault = NONE
        self.spared = 0  # requests that this fault still lets pass
        self.connections = self.requests = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._flapping: asyncio.Task[None] | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def count(self) -> int:
        """Attempts since the last time: a connection that asked for nothing is one too."""
        attempts = max(self.connections, self.requests)
        self.connections = self.requests = 0
        return attempts

    @contextlib.contextmanager
    def during(self, fault: Fault) -> Iterator[None]:
        """What is open when it ends is cut off, as whatever mended it would do."""
        self._run(self._switch(fault))
        try:
            yield
        finally:
            self._run(self._switch(NONE))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _switch(self, fault: Fault) -> None:
        if self._flapping:
            self._flapping.cancel()
            self._flapping = None
        self.fault, self.spared = fault, fault.after
        if fault.kind == "flap":
            self._flapping = asyncio.create_task(self._flap(fault.seconds))
        elif fault.kind == "down":
            await self._close()
        else:
            if fault == NONE:
                await self._abort()
            await self._listen()

    async def _flap(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._close()
            await asyncio.sleep(seconds)
            await self._listen()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server:
            server.close()
        await self._abort()

    async def _abort(self) -> None:
        for writer in list(self._open):
            _reset(writer)
        await asyncio.sleep(0)

    async def _end(self) -> None:
        await self._switch(NONE)
        await self._close()
        tasks = list(self._serving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.fault.kind == "refuse":
            return _reset(writer)
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        self._open.add(writer)
        try:
            await _Conversation(self, reader, writer).run()
        except (OSError, asyncio.CancelledError):
            pass  # whoever hung up first, the other one is told below
        finally:
            self._serving.discard(task)
            self._open.discard(writer)
            writer.close()


class _Conversation:
    """One connection: requests pass, replies meet the fault of the moment."""

    def __init__(
        self, proxy: Proxy, client: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> None:
        self.proxy = proxy
        self.client = client
        self.back = back
        self.reply = b""  # as much of the present one as has come
        self.spared = False
        self.bodiless = False  # what answers HEAD says how long a body is, and has none

    async def run(self) -> None:
        there, on = await asyncio.open_connection("127.0.0.1", self.proxy.upstream)
        ways = [asyncio.create_task(self._ask(on)), asyncio.create_task(self._answer(there))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            on.close()

    async def _ask(self, on: asyncio.StreamWriter) -> None:
        while chunk := await self.client.read(CHUNK):
            if self.proxy.fault.kind == "refuse":
                _reset(self.back)
                return
            if chunk.startswith(VERBS):
                self.proxy.requests += 1
                self.reply = b""
                self.bodiless = chunk.startswith(b"HEAD ")
                self.spared = self.proxy.spared > 0
                self.proxy.spared -= self.spared
            on.write(chunk)
            await on.drain()

    async def _answer(self, there: asyncio.StreamReader) -> None:
        while chunk := await there.read(CHUNK):
            await self._pass(chunk)

    async def _pass(self, chunk: bytes) -> None:
        if self.spared or (not self.reply and chunk.startswith(b"HTTP/1.1 100")):  # or: go on
            await self._send(chunk)
            return
        fault = self.proxy.fault
        self.reply += chunk
        match fault.kind:
            case "slow":
                await asyncio.sleep(fault.seconds)
                await self._send(chunk)
            case "narrow" | "drip":
                await self._in_pieces(chunk, fault)
            case "silent":
                await self._hold()
            case "garbage" | "nonsense" | "stranger":
                await self._send(PAGES[fault.kind])
                raise ConnectionAbortedError
            case "stall" | "cut" | "reset":
                await self._half(chunk, fault.kind)
            case _:
                await self._send(chunk)

    async def _in_pieces(self, chunk: bytes, fault: Fault) -> None:
        size = max(1, fault.rate // 20) if fault.kind == "narrow" else 1
        pause = size / fault.rate if fault.kind == "narrow" else fault.seconds
        for start in range(0, len(chunk), size):
            if self.proxy.fault != fault:  # mended meanwhile
                await self._send(chunk[start:])
                return
            await asyncio.sleep(pause)
            await self._send(chunk[start : start + size])

    async def _half(self, chunk: bytes, kind: str) -> None:
        """The head and half of the body, where there is one; else half of the head."""
        head, mark, _ = self.reply.partition(b"\r\n\r\n")
        length = _length(head) if mark and not self.bodiless else 0
        keep = len(head) + 4 + length // 2 if length > 1 else len(head) // 2
        passed = len(self.reply) - len(chunk)
        await self._send(chunk[: max(0, keep - passed)])
        if mark and (length <= 1 or len(self.reply) >= keep):
            if kind == "stall":
                await self._hold()
            if kind == "reset":
                _reset(self.back)
            raise ConnectionAbortedError

    async def _send(self, data: bytes) -> None:
        self.back.write(data)
        await self.back.drain()

    async def _hold(self) -> None:
        await asyncio.Event().wait()


def _length(head: bytes) -> int:
    """Of the body, if the reply is a final one that says so."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
