"""What we know about an image: its identity, what people say of it, and its row in the index."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID, uuid5

IMAGE_NAMESPACE = UUID("6f0c7d5e-3f0b-5d1c-9a53-1f2f6c0f8f1a")  # ours, arbitrary, for ever
SIDECAR_SUFFIX = ".metadata.json"

Status = Literal["visible", "blocked", "unsafe", "unmoderated"]


def image_id_of(key: str) -> str:
    """The id of the image at this key: the same for ever, on every machine."""
    return str(uuid5(IMAGE_NAMESPACE, key))


def sidecar_of(key: str) -> str:
    return key + SIDECAR_SUFFIX


def names_image(key: str) -> bool:
    """Whether an object at this key is an image: no sidecar, nor S3's stand-in for a folder."""
    return not key.endswith((SIDECAR_SUFFIX, "/"))


def subject_of(key: str) -> str:
    """The image a changed key is about: itself, or the image its sidecar describes."""
    return key.removesuffix(SIDECAR_SUFFIX)


@dataclass(frozen=True, slots=True)
class Sponsorship:
    """A paid placement, valid for starts ≤ now < ends; a missing bound is open."""

    campaign: str
    starts: datetime | None = None
    ends: datetime | None = None

    def runs_at(self, now: datetime) -> bool:
        return (self.starts is None or self.starts <= now) and (
            self.ends is None or now < self.ends
        )


@dataclass(frozen=True, slots=True)
class Version:
    """The etags of what a point is made of, "" for what is not there."""

    etag: str
    sidecar_etag: str
    thumbnail: str


GONE = Version("", "", "")


@dataclass(frozen=True, slots=True)
class IndexedImage:
    """One point's payload: everything a query needs to rank and show an image.

    model: whose vector this is; a point copied from another collection gives itself away.
    thumbnail: the etag of the thumbnail that was made of this very version.
    phash: 16 hex digits (64-bit DCT hash of the luma), or "" for a flat picture, which has none.
    colour: mean sRGB as 6 hex digits.
    """

    image_id: str
    key: str
    etag: str
    sidecar_etag: str  # "" without a sidecar
    uploaded_at: str  # RFC 3339, UTC
    indexed_at: str
    width: int  # upright, in pixels
    height: int
    bytes: int
    format: str
    sha256: str
    phash: str
    colour: str
    tags: tuple[str, ...] = ()
    group: str = ""
    sponsored: Sponsorship | None = None
    status: Status = "unmoderated"
    reason: str = ""  # why the status is not visible
    model: str = ""
    thumbnail: str = ""

    def is_current(self, model: str, version: Version) -> bool:
        """Whether this is the point of that collection for these very versions."""
        made_of = Version(self.etag, self.sidecar_etag, self.thumbnail)
        return made_of == version and self.model == model

    def to_payload(self) -> dict[str, Any]:
        """JSON-ready, as stored in the index. `None` and empty fields are kept: one shape."""
        payload = {name: getattr(self, name) for name in self.__slots__}
        payload["tags"] = list(self.tags)
        payload["sponsored"] = sponsorship_to_json(self.sponsored)
        return payload

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Fields that we do not know are left out. Called for every candidate of a query."""
        known = dict(payload)
        for foreign in known.keys() - _IMAGE_FIELDS:
            del known[foreign]
        known["tags"] = tuple(known.get("tags", ()))
        known["sponsored"] = sponsorship_from_json(known.get("sponsored"))
        return cls(**known)


_IMAGE_FIELDS = frozenset(IndexedImage.__slots__)


def sponsorship_to_json(sponsored: Sponsorship | None) -> dict[str, str | None] | None:
    if sponsored is None:
        return None
    return {
        "campaign": sponsored.campaign,
        "starts": sponsored.starts.isoformat() if sponsored.starts else None,
        "ends": sponsored.ends.isoformat() if sponsored.ends else None,
    }


def sponsorship_from_json(value: dict[str, str | None] | None) -> Sponsorship | None:
    if value is None:
        return None
    starts, ends = value.get("starts"), value.get("ends")
    return Sponsorship(
        campaign=value["campaign"] or "",
        starts=datetime.fromisoformat(starts) if starts else None,
        ends=datetime.fromisoformat(ends) if ends else None,
    )
