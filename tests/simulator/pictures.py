"""What lies in the simulated bucket: tiny pictures, broken ones, and what people say of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

from PIL import Image

from lookalike import images
from lookalike.errors import RejectReason, UnreadableImage

# Percent signs and pluses: a key that is decoded twice, or not at all, is another key.
KEYS = ("a.jpg", "b +%2B.jpg", "c c/100%.jpg")


def _picture(colour: str, format_: str, side: int = 4) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, format_)
    return file.getvalue()


# Bitmaps of one size have one number of bytes: who compares sizes sees no difference.
READABLE = {
    "red": _picture("red", "BMP"),
    "blue": _picture("blue", "BMP"),
    "green": _picture("green", "PNG", 5),
}
BROKEN = {
    "half a picture": READABLE["green"][:45],
    "a text": b"this is text",
    "nothing": b"",
    "too much": b"as if it were a video",
}
SIZES = {BROKEN["too much"]: images.MAX_BYTES + 1}
PICTURES = READABLE | BROKEN


@dataclass(frozen=True, slots=True)
class Said:
    """A sidecar, and what must follow from it. status: "" leaves it to the moderator."""

    data: bytes
    tags: tuple[str, ...] = ()
    status: str = ""


SILENT = Said(b"")
SIDECARS = {
    "wool": Said(b'{"tags": ["wool"]}', ("wool",)),
    "silk": Said(b'{"tags": ["silk"]}', ("silk",)),
    "blocked": Said(b'{"blocked": true}', (), "blocked"),
    "unsafe": Said(b'{"moderation": "unsafe"}', (), "unsafe"),
    "safe": Said(b'{"moderation": "safe"}', (), "visible"),
    "unreadable": Said(b'{"blocked": tru', (), "blocked"),
}
SAID = {one.data: one for one in SIDECARS.values()}
NAMES = {data: name for name, data in PICTURES.items()} | {
    one.data: f"says {name}" for name, one in SIDECARS.items()
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What must come of a picture. refused: why there is nothing to show."""

    pixels: Image.Image | None
    thumbnail: bytes
    refused: RejectReason | None


@cache
def shown(data: bytes) -> Shown:
    if data in SIZES:
        return Shown(None, b"", "too_many_bytes")
    try:
        pixels = images.decode(data).pixels
    except UnreadableImage as error:
        return Shown(None, b"", error.reason)
    return Shown(pixels, images.thumbnail(pixels), None)
