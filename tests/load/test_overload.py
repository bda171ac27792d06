import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.server import listen
from tests.bench.served import Served
from tests.load.caller import Caller, get
from tests.load.overload import Found, Size, a_laptop, overloaded

SMALL = Size(measuring=1.0, loading=2.0)
PATIENCE = 10.0  # times longer than promised: other tests run beside this one
ATTEMPTS = 3  # a machine that was busy while it was measured can answer more than was found


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Served]:
    with a_laptop(tmp_path) as running:
        yield running


def test_three_times_too_much_is_refused_and_soon_forgotten(laptop: Served) -> None:
    tried = (overloaded(laptop, SMALL) for _ in range(ATTEMPTS))
    found = next((found for found in tried if found.refused), Found())

    assert found.refused
    assert found.answered
    assert list(found.broken(PATIENCE)) == []


def test_an_answer_does_not_wait_until_the_one_before_is_acknowledged() -> None:
    """asyncio sends at once only on sockets that say they are TCP: without it, 40 ms each."""
    with listen(0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_a_connection_that_was_closed_while_idle_is_no_failure_of_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer_once_a_connection, args=(server, 2), daemon=True).start()

        async def story() -> list[int]:
            async with Caller(server.getsockname()[1]) as caller:
                return [(await caller.ask(get(0, "/"))).status for _ in range(2)]

        assert asyncio.run(story()) == [200, 200]


def _answer_once_a_connection(server: socket.socket, times: int) -> None:
    for _ in range(times):
        with server.accept()[0] as client:
            client.recv(1000)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
