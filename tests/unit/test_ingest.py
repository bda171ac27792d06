"""Whatever happened to a key, afterwards the index agrees with the store."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike import wiring
from lookalike.catalogue import IndexedImage, image_id_of
from lookalike.errors import IndexUnavailable, StoreUnavailable
from lookalike.folder import Folder
from lookalike.images import looks_like_picture
from lookalike.ingest import Ingest, thumbnail_of
from lookalike.moderation import Verdict
from lookalike.stores import Store
from tests.conftest import World, jpeg

KEY = "a.jpg"
SIDECAR = "a.jpg.metadata.json"


def indexed(world: World, key: str = KEY) -> IndexedImage | None:
    return wiring.index().get(world.model, image_id_of(key))


def found(world: World, key: str = KEY) -> IndexedImage:
    image = indexed(world, key)
    assert image is not None
    return image


def has_thumbnail(key: str = KEY) -> bool:
    return wiring.derived_store().head(f"thumbnails/{image_id_of(key)}.webp") is not None


def reject_reason(key: str = KEY) -> str | None:
    reject = wiring.rejects().get(image_id_of(key))
    return reject.reason if reject else None


def sidecar(world: World, **fields: Any) -> None:
    world.write(SIDECAR, json.dumps(fields).encode())


def with_store(store: Store) -> Ingest:
    """The world's ingest, looking at another store."""
    return Ingest(
        store,
        wiring.index(),
        wiring.models(),
        wiring.serving(),
        wiring.moderator(),
        wiring.derived_store(),
    )


def test_a_dropped_picture_is_indexed_with_what_is_known_of_it(world: World) -> None:
    world.write(KEY, jpeg("red", (120, 80)))

    assert wiring.ingest().sync(KEY) == "indexed"

    image = found(world)
    assert (image.key, image.width, image.height, image.format) == (KEY, 120, 80, "JPEG")
    assert image.status == "visible"
    assert has_thumbnail()


def test_the_same_event_again_changes_nothing(world: World) -> None:
    world.write(KEY, jpeg())
    wiring.ingest().sync(KEY)
    before = found(world)

    assert wiring.ingest().sync(KEY) == "unchanged"

    assert found(world) == before


def test_an_overwritten_picture_replaces_the_old_one(world: World) -> None:
    world.drop(a=jpeg("red"))
    before = found(world)
    world.write(KEY, jpeg("blue", (64, 64)))

    assert wiring.ingest().sync(KEY) == "indexed"

    assert found(world).sha256 != before.sha256
    assert found(world).width == 64


def test_a_deleted_picture_leaves_nothing_behind(world: World) -> None:
    world.drop(a=jpeg())
    (world.pictures / KEY).unlink()

    assert wiring.ingest().sync(KEY) == "removed"

    assert indexed(world) is None
    assert not has_thumbnail()


def test_an_event_about_a_picture_that_never_was_is_harmless(world: World) -> None:
    assert wiring.ingest().sync("never.jpg") == "removed"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"this is text named .jpg", "unsupported_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (jpeg()[:200], "corrupt"),
    ],
)
def test_a_picture_that_cannot_be_read_is_rejected_with_its_reason(
    world: World, data: bytes, reason: str
) -> None:
    world.write(KEY, data)

    assert wiring.ingest().sync(KEY) == "rejected"

    assert reject_reason() == reason
    assert indexed(world) is None


def test_a_mended_picture_is_no_longer_rejected(world: World) -> None:
    world.drop(a=b"")
    world.write(KEY, jpeg())

    assert wiring.ingest().sync(KEY) == "indexed"

    assert reject_reason() is None


def test_a_picture_overwritten_by_a_broken_one_is_no_longer_found(world: World) -> None:
    world.drop(a=jpeg())
    world.write(KEY, b"broken")

    assert wiring.ingest().sync(KEY) == "rejected"

    assert indexed(world) is None
    assert not has_thumbnail()


def test_a_rejected_picture_that_is_deleted_is_forgotten(world: World) -> None:
    world.drop(a=b"")
    (world.pictures / KEY).unlink()

    wiring.ingest().sync(KEY)

    assert reject_reason() is None


def test_a_sidecar_says_what_people_know(world: World) -> None:
    world.drop(a=jpeg())
    sidecar(world, tags=["shoes", "red"], group="sku-1", sponsored={"campaign": "autumn"})

    assert wiring.ingest().sync(SIDECAR) == "indexed"

    image = found(world)
    assert image.tags == ("shoes", "red")
    assert image.group == "sku-1"
    assert image.sponsored is not None
    assert image.sponsored.campaign == "autumn"


def test_a_removed_sidecar_takes_its_words_with_it(world: World) -> None:
    sidecar(world, tags=["shoes"], blocked=True)
    world.drop(a=jpeg())
    (world.pictures / SIDECAR).unlink()

    wiring.ingest().sync(SIDECAR)

    assert found(world).tags == ()
    assert found(world).status == "visible"


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"blocked": "yes"}', b'{"tags": 7}', b"\xff\xfe"])
def test_a_sidecar_that_cannot_be_read_hides_the_image(world: World, data: bytes) -> None:
    world.write(SIDECAR, data)

    world.drop(a=jpeg())

    assert found(world).status == "blocked"
    assert "sidecar cannot be read" in found(world).reason


class OneVerdict:
    """A moderator that always says the same."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def review(self, picture: Image.Image) -> Verdict:
        return self.verdict


def test_an_image_that_moderation_could_not_judge_is_not_visible(world: World) -> None:
    world.write(KEY, jpeg())
    ingest = wiring.ingest()
    ingest.moderator = OneVerdict(Verdict("unmoderated", "not judged"))

    ingest.sync(KEY)

    assert found(world).status == "unmoderated"


@pytest.mark.parametrize(
    ("person", "machine", "status"),
    [
        ({"moderation": "safe"}, "unsafe", "visible"),
        ({"moderation": "unsafe"}, "visible", "unsafe"),
        ({"blocked": True, "moderation": "safe"}, "visible", "blocked"),
        ({}, "unsafe", "unsafe"),
    ],
)
def test_a_person_overrides_moderation(
    world: World, person: dict[str, Any], machine: Any, status: str
) -> None:
    sidecar(world, **person)
    world.write(KEY, jpeg())
    ingest = wiring.ingest()
    ingest.moderator = OneVerdict(Verdict(machine, "a machine says so"))

    ingest.sync(KEY)

    assert found(world).status == status


class Restless(Folder):
    """A folder in which something happens whenever a picture has just been read."""

    def __init__(self, root: Path, happening: Callable[[], None]) -> None:
        super().__init__(root, accepts=lambda key: looks_like_picture(key))
        self.happening = happening

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        read = super().get(key, max_bytes)
        self.happening()
        return read


def once(act: Callable[[], object]) -> Callable[[], None]:
    left = [act]
    return lambda: None if not left else (left.pop()(), None)[1]


def test_a_picture_that_changes_while_it_is_read_ends_as_its_last_version(world: World) -> None:
    world.write(KEY, jpeg("red"))
    last = jpeg("blue", (50, 50))
    store = Restless(world.pictures, once(lambda: world.write(KEY, last)))

    with_store(store).sync(KEY)

    assert found(world).width == 50


def test_a_picture_deleted_while_it_is_read_does_not_come_back(world: World) -> None:
    world.write(KEY, jpeg())
    store = Restless(world.pictures, once((world.pictures / KEY).unlink))

    assert with_store(store).sync(KEY) == "removed"

    assert indexed(world) is None


class Vanishing(Folder):
    """A folder whose pictures are gone when they are read."""

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        (self.root / key).unlink()
        return super().get(key, max_bytes)


def test_a_picture_that_is_gone_when_it_is_read_leaves_nothing_behind(world: World) -> None:
    world.drop(a=jpeg("red"))
    world.write(KEY, jpeg("blue", (50, 50)))

    assert with_store(Vanishing(world.pictures)).sync(KEY) == "removed"

    assert indexed(world) is None
    assert not has_thumbnail()


def test_a_slow_worker_does_not_overwrite_a_faster_one(world: World) -> None:
    """One worker has read the old version when another indexes the new one."""
    world.write(KEY, jpeg("red"))

    def another_worker() -> None:
        world.write(KEY, jpeg("blue", (50, 50)))
        wiring.ingest().sync(KEY)

    with_store(Restless(world.pictures, once(another_worker))).sync(KEY)

    assert found(world).width == 50


class Flickering(Folder):
    """A folder in which other bytes are there for as long as a picture is read."""

    between = jpeg("blue", (50, 50))

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        path = self.root / key
        before, times = path.read_bytes(), path.stat()
        path.write_bytes(self.between)
        self.get = super().get  # type: ignore[method-assign]
        try:
            return super().get(key, max_bytes)
        finally:
            path.write_bytes(before)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_bytes_that_went_and_came_back_leave_what_is_there_now(world: World) -> None:
    """The etag after is the etag before, and what was read is neither's."""
    world.write(KEY, jpeg("red"))

    with_store(Flickering(world.pictures)).sync(KEY)

    assert found(world).width == 96


def test_too_many_bytes_that_went_and_came_back_refuse_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(KEY, jpeg("red"))
    store = Flickering(world.pictures)
    store.between = bytes(100_000)
    monkeypatch.setattr("lookalike.images.MAX_BYTES", 99_999)

    assert with_store(store).sync(KEY) == "indexed"

    assert found(world).width == 96


def test_bytes_that_flicker_do_not_become_the_vector_of_what_another_model_knows(
    world: World, next_model: str
) -> None:
    """The live collection is current; the next one is filled while other bytes are there."""
    world.drop(a=jpeg("red"))
    wiring.reindex().nominate(next_model)

    with_store(Flickering(world.pictures)).sync(KEY)

    vectors = [
        wiring.index().vector(model, image_id_of(KEY)) for model in (world.model, next_model)
    ]
    assert vectors[0] is not None
    assert vectors[1] is not None
    assert np.allclose(vectors[0], vectors[1])


def test_a_thumbnail_that_a_slow_worker_left_is_made_again(world: World) -> None:
    """It had read an older version, wrote its thumbnail over the newer one's, and died."""
    world.drop(a=jpeg("red"))
    right = wiring.derived_store().get(thumbnail_of(image_id_of(KEY)))[0]
    wiring.derived_store().put(thumbnail_of(image_id_of(KEY)), b"of another version", "image/webp")

    assert wiring.ingest().sync(KEY) == "indexed"

    assert wiring.derived_store().get(thumbnail_of(image_id_of(KEY)))[0] == right


def test_the_reject_of_a_picture_that_is_fine_is_cleared(world: World) -> None:
    """A slow worker recorded it for an older version, and died."""
    world.drop(a=b"")
    reject = wiring.rejects().get(image_id_of(KEY))
    assert reject is not None
    world.drop(a=jpeg())
    wiring.rejects().record(reject)

    assert wiring.ingest().sync(KEY) == "unchanged"

    assert reject_reason() is None


def test_a_point_that_was_copied_from_another_model_is_made_again(world: World) -> None:
    world.drop(a=jpeg())
    vector = wiring.index().vector(world.model, image_id_of(KEY))
    assert vector is not None
    wiring.index().put(world.model, replace(found(world), model="another-1"), vector)

    assert wiring.ingest().sync(KEY) == "indexed"

    assert found(world).model == world.model


def test_a_key_that_never_rests_is_left_for_later(world: World) -> None:
    world.write(KEY, jpeg())
    sizes = iter(range(10, 100))
    store = Restless(world.pictures, lambda: world.write(KEY, jpeg(size=(next(sizes), 9))))

    with pytest.raises(StoreUnavailable, match="keeps changing"):
        with_store(store).sync(KEY)


def test_an_index_that_fails_is_a_fault_and_the_next_attempt_heals(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(KEY, jpeg())

    def fail(*_: object) -> None:
        raise IndexUnavailable("down")

    with monkeypatch.context() as down:
        down.setattr(wiring.index(), "put", fail)
        with pytest.raises(IndexUnavailable):
            wiring.ingest().sync(KEY)

    assert wiring.ingest().sync(KEY) == "indexed"


@pytest.mark.parametrize("key", ["folder/", "notes.jpg.metadata.json"])
def test_what_is_no_picture_never_reaches_the_index(world: World, key: str) -> None:
    assert wiring.ingest().sync(key) == "removed"
    assert wiring.index().count(world.model) == 0
