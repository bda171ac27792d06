"""What becomes of a permission to upload when it is used for something else."""

import time
from pathlib import Path

import pytest

from lookalike.catalogue import image_id_of
from lookalike.folder import Folder
from lookalike.stores import UPLOAD_SECONDS
from tests.attack.forms import BOUNDARY, Part, granted, post, texts
from tests.attack.target import SECRET, Target
from tests.journeys.conftest import drawing

FILE = Part("file", drawing(42), "a.jpg")


def files(target: Target) -> set[str]:
    """Every file but those that Lookalike makes of pictures."""
    folder, data = target.laptop.folder, target.laptop.data
    found = (path for path in folder.rglob("*") if path.is_file())
    kept = (path for path in found if data not in path.parents or data / "written" in path.parents)
    return {str(path.relative_to(folder)) for path in kept} - {"err"}


CHANGES = {
    "another key": {"key": "uploads/mine.jpeg"},
    "a key outside": {"key": "../../secret.txt"},
    "a key of a picture": {"key": "0000.jpg"},
    "an absolute key": {"key": "/secret.txt"},
    "a key with a NUL": {"key": "uploads/a\0.jpeg"},
    "a sidecar's key": {"key": "0000.jpg.metadata.json"},
    "another type": {"Content-Type": "text/html"},
    "more bytes": {"max-bytes": "999999999"},
    "more time": {"expires": "9999999999"},
    "a time that is none": {"expires": "for ever"},
    "another signature": {"signature": "0" * 64},
    "a signature in capitals": {"signature": "A" * 64},
    "no signature": {"signature": ""},
    "a signature that is no ASCII": {"signature": "ü" * 64},
    "lines in a field": {"key": "x\nexpires=9999999999"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_grant_with_one_field_changed_is_worth_nothing(target: Target, change: str) -> None:
    fields = granted(target)["fields"]
    before = files(target)

    answer = post(target, [*texts(fields | CHANGES[change]), FILE])

    assert (answer.status, answer.json()["title"]) == (403, "Upload refused")
    assert files(target) == before
    assert (target.laptop.folder / "secret.txt").read_bytes() == SECRET


@pytest.mark.parametrize("missing", ["key", "Content-Type", "max-bytes", "expires", "signature"])
def test_a_grant_without_one_of_its_fields_is_worth_nothing(target: Target, missing: str) -> None:
    fields = granted(target)["fields"]
    del fields[missing]

    assert post(target, [*texts(fields), FILE]).status == 403


@pytest.mark.parametrize("changed", ["key", "Content-Type", "max-bytes", "expires", "signature"])
def test_a_field_given_twice_is_read_once_in_any_order(target: Target, changed: str) -> None:
    fields = granted(target)["fields"]
    extra = Part(changed, b"1")
    before = files(target)

    first = post(target, [extra, *texts(fields), FILE])
    last = post(target, [*texts(fields), extra, FILE])

    assert {first.status, last.status} <= {204, 403}
    assert files(target) <= before | {f"data/written/{fields['key']}"}


def test_a_grant_that_has_expired_is_worth_nothing(target: Target) -> None:
    """Signed with the laptop's own secret, so that only the time is wrong."""
    folder = Folder(target.laptop.pictures, target.laptop.data / "written")
    fields = {**granted(target)["fields"], "expires": str(int(time.time()) - UPLOAD_SECONDS)}
    del fields["signature"]
    signed = {**fields, "signature": folder._sign(fields)}

    answer = post(target, [*texts(signed), FILE])

    assert (answer.status, answer.json()["detail"]) == (
        403,
        "The grant has expired; ask for a new one.",
    )


def test_a_grant_of_another_laptop_is_worth_nothing(target: Target, tmp_path: Path) -> None:
    grant = Folder(tmp_path).grant_upload("uploads/mine.jpeg", "image/jpeg", 1_000_000)

    assert post(target, [*texts(grant.fields), FILE]).status == 403


def test_a_grant_used_again_writes_to_its_own_key_and_no_other(target: Target) -> None:
    grant = granted(target)
    before = files(target)

    again = [post(target, [*texts(grant["fields"]), FILE]).status for _ in range(3)]

    assert again == [204, 204, 204]
    assert files(target) - before == {f"data/written/{grant['key']}"}
    assert target.until_status(grant["image_id"], "visible")["key"] == grant["key"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("no file", []),
        ("two files", [FILE, Part("file", drawing(43), "b.jpg")]),
        ("a file of another name", [Part("picture", drawing(42), "a.jpg")]),
        ("a file as text", [Part("file", drawing(42))]),
        ("a hundred fields", [*(Part(f"x{number}", b"") for number in range(100)), FILE]),
        ("a field of two megabytes", [Part("x", b"y" * 2_000_000), FILE]),
    ],
)
def test_a_form_of_another_shape_is_refused(target: Target, name: str, parts: list[Part]) -> None:
    fields = granted(target)["fields"]
    before = files(target)

    answer = post(target, [*texts(fields), *parts])

    assert (answer.status, answer.json()["title"]) == (400, "Bad request"), name
    assert files(target) == before


def test_nothing_and_too_much_are_refused(target: Target) -> None:
    grant = granted(target)
    most = int(grant["fields"]["max-bytes"])

    empty = post(target, [*texts(grant["fields"]), Part("file", b"", "a.jpg")])
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    length = str(most + 10**6)
    declared = target.ask("POST", "/uploads", b"", Content_Type=kind, Content_Length=length)

    assert (empty.status, declared.status) == (403, 413)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 5000,
        "multipart/form-data; boundary=other",
        "multipart/form-data; boundary=----attack; charset=undefined",
        "multipart/form-data; boundary=----attack; charset=idna",
        "multipart/form-data; boundary=----attack; charset=no-such-charset",
        "multipart/mixed; boundary=----attack",
        "application/x-www-form-urlencoded",
        "text/plain",
        "",
    ],
)
def test_a_form_that_calls_itself_something_else_is_no_error_of_ours(
    target: Target, kind: str
) -> None:
    fields = granted(target)["fields"] | {"key": "ü"}
    body = b"".join([b"------attack\r\n", b'Content-Disposition: form-data; name="\xff"\r\n\r\n'])

    whole = target.ask("POST", "/uploads", body + str(fields).encode(), Content_Type=kind)

    assert 400 <= whole.status < 500


def test_what_is_no_picture_is_taken_and_then_refused_for_good(target: Target) -> None:
    grant = granted(target, "page.html.jpg")

    sent = post(target, [*texts(grant["fields"]), Part("file", b"<script>alert(1)</script>", "x")])
    refused = target.until_status(grant["image_id"], "rejected")

    assert sent.status == 204
    assert refused["reason"] == "unsupported_format"
    assert target.ask("GET", f"/pictures/{grant['image_id']}").status == 404
    assert target.ask("GET", f"/thumbnails/{grant['image_id']}.webp").status == 404


@pytest.mark.parametrize(
    "filename",
    [
        "../../../etc/passwd",
        "..\\..\\boot.ini",
        "a\0.jpg",
        "a/../../b.jpg",
        ".htaccess",
        "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
        "0000.jpg.metadata.json",
        "con.jpg:stream",
        "\r\nX-Evil: 1.jpg",
        "." * 200,
        "https://evil.example/a.jpg",
        "%2e%2e%2fa.jpg",
        "<img src=x onerror=alert(1)>.jpg",
    ],
)
def test_whatever_a_file_is_called_its_key_is_ours(target: Target, filename: str) -> None:
    grant = granted(target, filename)

    uploads, chosen, name = grant["key"].split("/")
    assert uploads == "uploads"
    assert len(chosen) == 36
    assert name.endswith(".jpeg")
    assert not name.startswith(".")
    assert not set(name) & set("\0\r\n\\<>:%\N{RIGHT-TO-LEFT OVERRIDE}")
    assert grant["image_id"] == image_id_of(grant["key"])
