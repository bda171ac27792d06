"""Upload forms as no browser would send them."""

from typing import Any, NamedTuple

from tests.attack.target import Target
from tests.local.conftest import Answer

BOUNDARY = "----attack"


class Part(NamedTuple):
    """filename: None for a text field."""

    name: str
    value: bytes
    filename: str | None = None
    type: str = "image/jpeg"


def granted(target: Target, filename: str = "a.jpg", kind: str = "image/jpeg") -> dict[str, Any]:
    """What POST /v1/uploads gives."""
    answer = target.ask("POST", "/v1/uploads", {"filename": filename, "content_type": kind})
    assert answer.status == 201, answer.body
    grant: dict[str, Any] = answer.json()
    return grant


def texts(fields: dict[str, str]) -> list[Part]:
    return [Part(name, value.encode()) for name, value in fields.items()]


def post(target: Target, parts: list[Part]) -> Answer:
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return target.ask("POST", "/uploads", body_of(parts), Content_Type=kind)


def body_of(parts: list[Part]) -> bytes:
    return b"".join([*map(_lines, parts), f"--{BOUNDARY}--\r\n".encode()])


def _lines(part: Part) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{part.name}"'
    if part.filename is not None:
        head += f'; filename="{part.filename}"\r\nContent-Type: {part.type}'
    return head.encode() + b"\r\n\r\n" + part.value + b"\r\n"
