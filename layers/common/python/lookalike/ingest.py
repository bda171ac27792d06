"""Make the index agree with the store, for one key."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from lookalike import fingerprints, images, sidecars
from lookalike.catalogue import (
    GONE,
    IndexedImage,
    Status,
    Version,
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

THUMBNAILS = "thumbnails/"
MAX_ROUNDS = 5  # a key that changes faster than it can be read is left for a later event


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to go by for one key, at one moment.

    models: those whose collections must follow the store.
    modified: of the picture. A date alone is no change.
    """

    models: tuple[str, ...]
    version: Version
    modified: datetime | None = field(default=None, compare=False)


class Ingest:
    """Follow the store, one key at a time.

    An event only says that a key may have changed. `sync` looks, writes, and looks again: unless it
    sees what it wrote, it starts over. Whoever writes last has looked after writing, so two workers
    on one key, duplicated, reordered and late events, and a change of who serves in the middle, all
    end in the same place. Everything here is harmless to repeat.
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
        for _ in range(MAX_ROUNDS):
            outcome, made = self._agree(key, seen)
            if made is None:
                return outcome
            seen = self._look(key)
            if seen == made:
                return outcome
        raise StoreUnavailable(f"{key!r} keeps changing while it is read.")

    def agrees(self, key: str, model: str) -> bool:
        """Whether this collection holds what the store holds of the key now, be that nothing."""
        version = self._look(key).version
        refused = self.rejects.get(image_id_of(key))
        if not version.etag or (refused and refused.etag == version.etag):
            return self.index.get(model, image_id_of(key)) is None
        return self._current(model, key, version) is not None

    def _look(self, key: str) -> Seen:
        """The serving state too is read afresh: a collection that began to fill a moment ago must
        not miss this."""
        models = self.serving.read()[0].models()
        thumbnail = self.derived.head(thumbnail_of(image_id_of(key)))
        image = self.images.head(key) if names_image(key) else None
        sidecar = self.images.head(sidecar_of(key)) if image else None
        version = Version(_etag(image), _etag(sidecar), _etag(thumbnail))
        return Seen(models, version, image.modified if image else None)

    def _agree(self, key: str, seen: Seen) -> tuple[Outcome, Seen | None]:
        """Also what will be seen afterwards if nobody else writes; None if nothing was written."""
        if not seen.version.etag:
            return self._remove(key, seen)
        current = {model: self._current(model, key, seen.version) for model in seen.models}
        known = next((image for image in current.values() if image is not None), None)
        behind = tuple(model for model, image in current.items() if image is None)
        if not behind:
            return "unchanged", self._vindicate(key, seen)
        etag = seen.version.etag
        try:
            data, etag = self.images.get(key, images.MAX_BYTES)
            if etag != seen.version.etag:  # it changed since we looked: what was current is not
                behind, known = seen.models, None
            return "indexed", self._index(key, _of(etag, seen), data, behind, known)
        except MissingObject:
            return self._remove(key, seen)  # gone since we looked; the next look decides
        except UnreadableImage as error:
            return self._reject(key, _of(error.etag or etag, seen), error)

    def _current(self, model: str, key: str, version: Version) -> IndexedImage | None:
        """The point of this collection, if it was made from these very versions."""
        image = self.index.get(model, image_id_of(key))
        return image if image and image.is_current(model, version) else None

    def _index(
        self, key: str, seen: Seen, data: bytes, models: tuple[str, ...], known: IndexedImage | None
    ) -> Seen:
        """known: the point of another collection. Another model needs another vector and no more:
        a moderator, who may want to be paid, is not asked again."""
        encoders = [self.models.encoder(model) for model in models]
        sizes = [encoder.card.preprocessing.size for encoder in encoders]
        picture = images.decode(data, at_least=images.enough_for(*sizes))
        image = known or self._describe(key, seen, data, picture)
        for encoder in encoders:
            model = encoder.card.model
            self.index.put(model, replace(image, model=model), encoder.encode([picture.pixels])[0])
        self.rejects.clear(image.image_id)
        version = Version(image.etag, image.sidecar_etag, image.thumbnail)
        return replace(seen, version=version)

    def _describe(self, key: str, seen: Seen, data: bytes, picture: Picture) -> IndexedImage:
        status, reason, sidecar, sidecar_etag = self._judge(key, seen.version, picture)
        # The thumbnail before the point: nothing may be found before it can be shown.
        small = images.thumbnail(picture.pixels)
        thumbnail = self.derived.put(thumbnail_of(image_id_of(key)), small, "image/webp")
        return IndexedImage(
            image_id=image_id_of(key),
            key=key,
            etag=seen.version.etag,
            sidecar_etag=sidecar_etag,
            uploaded_at=_date(seen.modified),
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
            thumbnail=thumbnail,
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

    def _vindicate(self, key: str, seen: Seen) -> Seen | None:
        """Clear the reject that a slow worker left beside a point that is current."""
        if self.rejects.get(image_id_of(key)) is None:
            return None
        self.rejects.clear(image_id_of(key))
        return seen

    def _remove(self, key: str, seen: Seen) -> tuple[Outcome, Seen]:
        image_id = image_id_of(key)
        for model in seen.models:
            self.index.delete(model, image_id)
        self.derived.delete(thumbnail_of(image_id))
        self.rejects.clear(image_id)
        return "removed", replace(seen, version=GONE)

    def _reject(self, key: str, seen: Seen, error: UnreadableImage) -> tuple[Outcome, Seen]:
        self._remove(key, seen)  # what was indexed before shows a picture that is no more
        self.rejects.record(
            Reject(
                key=key,
                etag=seen.version.etag,
                reason=error.reason,
                detail=error.detail,
                uploaded_at=_date(seen.modified),
                rejected_at=datetime.now(UTC).isoformat(),
            )
        )
        return "rejected", replace(seen, version=replace(seen.version, thumbnail=""))


def _of(etag: str, seen: Seen) -> Seen:
    """The same, of the bytes that were got: others may have come since we looked."""
    return replace(seen, version=replace(seen.version, etag=etag))


def _etag(head: Head | None) -> str:
    return head.etag if head else ""


def _date(modified: datetime | None) -> str:
    return modified.isoformat() if modified else ""


def thumbnail_of(image_id: str) -> str:
    """The thumbnail's key in the derived store."""
    return f"{THUMBNAILS}{image_id}.webp"
