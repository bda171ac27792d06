"""What people do with the catalogue: look through it, describe images, add and remove them."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from lookalike import images, sidecars
from lookalike.answers import image_body
from lookalike.bodies import (
    GrantBody,
    HealthBody,
    ImageBody,
    PageBody,
    RejectBody,
    TrialBody,
)
from lookalike.catalogue import IndexedImage, Status, image_id_of, sidecar_of
from lookalike.errors import InvalidRequest, StoreUnavailable, UnknownImage
from lookalike.index import Index, Only
from lookalike.links import Links
from lookalike.models import Serving, Trial
from lookalike.rejects import Reject, Rejects
from lookalike.requests import Browse, Edit, NewUpload
from lookalike.sidecars import MAX_SIDECAR_BYTES
from lookalike.stores import ABSENT, MissingObject, PreconditionFailed, Store

MAX_BODY_BYTES = 200_000  # of an edit with the longest texts, each character of them escaped
MAX_ATTEMPTS = 5  # of a sidecar's compare-and-set, before we say that somebody else keeps writing
UPLOAD_PREFIX = "uploads/"


class Curation:
    """The catalogue as people see it. Changes go to the store; the index follows by its events."""

    def __init__(
        self, store: Store, index: Index, serving: Serving, rejects: Rejects, links: Links
    ) -> None:
        self.store = store
        self.index = index
        self.serving = serving
        self.rejects = rejects
        self.links = links

    def browse(self, asked: Browse) -> PageBody:
        """One page of the catalogue, newest first."""
        if asked.status == "rejected":
            return self._browse_rejects(asked)
        only = Only(statuses=(asked.status,), tags=asked.tag, prefix=asked.prefix)
        page, cursor = self.index.browse(self._model(), only, asked.limit, asked.cursor)
        return {"images": [image_body(image, self.links) for image in page], "next_cursor": cursor}

    def _browse_rejects(self, asked: Browse) -> PageBody:
        """By image id, from the one after the cursor."""
        found = sorted(
            (reject for reject in self.rejects.all() if reject.key.startswith(asked.prefix)),
            key=lambda reject: reject.image_id,
        )
        after = [reject for reject in found if reject.image_id > (asked.cursor or "")]
        page = after[: asked.limit]
        more = len(after) > len(page)
        return {
            "images": [reject_body(reject) for reject in page],
            "next_cursor": page[-1].image_id if more else None,
        }

    def describe(self, image_id: str) -> ImageBody | RejectBody:
        """One image, or why it was refused. Raises UnknownImage."""
        image = self.index.get(self._model(), image_id)
        if image is not None:
            return image_body(image, self.links)
        return reject_body(self._reject(image_id))

    def edit(self, image_id: str, edit: Edit) -> ImageBody | RejectBody:
        """Write the given fields to the sidecar; returns the image as it will be.

        Other fields of the sidecar are kept, and so is what somebody else writes meanwhile.
        """
        changed = edit.model_dump(exclude_unset=True)
        image = self.index.get(self._model(), image_id)
        if image is None:
            reject = self._reject(image_id)
            self._write_sidecar(sidecar_of(reject.key), changed)
            return reject_body(reject)
        parsed = self._write_sidecar(sidecar_of(image.key), changed)
        expected = replace(
            image,
            tags=parsed.tags,
            group=parsed.group,
            sponsored=parsed.sponsored,
            status=_expected_status(image, parsed),
            reason="",
        )
        return image_body(expected, self.links)

    def _write_sidecar(self, key: str, changed: Mapping[str, Any]) -> sidecars.Sidecar:
        for _ in range(MAX_ATTEMPTS):
            fields, etag = self._read_sidecar(key)
            fields = {
                name: value for name, value in {**fields, **changed}.items() if value is not None
            }
            parsed = sidecars.from_fields(fields)
            data = json.dumps(fields, ensure_ascii=False, indent=2).encode(errors="replace")
            if len(data) > MAX_SIDECAR_BYTES:  # nobody could read it again
                raise InvalidRequest("", f"{key!r} may have {MAX_SIDECAR_BYTES:,} bytes.")
            try:
                self.store.put(key, data, "application/json", if_match=etag)
            except PreconditionFailed:
                continue
            return parsed
        raise StoreUnavailable(f"{key!r} keeps changing while it is edited.")

    def _read_sidecar(self, key: str) -> tuple[dict[str, Any], str]:
        """Its fields and etag; a sidecar that is not a JSON object is refused, not overwritten."""
        try:
            data, etag = self.store.get(key, MAX_SIDECAR_BYTES)
        except MissingObject:
            return {}, ABSENT
        try:
            fields = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest("", f"{key!r} is not JSON: mend or delete it.") from error
        if not isinstance(fields, dict):
            raise InvalidRequest("", f"{key!r} is not a JSON object; mend or delete it.")
        return fields, etag

    def remove(self, image_id: str) -> None:
        """Delete the object and its sidecar; the index follows. Raises UnknownImage."""
        image = self.index.get(self._model(), image_id)
        key = image.key if image else self._reject(image_id).key
        self.store.delete(key)
        self.store.delete(sidecar_of(key))

    def grant_upload(self, asked: NewUpload) -> GrantBody:
        """Let a client add one image, under a key that we choose and nobody can guess."""
        key = f"{UPLOAD_PREFIX}{uuid4()}/{_safe_name(asked.filename, asked.content_type)}"
        grant = self.store.grant_upload(key, asked.content_type, images.MAX_BYTES)
        return {
            "key": key,
            "image_id": image_id_of(key),
            "url": grant.url,
            "fields": grant.fields,
            "expires_at": grant.expires_at.isoformat(),
        }

    def health(self, version: str) -> HealthBody:
        """What serves. Raises DependencyError when nothing does."""
        state = self.serving.recent()
        return {
            "status": "ok",
            "model": state.live,
            "indexed": self.index.count(state.live),
            "next": state.next,
            "trial": _trial_body(state.trial) if state.trial else None,
            "version": version,
        }

    def _model(self) -> str:
        return self.serving.recent().live

    def _reject(self, image_id: str) -> Reject:
        reject = self.rejects.get(image_id)
        if reject is None:
            raise UnknownImage(image_id)
        return reject


def _trial_body(trial: Trial) -> TrialBody:
    return {"share": trial.share, "since": trial.since}


def reject_body(reject: Reject) -> RejectBody:
    return {
        "image_id": reject.image_id,
        "key": reject.key,
        "status": "rejected",
        "reason": reject.reason,
        "detail": reject.detail,
        "uploaded_at": reject.uploaded_at,
        "rejected_at": reject.rejected_at,
    }


def _expected_status(image: IndexedImage, sidecar: sidecars.Sidecar) -> Status:
    """What the status will be; only a machine's verdict has to be waited for."""
    if sidecar.blocked:
        return "blocked"
    if sidecar.moderation:
        return "visible" if sidecar.moderation == "safe" else "unsafe"
    return "unmoderated" if image.status == "blocked" else image.status


def _safe_name(filename: str, content_type: str) -> str:
    """The caller's file name, made harmless as the end of a key; its suffix follows the type."""
    stem = re.sub(r"[^\w .()+-]", "_", filename.replace("\\", "/").rsplit("/", 1)[-1])
    stem = stem.rsplit(".", 1)[0].strip(" .")[:80] or "image"
    return f"{stem}.{content_type.removeprefix('image/')}"
