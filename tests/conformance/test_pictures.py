"""What is put among the pictures can be found, and what is taken away cannot."""

import json
import time
from urllib.parse import urljoin

import pytest

from lookalike.catalogue import image_id_of

from .asking import fetch, send_form
from .pictures import draw, jpeg
from .place import Place
from .run import PATIENT, Run

pytestmark = PATIENT

LARGEST_UPLOAD_BYTES = 64 * 2**20
EXACT = 0.98  # the cosine of a picture with itself, but for a rounding


def test_an_upload_is_soon_found_by_its_bytes_and_by_its_id(run: Run, place: Place) -> None:
    data = jpeg(draw(f"{run.id} fresh"))
    began = time.monotonic()

    key = run.put("fresh.jpg", data)
    run.until("an upload is found by its bytes", lambda: run.finds(key, data))
    seconds = time.monotonic() - began

    assert run.similar(key)["anchor"]["key"] == key
    assert key in run.listed()
    run.measured.append(f"{place.name}: searchable {seconds:.1f} s after an upload")


def test_no_key_is_too_awkward(run: Run) -> None:
    keys = [
        run.put(f"{name}.jpg", jpeg(draw(run.id + name)))
        for name in ("red + blue", "größe ünï", "thread 🧵 100%", "it's (1) & a=b; c,d", "%2B+%20")
    ]

    run.wait_for(*keys)

    for key in keys:
        assert run.image(key).good()["key"] == key


def test_a_picture_that_was_replaced_answers_as_the_new_one(run: Run, place: Place) -> None:
    old, new = (jpeg(draw(f"{run.id} {which}")) for which in ("old", "new"))
    key = run.put("replaced.jpg", old, tags=[run.tag, "replaced"])
    run.wait_for(key)
    before = run.image(key).good()

    place.put(key, new)
    run.until(
        "the new picture is indexed",
        # A file that is being written is none yet, and has no thumbnail.
        lambda: run.image(key).good().get("thumbnail_url") not in (None, before["thumbnail_url"]),
    )

    after = run.image(key).good()
    assert fetch(urljoin(place.page, after["url"])).body == new
    by_new, by_old = (run.search(data, tags="replaced")["results"][0] for data in (new, old))
    assert by_new["key"] == key
    assert by_new["score"] > EXACT > by_old["score"]


def test_a_deleted_picture_is_gone_from_everywhere(run: Run, place: Place) -> None:
    data = jpeg(draw(f"{run.id} short-lived"))
    key = run.put("short-lived.jpg", data, tags=[run.tag])
    run.wait_for(key)

    place.delete(key)
    run.until("it is not browsed", lambda: key not in run.listed())

    run.image(key).refuses(404)
    run.get(f"/v1/images/{image_id_of(key)}/similar").refuses(404)
    assert not run.finds(key, data)


def test_a_file_that_is_no_picture_is_rejected_with_its_reason(run: Run, place: Place) -> None:
    broken = {
        "words.jpg": (b"this is no picture", "unsupported_format"),
        "empty.jpg": (b"", "empty"),
        "cut.jpg": (jpeg(draw(run.id))[:900], "corrupt"),
    }
    reasons = {run.put(name, data): reason for name, (data, reason) in broken.items()}

    run.until("all are rejected", lambda: reasons.keys() <= run.listed(status="rejected").keys())

    for key, reason in reasons.items():
        told = run.image(key).good()
        assert (told["status"], told["reason"]) == ("rejected", reason)
    mended = next(iter(reasons))
    place.put(mended, jpeg(draw(f"{run.id} mended")))
    run.wait_for(mended)
    run.until("it is no reject any more", lambda: mended not in run.listed(status="rejected"))


def test_tags_of_a_sidecar_can_be_searched_for(run: Run) -> None:
    data = jpeg(draw(f"{run.id} tagged"))
    key = run.put("tagged.jpg", data)
    run.wait_for(key)

    run.describe(key, tags=[f"{run.tag} größe"])
    run.until("the tag is known", lambda: key in run.listed(tag=f"{run.tag} größe"))

    (found,) = run.search(data, tags=f"{run.tag} größe")["results"]
    assert found["key"] == key


def test_a_blocked_picture_is_in_no_answer(run: Run) -> None:
    data = jpeg(draw(f"{run.id} blocked"))
    key = run.put("blocked.jpg", data)
    run.wait_for(key)

    run.describe(key, blocked=True)
    run.until("it is blocked", lambda: key in run.listed(status="blocked"))

    assert key not in run.listed()
    assert not run.finds(key, data)
    run.describe(key, blocked=False)
    run.wait_for(key)
    assert run.finds(key, data)


@pytest.fixture
def grant(run: Run) -> dict[str, dict[str, str]]:
    """Permission to upload one JPEG, where the deployment gives any."""
    asked = {"filename": "mine + ü.jpg", "content_type": "image/jpeg"}
    given = run.post("/v1/uploads", asked)
    if given.status == 403:
        given = run.post("/v1/uploads", asked, entry="editor")
    if given.status == 403:
        pytest.skip("this environment says api.uploads = off")
    granted: dict[str, dict[str, str]] = given.good(201)
    return granted


def test_whoever_was_granted_an_upload_can_add_a_picture(
    run: Run, place: Place, grant: dict[str, dict[str, str]]
) -> None:
    key, data = str(grant["key"]), jpeg(draw(f"{run.id} granted"))
    run.granted.append(key)

    sent = send_form(urljoin(place.page, str(grant["url"])), grant["fields"], data)

    assert sent.status == 204, sent.body
    run.until("the upload is found", lambda: run.finds(key, data))
    assert image_id_of(key) == grant["image_id"]


@pytest.mark.parametrize("wrong", ["another type", "another key", "nothing", "too many bytes"])
def test_a_grant_is_for_one_picture_of_one_type_and_not_too_large(
    run: Run, place: Place, grant: dict[str, dict[str, str]], wrong: str
) -> None:
    key, url = str(grant["key"]), urljoin(place.page, str(grant["url"]))
    run.granted.append(key)
    altered = {"another type": {"Content-Type": "text/html"}, "another key": {"key": f"{key}.x"}}
    data = {"nothing": b"", "too many bytes": bytes(LARGEST_UPLOAD_BYTES + 1)}.get(wrong, b"x")

    try:
        status = send_form(url, {**grant["fields"], **altered.get(wrong, {})}, data).status
    except OSError:  # S3 hangs up on whoever sends too much
        status = 400

    assert status in (400, 403, 413)
    assert not place.has(key)
    assert not place.has(f"{key}.x")


def test_an_editor_can_tag_block_and_describe_a_picture(run: Run, place: Place) -> None:
    key = run.put("edited.jpg", jpeg(draw(f"{run.id} edited")))
    run.wait_for(key)
    path = f"/v1/images/{image_id_of(key)}"
    change = json.dumps({"tags": [f"{run.tag} edited"], "group": run.id}).encode()

    edited = place.ask("PATCH", path, change, "application/json", entry="editor")

    assert edited.good()["group"] == run.id
    run.until("the edit is indexed", lambda: key in run.listed(tag=f"{run.tag} edited"))
    blocked = place.ask("PATCH", path, b'{"blocked": true}', "application/json", entry="editor")
    assert blocked.good()["status"] == "blocked"
    run.until("it is blocked", lambda: key in run.listed(status="blocked"))


def test_an_editor_can_delete_a_picture(run: Run, place: Place) -> None:
    key = _deletable(run, place)
    path = f"/v1/images/{image_id_of(key)}"

    assert place.ask("DELETE", path, entry="editor").status == 204

    run.until("it is gone", lambda: run.image(key).status == 404)
    assert not place.has(key)


def _deletable(run: Run, place: Place) -> str:
    """A laptop's pictures are never touched, so there it is one that was uploaded."""
    data = jpeg(draw(f"{run.id} deletable"))
    if not place.private:
        key = run.put("deletable.jpg", data, tags=[run.tag])
    else:
        granted = run.post(
            "/v1/uploads", {"filename": "deletable.jpg", "content_type": "image/jpeg"}
        ).good(201)
        key = granted["key"]
        run.granted.append(key)
        send_form(urljoin(place.page, granted["url"]), granted["fields"], data)
    run.until("it is there", lambda: run.image(key).status == 200)
    return key
