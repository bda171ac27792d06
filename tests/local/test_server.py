import socket
from uuid import uuid4

import pytest

from local.server import listen
from tests.local.conftest import KNOWN, UNKNOWN, Answer, Site


def test_it_listens_on_this_machine_only() -> None:
    with listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_it_answers_to_its_own_names(site: Site, name: str) -> None:
    assert site.ask("GET", "/", Host=f"{name}:{site.port}").status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil:80"]
)
@pytest.mark.parametrize("target", ["/", "/v1/images", f"/pictures/{KNOWN}", "/local/progress"])
def test_another_host_name_is_refused_everywhere(site: Site, host: str, target: str) -> None:
    assert site.ask("GET", target, Host=host).status == 421


def test_a_request_without_or_with_two_host_headers_is_refused(site: Site) -> None:
    for hosts in ("", f"Host: {site.host}\r\nHost: evil.example\r\n"):
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as client:
            client.sendall(f"GET /v1/images HTTP/1.1\r\n{hosts}\r\n".encode())
            assert client.recv(1000).split()[1] in (b"400", b"421")


CHANGES = [
    ("PATCH", f"/v1/images/{KNOWN}"),
    ("DELETE", f"/v1/images/{KNOWN}"),
    ("POST", "/v1/uploads"),
    ("POST", "/uploads"),
    ("POST", "/local/promote"),
    ("POST", "/local/trial"),
    ("POST", "/local/stop_trial"),
    ("POST", "/local/rollback"),
    ("POST", "/v1/search"),
]


@pytest.mark.parametrize(("method", "target"), CHANGES)
def test_a_page_of_another_site_can_change_nothing(site: Site, method: str, target: str) -> None:
    for foreign in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{site.port + 1}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ):
        assert site.ask(method, target, b"{}", **foreign).status == 403

    assert not site.shelf.uploads
    assert not site.shelf.used


def test_a_page_of_another_site_can_read_nothing_but_may_link_here(site: Site) -> None:
    embedded = site.ask(
        "GET", f"/pictures/{KNOWN}", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors"
    )
    linked = site.ask("GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")

    assert embedded.status == 403
    assert linked.status == 200


def test_the_page_itself_may_change_things(site: Site) -> None:
    answer = site.ask(
        "PATCH",
        f"/v1/images/{KNOWN}",
        b"{}",
        Origin=f"http://localhost:{site.port}",
        Sec_Fetch_Site="same-origin",
    )

    assert answer.status == 200


@pytest.mark.parametrize(
    "target", ["/", "/page.js", "/nothing", "/v1/health", f"/pictures/{KNOWN}", "/config.json"]
)
def test_every_answer_carries_the_security_headers(site: Site, target: str) -> None:
    headers = site.ask("GET", target).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/....//secret.txt",
        "//secret.txt",
        "/escape.txt",
        "/page.js/../../secret.txt",
        "/pictures/../../secret.txt",
        "/pictures/%2e%2e%2fsecret.txt",
        "/pictures/..%252fsecret.txt",
        f"/pictures/{KNOWN}/../../secret.txt",
        "/thumbnails/../secret.txt",
        "/thumbnails/..%2f..%2fsecret.txt.webp",
        f"/thumbnails/{KNOWN}%00.webp",
        "/pictures/%00",
        "/%00",
        "/" + "a" * 5000,
    ],
)
def test_no_path_leads_out_of_what_is_served(site: Site, target: str) -> None:
    answer = site.ask("GET", target)

    assert answer.status in (400, 404, 405)
    assert b"secret" not in answer.body.replace(target.encode(), b"").replace(b"secret.txt", b"")


def test_the_page_and_its_modules_are_asked_for_each_time(site: Site) -> None:
    page, module = site.ask("GET", "/"), site.ask("GET", "/page.js")

    assert b"the page" in page.body
    assert module.headers["content-type"].startswith("text/javascript")
    assert page.headers["cache-control"] == module.headers["cache-control"] == "no-cache"


def test_a_picture_comes_as_it_is_with_the_type_it_was_indexed_as(site: Site) -> None:
    answer = site.ask("GET", f"/pictures/{KNOWN}")

    assert answer.body == b"the picture's bytes"
    assert answer.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("name", [UNKNOWN, "nonsense", KNOWN.upper() + "x"])
def test_only_indexed_pictures_are_served(site: Site, name: str) -> None:
    assert site.ask("GET", f"/pictures/{name}").status == 404
    assert site.ask("GET", f"/thumbnails/{name}.webp").status == 404


def test_a_picture_that_vanished_a_moment_ago_breaks_nothing(site: Site) -> None:
    site.shelf.picture.unlink()

    assert site.ask("GET", f"/pictures/{KNOWN}").status in (404, 500)
    assert site.ask("GET", "/").status == 200


def test_a_versioned_thumbnail_is_kept_for_ever_and_another_is_not(site: Site) -> None:
    versioned = site.ask("GET", f"/thumbnails/{KNOWN}.webp?v=abc")
    plain = site.ask("GET", f"/thumbnails/{KNOWN}.webp")

    assert "immutable" in versioned.headers["cache-control"]
    assert plain.headers["cache-control"] == "no-cache"


def test_the_page_learns_where_the_api_is(site: Site) -> None:
    assert site.ask("GET", "/config.json").json() == {
        "api": "/v1",
        "api_key": False,
        "edits": True,
        "uploads": True,
        "local": True,
    }


def form(fields: dict[str, str], file: bytes | None) -> tuple[bytes, str]:
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="ü.jpg"'
        parts += [f"{head}\r\nContent-Type: image/jpeg\r\n\r\n".encode(), file, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), boundary


def upload(site: Site, fields: dict[str, str], file: bytes | None) -> Answer:
    body, boundary = form(fields, file)
    return site.ask(
        "POST", "/uploads", body, Content_Type=f"multipart/form-data; boundary={boundary}"
    )


def test_a_granted_upload_is_stored(site: Site) -> None:
    answer = upload(site, {"key": "uploads/ü.jpg", "signature": "right"}, b"\xff\xd8 bytes")

    assert (answer.status, answer.body) == (204, b"")
    assert site.shelf.uploads == [
        ({"key": "uploads/ü.jpg", "signature": "right"}, b"\xff\xd8 bytes")
    ]


def test_an_upload_that_was_not_granted_is_refused(site: Site) -> None:
    answer = upload(site, {"key": "../x", "signature": "wrong"}, b"bytes")

    assert answer.status == 403
    assert answer.json()["title"] == "Upload refused"


@pytest.mark.parametrize("size", [1_100_001, 3_000_000])
def test_an_upload_that_is_too_large_is_refused(site: Site, size: int) -> None:
    assert upload(site, {"signature": "right"}, b"x" * size).status == 413


def test_a_form_that_is_no_form_is_refused(site: Site) -> None:
    assert upload(site, {"signature": "right"}, None).status == 400
    assert upload(site, {f"field{n}": "" for n in range(50)}, b"x").status == 400
    assert site.ask("POST", "/uploads", b"junk", Content_Type="multipart/form-data").status == 400
    assert site.ask("POST", "/uploads", b"{}", Content_Type="application/json").status == 400
    assert site.ask("GET", "/uploads").status in (404, 405)


def test_another_model_is_named_over_http(site: Site) -> None:
    answer = site.ask("POST", "/local/promote", b'{"model": "two"}')

    assert (answer.status, site.shelf.used) == (202, ["two"])
    for wrong in (b"[]", b"{}", b"{", b"null"):
        assert site.ask("POST", "/local/promote", wrong).status == 400


def test_a_trial_is_begun_and_stopped_over_http(site: Site) -> None:
    nothing = site.ask("POST", "/local/stop_trial", b"")
    begun = site.ask("POST", "/local/trial", b'{"model": "two", "share": 0.25}')
    stopped = site.ask("POST", "/local/stop_trial", b"")

    assert (nothing.status, nothing.json()["detail"]) == (422, "/model: No model is on trial.")
    assert (begun.status, site.shelf.used) == (202, ["two for 0.25"])
    assert (stopped.status, stopped.json()) == (200, {"live": "one", "next": None})
    for wrong in (b'{"model": "two"}', b'{"model": "two", "share": "much"}'):
        assert site.ask("POST", "/local/trial", wrong).status == 400


def test_a_rollback_over_http_says_who_serves_or_why_not(site: Site) -> None:
    refused = site.ask("POST", "/local/rollback", b"")
    site.ask("POST", "/local/promote", b'{"model": "two"}')
    done = site.ask("POST", "/local/rollback", b"")

    assert (refused.status, refused.json()["detail"]) == (422, "/model: There is no way back.")
    assert (done.status, done.json()) == (200, {"live": "one", "previous": "two"})
    assert site.ask("GET", "/local/rollback").status in (404, 405)
