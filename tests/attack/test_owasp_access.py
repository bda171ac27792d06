"""OWASP API Security Top 10 (2023), items 1, 2, 3 and 5: who may do what with what.

What API Gateway and IAM do in the cloud is held by `tests/infra/test_api.py`.
"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lookalike.catalogue import image_id_of
from lookalike.tokens import SignedAnswer, sign, verify
from tests.attack.asking import SESSION, UNKNOWN, clicks, reasons, search, similar, tell
from tests.attack.forms import Part, granted, post, texts
from tests.attack.fuzz import DOCUMENT
from tests.attack.target import SECRET, Target
from tests.journeys.conftest import drawing

# API1: broken object level authorisation


@pytest.mark.parametrize(
    "key",
    [
        "note.jpg",
        "letter.txt",
        ".hidden.jpg",
        "away/private.jpg",
        "../secret.txt",
        "0000.jpg.metadata.json",
        "broken.jpg",
    ],
)
def test_api1_an_id_opens_nothing_that_is_no_indexed_picture(target: Target, key: str) -> None:
    image_id = image_id_of(key)

    for path in (
        f"/pictures/{image_id}",
        f"/thumbnails/{image_id}.webp",
        f"/v1/images/{image_id}/similar",
    ):
        answer = target.ask("GET", path)
        assert answer.status == 404
        assert SECRET not in answer.body
    assert search(target, image_id=image_id).status == 404
    assert search(target, positive=[image_id]).status == 404
    assert search(target, image_id=target.image_ids[0], negative=[image_id]).status == 404


def test_api1_a_blocked_picture_is_in_no_answer_not_even_as_a_duplicate(target: Target) -> None:
    image_id = target.image_ids[1]
    target.ask("PATCH", f"/v1/images/{image_id}", {"blocked": True})
    target.until_status(image_id, "blocked")

    answers = [similar(target, number, min_score="-1", limit="100") for number in range(2, 6)]
    browsed = target.ask("GET", "/v1/images?limit=100").json()["images"]
    shown = [one for answer in answers for one in answer["results"]]

    assert image_id not in {one["image_id"] for one in shown + browsed}
    assert image_id not in {one for found in shown for one in found["duplicate_ids"]}
    target.ask("PATCH", f"/v1/images/{image_id}", {"blocked": None})
    target.until_status(image_id, "visible")


# API2: broken authentication


def test_api2_a_forged_an_old_and_a_foreign_name_of_an_answer_count_for_nothing(
    target: Target,
) -> None:
    answer = similar(target, 0, min_score="-1", session_id=SESSION)
    token, image_id = answer["query_id"], answer["results"][0]["image_id"]
    ring = json.loads((target.laptop.data / "signing.json").read_text())
    key_id, key = ring["current"], ring[ring["current"]].encode()
    honest = verify(token, {key_id: key}.get)
    old = sign(_issued(honest, timedelta(days=-2)), key_id, key)
    foreign = sign(honest, "k2", b"a key of another deployment, which nobody here knows")
    renamed = sign(honest, key_id, b"a key of another deployment, which nobody here knows")
    bent = ("B" if token[0] == "A" else "A") + token[1:]
    flipped = token[:-30] + ("x" if token[-30] != "x" else "y") + token[-29:]

    def told(name: str, first: int) -> set[str]:
        return reasons(target, clicks(name, image_id, first=first))

    assert told(old, 1) == {"expired_query"}
    assert told(foreign, 2) == {"unknown_key"}
    assert told(renamed, 3) == {"forged_query"}
    assert told(flipped, 4) == {"forged_query"}
    assert told(bent, 5) <= {"malformed_query", "forged_query", "unknown_key"}
    assert told("none", 6) == {"malformed_query"}
    assert tell(target, clicks(token, image_id, first=7)).json()["accepted"] == 1


def _issued(answer: SignedAnswer, later: timedelta) -> SignedAnswer:
    return replace(answer, issued_at=answer.issued_at + later)


@pytest.mark.parametrize("foreign", ["https://evil.example", "null", "http://localhost.evil:80"])
def test_api2_another_site_in_the_same_browser_is_nobody(target: Target, foreign: str) -> None:
    assert target.ask("GET", "/v1/images", Origin=foreign).status == 403
    assert target.ask("POST", "/v1/search", {}, Origin=foreign).status == 403


# API3: broken object property level authorisation


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "visible"},
        {"moderation": "safe"},
        {"key": "0001.jpg"},
        {"image_id": UNKNOWN},
        {"uploaded_at": "2000-01-01T00:00:00Z"},
        {"etag": "x"},
        {"__proto__": {"blocked": False}},
        {"sponsored": {"campaign": "x", "paid": True}},
        {"sponsored": {"campaign": {"$ne": ""}}},
        {"sponsored": False},
        {"blocked": "no"},
        {"tags": "shoes"},
    ],
    ids=json.dumps,
)
def test_api3_only_what_an_edit_may_name_is_edited(target: Target, fields: dict[str, Any]) -> None:
    path = f"/v1/images/{target.image_ids[2]}"
    before = target.ask("GET", path).json()

    assert target.ask("PATCH", path, fields).status == 422
    assert target.ask("PATCH", path, {"group": None, **fields}).status == 422
    assert target.ask("GET", path).json() == before


@pytest.mark.parametrize("name", ["key", "max_bytes", "expires", "signature", "image_id", "acl"])
def test_api3_an_upload_chooses_neither_its_key_nor_its_limits(target: Target, name: str) -> None:
    asked = {"filename": "a.jpg", "content_type": "image/jpeg", name: "1"}

    assert target.ask("POST", "/v1/uploads", asked).status == 422


@pytest.mark.parametrize(
    "asked", ["image=AAAA", "crop=0,0,1,1,1", "crop=0,0,1", "tags=a,,b", "x=1"]
)
def test_api3_a_query_string_adds_nothing_to_a_picture_that_it_may_not(
    target: Target, asked: str
) -> None:
    answer = target.ask("POST", f"/v1/search?{asked}", drawing(1), Content_Type="image/jpeg")

    assert answer.status == 422


def test_api3_no_answer_tells_what_is_not_its_own(target: Target) -> None:
    """Neither where things lie, nor keys, nor what owners wrote beside their pictures."""
    sidecar = target.laptop.pictures / "0003.jpg.metadata.json"
    sidecar.write_bytes(json.dumps({"tags": ["mine"], "photographer": SECRET.decode()}).encode())
    target.until_tags(target.image_ids[3], ["mine"])
    signing = json.loads((target.laptop.data / "signing.json").read_text())

    said = b"".join(
        answer.body
        for answer in (
            target.ask("GET", "/v1/images?limit=100"),
            target.ask("GET", "/v1/images?status=rejected"),
            target.ask("GET", f"/v1/images/{target.image_ids[3]}"),
            target.ask(
                "GET", f"/v1/images/{target.image_ids[3]}/similar?explain=true&min_score=-1"
            ),
            target.ask("PATCH", f"/v1/images/{target.image_ids[3]}", {"tags": ["mine"]}),
            target.ask("GET", "/v1/health"),
            target.ask("GET", "/v1/metrics"),
        )
    )

    assert SECRET not in said
    assert str(target.laptop.folder).encode() not in said
    assert signing[signing["current"]].encode() not in said
    for inner in (b"etag", b"sha256", b"phash", b"vector", b"propensity", b"photographer"):
        assert inner not in said


# API5: broken function level authorisation


def test_api5_nobody_deletes_a_picture_of_a_laptop(target: Target) -> None:
    file = target.laptop.pictures / "0005.jpg"

    answer = target.ask("DELETE", f"/v1/images/{target.image_ids[5]}")

    assert (answer.status, answer.json()["title"]) == (403, "Read-only catalogue")
    assert file.read_bytes() == drawing(5)


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_api5_a_method_is_what_the_request_says_and_no_header(target: Target, name: str) -> None:
    grant = granted(target)
    post(target, [*texts(grant["fields"]), Part("file", drawing(44), "a.jpg")])
    target.until_status(grant["image_id"], "visible")
    path = f"/v1/images/{grant['image_id']}"

    assert target.ask("GET", f"{path}?_method=DELETE", **{name: "DELETE"}).status in (200, 422)
    assert target.ask("POST", path, **{name: "DELETE"}).status == 405
    assert target.ask("GET", path).status == 200
    assert target.ask("DELETE", path).status == 204


@pytest.mark.parametrize("path", ["promote", "trial", "stop_trial", "rollback"])
def test_api5_another_site_administers_nothing(target: Target, path: str) -> None:
    before = target.ask("GET", "/local/progress").json()["model"]

    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = target.ask("POST", f"/local/{path}", b"model=x", **foreign)
        assert answer.status == 403
    assert target.ask("GET", "/local/progress", Sec_Fetch_Site="cross-site").status == 403
    assert target.ask("GET", "/local/progress").json()["model"] == before


def test_api5_whoever_changes_the_catalogue_signs_and_the_document_says_so() -> None:
    paths = json.loads(DOCUMENT.read_text())["paths"]
    signed = {
        (method, path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["security"] == [{"iam": []}]
    }

    assert signed == {("patch", "/v1/images/{image_id}"), ("delete", "/v1/images/{image_id}")}
