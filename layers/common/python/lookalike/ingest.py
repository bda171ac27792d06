"""Make the index agree with the store, for one key."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from lookalike import fingerprints, images, sidecars
from lookalike.catalogue import (
    IndexedImage,
    Status,
    image_id_of,
    names_image,
    sidecar_of,
    subject_of,
)
from lookalike.errors import InvalidRequest, StoreUnavailable, UnreadableImage
from lookalike.images import Picture
from lookalike.index import Index
from lookalike.models import ModelStore, Serving
from lookalike.moderation import Moderator
from lookalike.rejects import Reject, Rejects
from lookalike.sidecars import MAX_SIDECAR_BYTES, Sidecar
from lookalike.stores import Head, MissingObject, Store

Outcome = Literal["indexed", "unchanged", "removed", "rejected"]

MAX_ROUNDS = 5  # a key that changes faster than it can be read is left for a later event


@dataclass(frozen=True, slots=True)
class Version:
    """What the store holds for one image at one moment."""

    image: Head
    sidecar_etag: str  # "" without a sidecar


class Ingest:
    """Follow the store, one key at a time.

    An event only says that a key may have changed. `sync` looks at the store, makes every serving
    collection agree, and looks again: if the key changed meanwhile it starts over. Two workers on
    one key, duplicated, reordered and late events therefore end in the same place: whoever writes
    last has looked after writing. Everything here is harmless to repeat.
    """

    def __init__(
        self,
        images: Store,
        index: Index,
        models: ModelStore,
        serving: Serving,
        moderator: Moderator,
        derived: Store,
    ) -> None:
        self.images = images
        self.index = index
        self.models = models
        self.serving = serving
        self.moderator = moderator
        self.derived = derived
        self.rejects = Rejects(derived)

    def sync(self, changed_key: str) -> Outcome:
        """Make the index agree with what the store holds for this key, its own or its sidecar's.

        Raises DependencyError (safe to retry) and nothing else: a picture that cannot be read is
        an outcome, not an error.
        """
        key = subject_of(changed_key)
        seen = self._look(key)
        outcome = self._agree(key, seen)
        for _ in range(MAX_ROUNDS):
            now = self._look(key)
            if now == seen:
                return outcome
            seen, outcome = now, self._agree(key, now)
        raise StoreUnavailable(f"{key!r} keeps changing while it is read.")

    def agrees(self, key: str, model: str) -> bool:
        """Whether this collection holds what the store holds of the key now, be that nothing."""
        version = self._look(key)
        if version is None:
            return self.index.get(model, image_id_of(key)) is None
        return self._current(model, key, version) is not None

    def _look(self, key: str) -> Version | None:
        image = self.images.head(key) if names_image(key) else None
        if image is None:
            return None
        sidecar = self.images.head(sidecar_of(key))
        return Version(image, sidecar.etag if sidecar else "")

    def _agree(self, key: str, version: Version | None) -> Outcome:
        # Read afresh each time: a collection that began to fill a moment ago must not miss this.
        serving = self.serving.read()[0].models()
        if version is None:
            return self._remove(key, serving)
        current = {model: self._current(model, key, version) for model in serving}
        behind = [model for model, image in current.items() if image is None]
        if not behind:
            return "unchanged"
        known = next((image for image in current.values() if image is not None), None)
        try:
            return self._index(key, version, behind, known)
        except MissingObject:
            return self._remove(key, serving)  # gone since we looked; the next look decides
        except UnreadableImage as error:
            return self._reject(key, version, serving, error)

    def _current(self, model: str, key: str, version: Version) -> IndexedImage | None:
        """The point of this collection, if it was made from these very versions."""
        image = self.index.get(model, image_id_of(key))
        current = image and is_current(image, version.image.etag, version.sidecar_etag)
        return image if current else None

    def _index(
        self, key: str, version: Version, models: list[str], known: IndexedImage | None
    ) -> Outcome:
        """known: the point of another collection. Another model needs another vector and no more:
        a moderator, who may want to be paid, is not asked again."""
        data, etag = self.images.get(key, images.MAX_BYTES)
        encoders = [self.models.encoder(model) for model in models]
        sizes = [encoder.card.preprocessing.size for encoder in encoders]
        picture = images.decode(data, at_least=images.enough_for(*sizes))
        if known is None or known.etag != etag:
            known = self._describe(key, version, data, etag, picture)
            # The thumbnail first: nothing may be found before it can be shown.
            thumbnail = images.thumbnail(picture.pixels)
            self.derived.put(thumbnail_of(known.image_id), thumbnail, "image/webp")
        for encoder in encoders:
            self.index.put(encoder.card.model, known, encoder.encode([picture.pixels])[0])
        self.rejects.clear(known.image_id)
        return "indexed"

    def _describe(
        self, key: str, version: Version, data: bytes, etag: str, picture: Picture
    ) -> IndexedImage:
        status, reason, sidecar, sidecar_etag = self._judge(key, version, picture)
        return IndexedImage(
            image_id=image_id_of(key),
            key=key,
            etag=etag,
            sidecar_etag=sidecar_etag,
            uploaded_at=version.image.modified.isoformat(),
            indexed_at=datetime.now(UTC).isoformat(),
            width=picture.width,
            height=picture.height,
            bytes=len(data),
            format=picture.format,
            sha256=hashlib.sha256(data).hexdigest(),
            phash=fingerprints.perceptual_hash(picture.pixels),
            colour=fingerprints.mean_colour(picture.pixels),
            tags=sidecar.tags,
            group=sidecar.group,
            sponsored=sidecar.sponsored,
            status=status,
            reason=reason,
        )

    def _judge(
        self, key: str, version: Version, picture: Picture
    ) -> tuple[Status, str, Sidecar, str]:
        """Status, reason, sidecar and its etag. What a person says overrides what a machine says.

        A sidecar that cannot be read may have meant "blocked", so the image is not shown.
        """
        sidecar, etag = Sidecar(), ""
        if version.sidecar_etag:
            try:
                data, etag = self.images.get(sidecar_of(key), MAX_SIDECAR_BYTES)
                sidecar = sidecars.parse(data)
            except MissingObject:
                pass  # deleted since we looked; the next look decides
            except (InvalidRequest, UnreadableImage) as error:
                etag = etag or version.sidecar_etag
                return "blocked", f"its sidecar cannot be read: {error}", sidecar, etag
        if sidecar.blocked:
            return "blocked", "blocked in its sidecar", sidecar, etag
        if sidecar.moderation == "unsafe":
            return "unsafe", "marked unsafe in its sidecar", sidecar, etag
        if sidecar.moderation == "safe":
            return "visible", "", sidecar, etag
        verdict = self.moderator.review(picture.pixels)
        return verdict.status, verdict.reason, sidecar, etag

    def _remove(self, key: str, models: tuple[str, ...]) -> Outcome:
        image_id = image_id_of(key)
        for model in models:
            self.index.delete(model, image_id)
        self.derived.delete(thumbnail_of(image_id))
        self.rejects.clear(image_id)
        return "removed"

    def _reject(
        self, key: str, version: Version, models: tuple[str, ...], error: UnreadableImage
    ) -> Outcome:
        self._remove(key, models)  # what was indexed before shows a picture that is no more
        self.rejects.record(
            Reject(
                key=key,
                etag=version.image.etag,
                reason=error.reason,
                detail=error.detail,
                uploaded_at=version.image.modified.isoformat(),
                rejected_at=datetime.now(UTC).isoformat(),
            )
        )
        return "rejected"


def is_current(image: IndexedImage, etag: str, sidecar_etag: str) -> bool:
    """Whether a point was made from these very versions of the picture and its sidecar."""
    return image.etag == etag and image.sidecar_etag == sidecar_etag


def thumbnail_of(image_id: str) -> str:
    """The thumbnail's key in the derived store."""
    return f"thumbnails/{image_id}.webp"
