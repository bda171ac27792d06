import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

import pytest

from local.bridge import MAX_BODY_BYTES
from local.waiting_room import ALWAYS
from tests.journeys.conftest import until
from tests.local.conftest import KNOWN, Site

Event = dict[str, Any]


def asked(site: Site, method: str, target: str, body: bytes | None = None, **headers: str) -> Event:
    """The event that the function got."""
    event: Event = site.ask(method, target, body, **headers).json()["event"]
    return event


@pytest.mark.parametrize(
    ("method", "path", "function", "resource"),
    [
        ("POST", "/v1/search", "search", "/v1/search"),
        ("GET", f"/v1/images/{KNOWN}/similar", "search", "/v1/images/{image_id}/similar"),
        ("POST", "/v1/interactions", "interactions", "/v1/interactions"),
        ("GET", "/v1/metrics", "metrics", "/v1/metrics"),
        ("GET", f"/v1/images/{KNOWN}", "catalogue", "/v1/images/{image_id}"),
        ("PATCH", f"/v1/images/{KNOWN}", "catalogue", "/v1/images/{image_id}"),
        ("GET", "/v1/images", "catalogue", "/v1/{proxy+}"),
        ("GET", "/v1/health", "catalogue", "/v1/{proxy+}"),
    ],
)
def test_each_route_goes_to_the_function_that_serves_it_in_the_cloud(
    site: Site, method: str, path: str, function: str, resource: str
) -> None:
    answer = site.ask(method, path).json()

    assert answer["function"] == function
    assert answer["event"]["resource"] == resource
    assert answer["event"]["path"] == path
    assert answer["event"]["httpMethod"] == method


def test_the_path_parameter_is_named_as_in_the_api(site: Site) -> None:
    assert asked(site, "GET", "/v1/images/abc%20d")["pathParameters"] == {"image_id": "abc d"}


def test_image_bytes_arrive_as_base64_and_unchanged(site: Site) -> None:
    every_byte = bytes(range(256)) * 40

    event = asked(site, "POST", "/v1/search", every_byte, Content_Type="image/jpeg")

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == every_byte


def test_json_arrives_as_text(site: Site) -> None:
    body = json.dumps({"tags": ["größe", "🧵"]}, ensure_ascii=False)

    event = asked(site, "POST", "/v1/search", body.encode(), Content_Type="application/json")

    assert (event["body"], event["isBase64Encoded"]) == (body, False)


def test_text_that_is_no_text_arrives_as_base64(site: Site) -> None:
    event = asked(site, "POST", "/v1/search", b"\xff\xfe", Content_Type="application/json")

    assert event["isBase64Encoded"] is True


def test_a_request_without_body_has_none(site: Site) -> None:
    event = asked(site, "GET", "/v1/images")

    assert (event["body"], event["isBase64Encoded"]) == (None, False)


def test_repeated_query_parameters_all_arrive_decoded(site: Site) -> None:
    event = asked(site, "GET", "/v1/images?tag=a&tag=b%20%2B%C3%A9&prefix=")

    assert event["multiValueQueryStringParameters"] == {"tag": ["a", "b +é"], "prefix": [""]}
    assert event["queryStringParameters"] == {"tag": "b +é", "prefix": ""}


def test_headers_and_the_request_context_are_those_of_a_rest_api(site: Site) -> None:
    event = asked(site, "GET", "/v1/health", User_Agent="tester", X_Name="value")

    context = event["requestContext"]
    assert event["headers"]["x-name"] == "value"
    assert event["multiValueHeaders"]["x-name"] == ["value"]
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "tester"}
    assert context["requestId"]
    assert context["stage"]


def test_every_request_has_an_id_of_its_own(site: Site) -> None:
    ids = {asked(site, "GET", "/v1/health")["requestContext"]["requestId"] for _ in range(5)}

    assert len(ids) == 5


def test_repeated_and_binary_answers_arrive_as_they_are(site_of: Callable[..., Site]) -> None:
    def picture(event: Event, context: Any) -> Event:
        return {
            "statusCode": 201,
            "headers": {"Content-Type": "image/webp"},
            "body": base64.b64encode(b"\0\xff").decode(),
            "isBase64Encoded": True,
        }

    answer = site_of(picture).ask("GET", "/v1/health")

    assert (answer.status, answer.body) == (201, b"\0\xff")
    assert answer.headers["content-type"] == "image/webp"


def test_an_answer_without_a_body_is_empty(site_of: Callable[..., Site]) -> None:
    answer = site_of(lambda event, context: {"statusCode": 204, "body": None}).ask(
        "DELETE", f"/v1/images/{KNOWN}"
    )

    assert (answer.status, answer.body) == (204, b"")


def test_fifty_requests_at_once_get_their_own_answers_one_after_the_other(
    site_of: Callable[..., Site],
) -> None:
    """As Powertools' resolver, this function keeps what it works on where all can see it."""
    shared: dict[str, Any] = {}
    inside = threading.Lock()

    def forgetful(event: Event, context: Any) -> Event:
        assert inside.acquire(blocking=False), "two requests at once"
        shared["number"] = event["queryStringParameters"]["number"]
        time.sleep(0.002)
        inside.release()
        return {"statusCode": 200, "body": shared["number"]}

    site = site_of(forgetful)

    def ask_until_answered(number: int) -> bytes:
        while (answer := site.ask("GET", f"/v1/images?number={number}")).status == 503:
            time.sleep(0.01)  # a busy machine, where fifty are more than a second's work
        return answer.body

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask_until_answered, range(50)))

    assert answers == [str(number).encode() for number in range(50)]


def test_pictures_are_served_while_a_function_is_busy(site_of: Callable[..., Site]) -> None:
    release = threading.Event()

    def slow(event: Event, context: Any) -> Event:
        release.wait(10)
        return {"statusCode": 200, "body": ""}

    site = site_of(slow)
    with ThreadPoolExecutor(60) as pool:
        waiting = [pool.submit(site.ask, "GET", "/v1/images") for _ in range(60)]
        thumbnail = site.ask("GET", f"/thumbnails/{KNOWN}.webp?v=1")
        release.set()
        assert [done.result().status for done in waiting] == [200] * 60

    assert thumbnail.body == b"webp"


class Held:
    """A function that answers nobody until it is told to; what it was asked, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release = threading.Event()

    def __call__(self, event: Event, context: Any) -> Event:
        self.asked.append(event["path"])
        self.release.wait(10)
        return {"statusCode": 200, "body": ""}

    @contextmanager
    def working(self, site: Site) -> Iterator[ThreadPoolExecutor]:
        """While the block runs it is busy with one request, and what else is asked waits."""
        with ThreadPoolExecutor(3 * ALWAYS) as people:
            people.submit(site.ask, "GET", "/v1/images/first")
            until(lambda: self.asked)
            try:
                yield people
            finally:
                self.release.set()


@pytest.fixture
def small_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few requests fill it."""
    monkeypatch.setattr("local.waiting_room.ROOM_SECONDS", 0.0)


@pytest.mark.usefixtures("small_room")
def test_more_than_can_be_answered_soon_is_told_at_once_to_come_again(
    site_of: Callable[..., Site],
) -> None:
    held = Held()
    site = site_of(held)
    with held.working(site) as people:
        asked = [people.submit(site.ask, "GET", "/v1/images") for _ in range(2 * ALWAYS)]
        refused = next(as_completed(asked)).result()
        held.release.set()
        statuses = {done.result().status for done in asked}

    assert statuses == {200, 503}
    assert refused.status == 503
    assert refused.json()["status"] == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.usefixtures("small_room")
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/images/of_the_page", {"Sec_Fetch_Site": "same-origin"}),
        ("/v1/interactions", {}),
        ("/v1/health", {}),
    ],
)
def test_the_page_what_it_tells_and_the_question_for_health_are_let_in_before_programs(
    site_of: Callable[..., Site], path: str, headers: dict[str, str]
) -> None:
    held = Held()
    site = site_of(held)
    with held.working(site) as people:
        programs = [people.submit(site.ask, "GET", "/v1/images") for _ in range(2 * ALWAYS)]
        next(as_completed(programs))  # the first is refused: there is no more room
        page = people.submit(site.ask, "POST", path, b"{}", **headers)
        time.sleep(0.1)
        held.release.set()

    assert page.result().status == 200
    assert path in held.asked


def test_nobody_works_for_a_client_that_went_away_while_it_waited(
    site_of: Callable[..., Site],
) -> None:
    held = Held()
    site = site_of(held)
    with held.working(site):
        with socket.create_connection(("127.0.0.1", site.port)) as client:
            client.sendall(f"GET /v1/images/gone HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
            time.sleep(0.1)
        time.sleep(0.1)

    assert site.ask("GET", "/v1/images/after").status == 200
    assert held.asked == ["/v1/images/first", "/v1/images/after"]


def test_a_body_that_never_comes_is_waited_for_so_long_and_no_longer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.bridge.BODY_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as client:
        client.sendall(
            f"POST /v1/search HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: 9\r\n\r\n".encode()
        )
        answer = client.recv(10_000)

    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("fault", [RuntimeError("out of memory"), SystemExit("out of memory")])
def test_a_function_that_raises_is_a_bad_gateway_and_the_next_request_works(
    site_of: Callable[..., Site], fault: BaseException
) -> None:
    def broken_once(event: Event, context: Any) -> Event:
        if event["path"] == "/v1/health":
            raise fault
        return {"statusCode": 200, "body": "fine"}

    site = site_of(broken_once)
    broken = site.ask("GET", "/v1/health")

    assert broken.status == 502
    assert broken.headers["content-type"] == "application/problem+json"
    assert b"memory" not in broken.body
    assert site.ask("GET", "/v1/images").body == b"fine"


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as client:
        client.sendall(
            f"POST /v1/search HTTP/1.1\r\nHost: {site.host}\r\n"
            f"Content-Type: image/jpeg\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode()
        )
        answer = client.recv(10_000)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer


def test_a_body_that_turns_out_too_large_is_refused(site: Site) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as client:
        client.sendall(
            f"POST /v1/search HTTP/1.1\r\nHost: {site.host}\r\n"
            "Content-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        try:
            for _ in range(MAX_BODY_BYTES // 0x10000 + 2):
                client.sendall(chunk)
        except OSError:
            pass  # it stopped listening, as it should
        answer = client.recv(10_000)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_goes_away_disturbs_nobody(site: Site) -> None:
    for farewell in (
        b"",
        b"POST /v1/sea",
        f"POST /v1/search HTTP/1.1\r\nHost: {site.host}\r\n"
        "Content-Length: 100\r\n\r\nhalf".encode(),
        b"\x16\x03\x01 not http\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", site.port)) as client:
            client.sendall(farewell)

    assert site.ask("GET", "/v1/health").status == 200
