"""OWASP API Security Top 10 (2023), items 4 and 6: how much of what."""

import json
import zlib
from typing import Any

import pytest

from tests.attack.asking import SESSION, UNKNOWN, clicks, search, similar, tell
from tests.attack.target import Target

# API4: unrestricted resource consumption

LONG = 1_000_000


FIELDS = {f"field {number}": 1 for number in range(100_000)}
TOO_MUCH: dict[str, tuple[str, Any, int]] = {
    "17 examples": ("/v1/search", {"positive": [UNKNOWN] * 17}, 422),
    "17 tags": ("/v1/search", {"image_id": UNKNOWN, "tags": ["x"] * 17}, 422),
    "a million wrong tags": ("/v1/search", {"image_id": UNKNOWN, "tags": [1] * LONG}, 422),
    "a tag of a megabyte": ("/v1/search", {"image_id": UNKNOWN, "tags": ["x" * LONG]}, 422),
    "100,000 unknown fields": ("/v1/search", FIELDS, 422),
    "100,000 unknown fields further in": ("/v1/search", {"crop": FIELDS}, 422),
    "101 results": ("/v1/search", {"image_id": UNKNOWN, "limit": 101}, 422),
    "a number of 300 digits": ("/v1/search", {"image_id": UNKNOWN, "limit": 10**300}, 422),
    "a number of 10,000 digits": ("/v1/search", b'{"limit": ' + b"9" * 10_000 + b"}", 422),
    "a number past infinity": ("/v1/search", b'{"min_score": 1e999999}', 422),
    "a million brackets": ("/v1/search", b"[" * LONG, 422),
    "100,000 braces": ("/v1/search", b'{"a":' * 100_000, 422),
    "more than 10 MB": ("/v1/search", b" " * 10_000_001, 413),
    "a file name of a megabyte": ("/v1/uploads", {"filename": "x" * LONG}, 413),
    "501 events": ("/v1/interactions", {"session_id": SESSION, "events": [{}] * 501}, 422),
    "500 brackets": ("/v1/interactions", {"session_id": SESSION, "events": [[[]]] * 500}, 202),
    "an event of 2 MB": ("/v1/interactions", {"session_id": SESSION, "events": ["x" * 2**21]}, 413),
    "90,000 brackets": ("/local/promote", b"[" * 90_000, 400),
    "a share of 400 digits": ("/local/trial", b'{"model": "a", "share": 1%s}' % (b"0" * 400), 400),
    "a model of 5,000 characters": ("/local/promote", {"model": "x" * 5_000}, 422),
    "a model of half a character": ("/local/promote", b'{"model": "\\ud800"}', 422),
    "a model elsewhere": ("/local/promote", {"model": "../../elsewhere"}, 422),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_api4_too_much_is_refused_in_few_words(target: Target, name: str) -> None:
    path, body, status = TOO_MUCH[name]

    answer = target.ask("POST", path, body)

    assert answer.status == status
    assert len(answer.body) < 30_000


@pytest.mark.parametrize("side", [5e-324, 1e-300, 1e-9, 0.001])
def test_api4_no_crop_is_too_small_to_be_answered(target: Target, side: float) -> None:
    crop = {"x": 0.5, "y": 0.5, "w": side, "h": side}

    assert search(target, image_id=target.image_ids[0], crop=crop).status == 200


def test_api4_the_most_that_may_be_asked_is_answered(target: Target) -> None:
    ids = target.image_ids
    both = {"positive": (ids * 2)[:16], "negative": (ids[::-1] * 2)[:16]}

    assert search(target, image_id=ids[0], limit=100, min_score=-1, **both).status == 200
    assert search(target, positive=ids[:1] * 16, negative=ids[:1] * 16).status == 200


def test_api4_a_picture_that_unpacks_to_too_much_is_refused_by_its_header(target: Target) -> None:
    bomb = _png(30_000, 30_000)

    answer = target.ask("POST", "/v1/search", bomb, Content_Type="image/png")

    assert len(bomb) < 100_000
    assert answer.status == 413


def _png(width: int, height: int) -> bytes:
    """All black, in one bit a pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return b"%s%s%s%s" % (
            len(data).to_bytes(4),
            name,
            data,
            zlib.crc32(name + data).to_bytes(4),
        )

    head = width.to_bytes(4) + height.to_bytes(4) + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes((width // 8 + 1) * 1000), 9)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(
    "cursor", ["", "x", "1." + UNKNOWN[:-1], "9" * 17 + "9", "-", "1" + f".{UNKNOWN}" * 60, "%00"]
)
def test_api4_a_cursor_that_was_not_given_is_none(target: Target, cursor: str) -> None:
    assert target.ask("GET", f"/v1/images?cursor={cursor}").status == 422


def test_api4_an_edit_cannot_outgrow_what_can_be_read_again(target: Target) -> None:
    """64 tags of 200 characters, each of which JSON writes in six bytes."""
    path = f"/v1/images/{target.image_ids[4]}"
    tags = [f"{number:02}" + "\0" * 198 for number in range(64)]

    refused = target.ask("PATCH", path, {"tags": tags})
    again = target.ask("PATCH", path, {"tags": ["small"]})

    assert (refused.status, again.status) == (422, 200)


def test_api4_brackets_without_end_beside_a_picture_are_told_to_whoever_edits_it(
    target: Target,
) -> None:
    (target.laptop.pictures / "0010.jpg.metadata.json").write_bytes(b"[" * 60_000)

    answer = target.ask("PATCH", f"/v1/images/{target.image_ids[10]}", {"tags": ["x"]})

    assert (answer.status, "is not JSON" in answer.json()["detail"]) == (422, True)


# API6: unrestricted access to sensitive business flows


def test_api6_the_same_click_a_hundred_times_is_one(target: Target) -> None:
    answer = similar(target, 6, min_score="-1", session_id=SESSION)
    click = clicks(answer["query_id"], answer["results"][0]["image_id"], first=100)

    recorded = [tell(target, click * 50).json() for _ in range(2)]

    assert [one["accepted"] for one in recorded] == [1, 0]
    assert [one["duplicate"] for one in recorded] == [49, 50]


def test_api6_one_session_is_heard_so_often_an_hour_and_no_more(target: Target) -> None:
    answer = similar(target, 7, min_score="-1", session_id="greedy-session")
    token, image_id = answer["query_id"], answer["results"][0]["image_id"]

    recorded = [
        tell(
            target, clicks(token, image_id, 500, first=1_000 + 500 * part), "greedy-session"
        ).json()
        for part in range(5)
    ]

    assert sum(one["accepted"] for one in recorded) == 1_800
    assert {one["reason"] for last in recorded for one in last["rejected"]} == {"too_many_events"}


def test_api6_nobody_chooses_the_address_that_their_clicks_come_from(target: Target) -> None:
    """What is learnt is capped for each address, so it must be the real one."""
    answer = similar(target, 8, min_score="-1", session_id="many-addresses")
    token, image_id = answer["query_id"], answer["results"][0]["image_id"]
    for number in range(3):
        events = clicks(token, image_id, first=5_000 + number)
        body = {"session_id": "many-addresses", "events": events}
        target.ask("POST", "/v1/interactions", body, X_Forwarded_For=f"203.0.113.{number}")

    rows = [
        json.loads(line)
        for file in (target.laptop.data / "interactions").rglob("*.jsonl")
        for line in file.read_text().splitlines()
        if "many-addresses" in line
    ]

    assert len(rows) == 3
    assert len({row["source"] for row in rows}) == 1
