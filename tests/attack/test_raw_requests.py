"""Hosts and shapes of requests that no browser sends, byte by byte."""

import http.client
import re
import time

import pytest

from tests.attack.target import Target

BAD = b"HTTP/1.1 400 Bad Request"
MISDIRECTED = b"HTTP/1.1 421 Misdirected Request"
NOT_FOUND = b"HTTP/1.1 404 Not Found"
OK = b"HTTP/1.1 200 OK"
TOO_LARGE = b"HTTP/1.1 413"

HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "127.1",
    "evil@127.0.0.1",
    "127.0.0.1\\evil",
    "[::ffff:127.0.0.1]",
    "lоcalhost".encode().decode("latin-1"),  # with a Cyrillic o
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_name_that_only_resolves_to_this_machine_is_refused(target: Target, host: str) -> None:
    for named in (f"{host}:{target.port}", host):
        assert target.line(f"GET /v1/images HTTP/1.1\r\nHost: {named}") == MISDIRECTED


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        ("GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example", BAD),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nHost: {host}", BAD),
        ("GET / HTTP/1.1\r\nHost : {host}", BAD),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n {host}", MISDIRECTED),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: {host}", MISDIRECTED),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nForwarded: host={host}", MISDIRECTED),
        ("GET / HTTP/1.1", BAD),
        ("GET / HTTP/1.0", MISDIRECTED),
        ("GET http://{host}/v1/images HTTP/1.1\r\nHost: evil.example", MISDIRECTED),
        ("GET http://evil.example/v1/images HTTP/1.1\r\nHost: {host}", NOT_FOUND),
        ("GET //evil.example/ HTTP/1.1\r\nHost: {host}", NOT_FOUND),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: {host}", NOT_FOUND),
        ("OPTIONS * HTTP/1.1\r\nHost: {host}", NOT_FOUND),
    ],
)
def test_only_its_own_name_said_once_is_answered(target: Target, head: str, answer: bytes) -> None:
    assert target.line(head) == answer


GET = "GET /v1/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
POST = "POST /v1/search HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "head",
    [
        POST + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
        POST + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" + GET,
        POST + "Content-Length: 2\r\nContent-Length: 80\r\n\r\n{{}}" + GET,
        POST + "Content-Length: -1\r\n\r\n{{}}" + GET,
        POST + "Content-Length: +2\r\n\r\n{{}}" + GET,
        POST + "Content-Length: 0x2\r\n\r\n{{}}" + GET,
        POST + "Content-Length: \xb2\r\n\r\n{{}}" + GET,
        POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + GET,
        POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + GET,
        POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + GET,
        POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + GET,
        POST + "Transfer-Encoding: chunked\r\n\r\nZZ\r\n{{}}\r\n0\r\n\r\n" + GET,
        POST + "X: a\x00b\r\nContent-Length: 2\r\n\r\n{{}}" + GET,
    ],
)
def test_a_request_of_unclear_length_is_refused_and_nothing_after_it_is_heard(
    target: Target, head: str
) -> None:
    heard = target.say(head.format(host=target.host).encode("latin-1"))

    assert heard.startswith(BAD)
    assert heard.count(b"HTTP/1.1 ") == 1
    assert b'"status":"ok"' not in heard


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("GET /v1/images?prefix=" + "y" * 1_000_000 + " HTTP/1.1\r\nHost: {host}\r\n\r\n", BAD),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nX: " + "y" * 1_000_000 + "\r\n\r\n", BAD),
        ("GET / HTTP/1.1\r\nHost: {host}\r\n" + "X: y\r\n" * 200_000 + "\r\n", BAD),
        ("GET / HTTP/1.1\r\nHost: {host}\r\nX: " + "y" * 2_000_000, BAD),
        (POST + "Connection: close\r\nContent-Length: 99999999999999999999\r\n\r\n", TOO_LARGE),
        ("GET /\xff HTTP/1.1\r\nHost: {host}\r\n\r\n", BAD),
        ("GET /\r\n\r\n", BAD),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 200 + "\r\n\r\n", BAD),
    ],
    ids=[
        "an address of a megabyte",
        "a header of a megabyte",
        "200,000 headers",
        "a header without end",
        "a length past counting",
        "an address that is no ASCII",
        "HTTP 0.9",
        "TLS",
    ],
)
def test_floods_and_noise_are_cut_off(target: Target, said: str, answer: bytes) -> None:
    assert target.say(said.format(host=target.host).encode("latin-1")).startswith(answer)
    assert target.is_well()


def test_chunks_that_add_up_to_too_much_are_cut_off(target: Target) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = POST.format(host=target.host) + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    assert target.say(head.encode() + chunk * 160).startswith(TOO_LARGE)
    assert target.is_well()


def test_there_is_nothing_to_upgrade_to(target: Target) -> None:
    for protocol in ("websocket", "h2c", "TLS/1.0"):
        headers = {
            "Connection": "Upgrade",
            "Upgrade": protocol,
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }

        assert target.ask("GET", "/v1/health", None, **headers).status == 200


@pytest.mark.parametrize(
    ("asked", "statuses"),
    [
        ("bytes=0-0", {206}),
        ("bytes=-1", {206}),
        ("bytes=5-2", {400, 416}),
        ("bytes=999999-", {416}),
        ("bytes=a-b", {400, 416}),
        ("lines=1-2", {200, 400}),
        ("bytes=" + "0-0," * 5_000 + "1-1", {200, 206}),
        ("bytes=" + ",".join(f"{at}-{at}" for at in range(0, 1000, 2)), {200, 206}),
        ("bytes=" + "9" * 5_000 + "-", {400, 416}),
    ],
    ids=lambda value: value[:16] if isinstance(value, str) else None,
)
def test_no_range_brings_more_than_the_file(target: Target, asked: str, statuses: set[int]) -> None:
    path = f"/pictures/{target.image_ids[0]}"
    whole = len(target.ask("GET", path).body)
    began = time.perf_counter()

    answer = target.ask("GET", path, Range=asked)

    assert answer.status in statuses
    assert len(answer.body) <= 1.5 * whole
    assert time.perf_counter() - began < 10


def test_a_half_sent_request_keeps_nobody_waiting(target: Target) -> None:
    waiting = []
    for said in (
        b"GET / HT",
        POST.format(host=target.host).encode() + b"Content-Length: 9\r\n\r\n{",
    ):
        for _ in range(20):
            connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=10)
            connection.connect()
            assert connection.sock is not None
            connection.sock.sendall(said)
            waiting.append(connection)

    assert target.is_well()
    for connection in waiting:
        connection.close()
    assert target.is_well()


@pytest.mark.parametrize("path", ["/", "/config.json", "/nothing", "/pictures/ID", "/v1/images"])
def test_a_route_names_the_methods_that_it_has(target: Target, path: str) -> None:
    path = path.replace("ID", target.image_ids[0])
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        answer = target.ask(method, path)

        assert answer.status == 405
        assert re.fullmatch(r"(GET|HEAD)(, (GET|HEAD))?", answer.headers["allow"])


@pytest.mark.parametrize(
    "path", ["/uploads", "/local/promote", "/local/trial", "/local/stop_trial", "/local/rollback"]
)
def test_what_only_hears_posts_says_so(target: Target, path: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"):
        answer = target.ask(method, path)

        assert (answer.status, answer.headers["allow"]) == (405, "POST")
