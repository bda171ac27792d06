"""Who is let in, and what the page says of itself."""

import io
import json
from urllib.parse import urljoin, urlsplit

import pytest
from PIL import Image

from lookalike.catalogue import image_id_of

from .asking import fetch
from .pictures import draw, jpeg
from .place import Place
from .run import PATIENT, Run

pytestmark = PATIENT

HEADERS = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
HEADERS_OF_A_PUBLIC_PAGE = {
    "strict-transport-security": "max-age=",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=()",
}


@pytest.fixture
def public(place: Place) -> None:
    if place.private:
        pytest.skip("a laptop answers to itself alone, and asks nobody who they are")


@pytest.mark.usefixtures("public")
def test_nobody_reads_without_a_key(run: Run, place: Place, gallery: dict[str, str]) -> None:
    image_id = image_id_of(gallery["left"])
    for path in ("/v1/images", f"/v1/images/{image_id}", f"/v1/images/{image_id}/similar"):
        run.get(path, entry="nobody").refuses(403)
    data = jpeg(draw("left"))
    place.ask("POST", "/v1/search", data, "image/jpeg", entry="nobody").refuses(403)


@pytest.mark.usefixtures("public")
def test_nobody_edits_or_deletes_without_a_signature(
    run: Run, place: Place, gallery: dict[str, str]
) -> None:
    path = f"/v1/images/{image_id_of(gallery['left'])}"

    for entry in ("reader", "nobody"):
        if entry == "reader" and not place.key:
            continue  # readers sign too where there is no key, and may be editors
        change = b'{"blocked": true}'
        place.ask("PATCH", path, change, "application/json", entry=entry).refuses(403)
        place.ask("DELETE", path, entry=entry).refuses(403)

    assert place.has(gallery["left"])
    assert gallery["left"] in run.listed()


@pytest.mark.usefixtures("public")
def test_an_original_is_opened_by_a_signed_link_only(
    run: Run, place: Place, gallery: dict[str, str]
) -> None:
    link = run.image(gallery["left"]).good()["url"]

    assert fetch(link).status == 200
    assert fetch(urlsplit(link)._replace(query="").geturl()).status == 403


def test_why_a_picture_was_rejected_is_not_for_everybody(run: Run, place: Place) -> None:
    key = run.put("unreadable.jpg", b"not for everybody")
    run.until("it is rejected", lambda: key in run.listed(status="rejected"))
    name = f"rejects/{image_id_of(key)}.json"

    for path in (name, f"thumbnails/../{name}", f"thumbnails/%2e%2e/{name}"):
        reply = fetch(f"{place.page}/{path}")
        assert reply.status >= 400
        assert b"unsupported_format" not in reply.body


def test_the_page_is_served_with_its_security_headers(place: Place) -> None:
    page = fetch(f"{place.page}/")

    assert page.status == 200
    assert page.kind == "text/html"
    wanted = HEADERS if place.private else {**HEADERS, **HEADERS_OF_A_PUBLIC_PAGE}
    for name, part in wanted.items():
        assert part in page.headers.get(name, ""), name


def test_a_thumbnail_is_a_small_picture_that_a_browser_may_keep(
    run: Run, place: Place, gallery: dict[str, str]
) -> None:
    link = run.image(gallery["left"]).good()["thumbnail_url"]

    thumbnail = fetch(urljoin(place.page, link))

    assert (thumbnail.status, thumbnail.kind) == (200, "image/webp")
    assert "immutable" in thumbnail.headers["cache-control"]
    assert thumbnail.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(thumbnail.body)) as picture:
        assert picture.format == "WEBP"
        assert max(picture.size) <= 1024


def test_the_page_is_told_where_the_api_is_and_how_to_get_in(place: Place) -> None:
    config = fetch(f"{place.page}/config.json")

    said = json.loads(config.body)
    assert {"api", "api_key", "edits", "uploads"} <= said.keys()
    assert said["api_key"] == bool(place.key)
    headers = {"x-api-key": place.key} if place.key else {}
    health = fetch(f"{place.page}{said['api']}/health", headers=headers)
    assert health.status == (200 if place.key or place.private else 403)
