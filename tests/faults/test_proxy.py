"""The proxy does what it is told to, or the matrix would prove nothing."""

import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.faults.proxy import Fault, Kind, Proxy

BODY = bytes(range(256)) * 8


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with Proxy(server.server_port) as made:
        yield made
    server.shutdown()
    thread.join()
    server.server_close()


def ask(proxy: Proxy) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=0.3)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("down", ConnectionRefusedError),
        ("refuse", ConnectionError),
        ("drip", TimeoutError),
        ("silent", TimeoutError),
        ("stall", TimeoutError),
        ("cut", http.client.IncompleteRead),
        ("reset", ConnectionError),
        ("garbage", http.client.BadStatusLine),
    ],
)
def test_a_fault_is_what_a_client_meets(proxy: Proxy, kind: Kind, error: type[Exception]) -> None:
    with proxy.during(Fault(kind, seconds=1)), pytest.raises(error):
        ask(proxy)

    assert ask(proxy) == BODY, "it is over"


@pytest.mark.parametrize("kind", ["nonsense", "stranger"])
def test_somebody_elses_page_comes_whole(proxy: Proxy, kind: Kind) -> None:
    with proxy.during(Fault(kind)):
        assert b"It works!" in ask(proxy)


def test_a_slow_and_a_narrow_line_bring_all_of_it(proxy: Proxy) -> None:
    began = time.monotonic()

    with proxy.during(Fault("slow", seconds=0.05)):
        assert ask(proxy) == BODY
    with proxy.during(Fault("narrow", rate=20_000)):
        assert ask(proxy) == BODY

    assert time.monotonic() - began >= 0.05 + len(BODY) / 20_000


def test_what_flaps_is_up_and_down(proxy: Proxy) -> None:
    met: set[bool] = set()
    with proxy.during(Fault("flap", seconds=0.05)):
        until = time.monotonic() + 10
        while len(met) < 2 and time.monotonic() < until:
            try:
                met.add(ask(proxy) == BODY)
            except OSError:
                met.add(False)

    assert met == {True, False}


def test_a_fault_may_strike_later_and_every_attempt_is_counted(proxy: Proxy) -> None:
    proxy.count()

    with proxy.during(Fault("reset", after=2)):
        assert ask(proxy) == ask(proxy) == BODY
        with pytest.raises(ConnectionError):
            ask(proxy)

    assert proxy.count() == 3
    assert proxy.count() == 0


def test_a_connection_that_is_open_meets_the_fault_too(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
    connection.request("GET", "/")
    connection.getresponse().read()

    def again() -> None:
        connection.request("GET", "/")
        connection.getresponse()

    with proxy.during(Fault("down")), pytest.raises((OSError, http.client.HTTPException)):
        again()
    connection.close()
