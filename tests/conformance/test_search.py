"""Searching by a part, by examples; and being told what is wrong with a question."""

import json

import pytest

from lookalike.catalogue import image_id_of

from .pictures import draw, jpeg, too_many_pixels
from .place import Place
from .run import PATIENT, Run

pytestmark = PATIENT

NOBODY = "5f0d8a3c-1b7e-4c62-9d4e-8a1f6b2c7d90"  # of version 4, and those of images are of 5
LEFT = {"x": 0, "y": 0, "w": 0.5, "h": 1}
RIGHT = {"x": 0.5, "y": 0, "w": 0.5, "h": 1}
INTERACTIONS_BYTES = 2_000_000
TOO_LARGE_BYTES = 11_000_000  # API Gateway takes 10 MB


def test_a_part_of_a_picture_finds_what_looks_like_that_part(
    run: Run, gallery: dict[str, str]
) -> None:
    both = image_id_of(gallery["both"])

    by_left, by_right = (run.among_ours(image_id=both, crop=part) for part in (LEFT, RIGHT))

    assert next(iter(by_left)) == gallery["left"]
    assert next(iter(by_right)) == gallery["right"]


def test_an_example_of_what_is_not_meant_leads_away_from_it(
    run: Run, gallery: dict[str, str]
) -> None:
    left, right = (image_id_of(gallery[name]) for name in ("left", "right"))

    plain = run.among_ours(positive=[left])
    steered = run.among_ours(positive=[left], negative=[right])

    assert steered[gallery["like right"]] < plain[gallery["like right"]]
    assert gallery["right"] not in steered


def test_a_page_is_as_long_as_was_asked_for(run: Run, gallery: dict[str, str]) -> None:
    found = run.similar(gallery["left"], tags=run.tag, limit=2)

    assert len(found["results"]) == 2
    assert [result["position"] for result in found["results"]] == [1, 2]
    assert {"query_id", "model", "took_ms"} <= found.keys()


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "kind"),
    [
        (404, "GET", f"/v1/images/{NOBODY}", None, ""),
        (404, "GET", f"/v1/images/{NOBODY}/similar", None, ""),
        (413, "POST", "/v1/search", too_many_pixels(), "image/png"),
        (
            413,
            "POST",
            "/v1/interactions",
            json.dumps({"events": "x" * INTERACTIONS_BYTES}).encode(),
            "application/json",
        ),
        (415, "POST", "/v1/search", b"this is no picture", "image/jpeg"),
        (415, "POST", "/v1/search", b"{}", "text/plain"),
        (422, "POST", "/v1/search", jpeg(draw("cut"))[:900], "image/jpeg"),
        (422, "POST", "/v1/search", b"{", "application/json"),
        (422, "POST", "/v1/search", b'{"limit": 1000}', "application/json"),
        (422, "GET", "/v1/images?limit=1000", None, ""),
    ],
)
def test_who_asks_wrongly_is_told_why(
    place: Place, status: int, method: str, path: str, body: bytes | None, kind: str
) -> None:
    problem = place.ask(method, path, body, kind).refuses(status)

    assert problem["type"]


def test_a_body_larger_than_api_gateway_takes_is_refused(place: Place) -> None:
    try:
        reply = place.ask("POST", "/v1/search", bytes(TOO_LARGE_BYTES), "image/jpeg")
    except OSError:  # it hung up, and did not wait for the rest
        return
    reply.refuses(413)


def test_a_wrong_field_is_named(place: Place) -> None:
    problem = place.ask("POST", "/v1/search", b'{"limit": 1000}', "application/json").refuses(422)

    assert "/limit" in {field["pointer"] for field in problem["errors"]}
