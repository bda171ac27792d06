"""Who serves, and that a model's file is what its card says."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.encoder import Encoder
from lookalike.errors import InvalidRequest, ModelUnavailable
from lookalike.folder import Folder
from lookalike.models import SHIPPED, ModelStore, Serving, ServingState
from lookalike.stores import PreconditionFailed


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(Folder(tmp_path / "store"), tmp_path / "cache")


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    return Serving(Folder(tmp_path / "store"))


def copy_of_shipped(folder: Path, **card: object) -> Path:
    """The shipped model with another card."""
    folder.mkdir()
    shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
    changed = replace(ModelCard.read(SHIPPED), **card)  # type: ignore[arg-type]
    (folder / CARD_NAME).write_text(changed.to_json())
    return folder


def test_a_card_reads_back_as_it_was_written() -> None:
    card = ModelCard.read(SHIPPED)

    assert ModelCard.from_json(card.to_json()) == card


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": 1}', "\x00"])
def test_a_broken_card_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        ModelCard.from_json(text)


def test_the_shipped_model_is_small_enough_to_ship() -> None:
    assert (SHIPPED / ONNX_NAME).stat().st_size <= 12_000_000


def test_a_file_that_differs_from_its_card_is_not_loaded(tmp_path: Path) -> None:
    folder = copy_of_shipped(tmp_path / "model", sha256="0" * 64)

    with pytest.raises(ModelUnavailable, match="differs from its card"):
        Encoder(folder)


def test_a_card_with_another_dimension_is_not_believed(tmp_path: Path) -> None:
    folder = copy_of_shipped(tmp_path / "model", dimension=7)

    with pytest.raises(ModelUnavailable, match="its card says 7"):
        Encoder(folder)


def test_a_file_that_is_no_model_is_refused_in_one_sentence(tmp_path: Path) -> None:
    import hashlib

    folder = copy_of_shipped(tmp_path / "model", sha256=hashlib.sha256(b"text").hexdigest())
    (folder / ONNX_NAME).write_bytes(b"text")

    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        Encoder(folder)


def test_an_added_model_can_be_loaded_and_listed(store: ModelStore, tmp_path: Path) -> None:
    card = store.add(copy_of_shipped(tmp_path / "model", model="other-1"))

    assert store.encoder("other-1").card == card
    assert [listed.model for listed in store.cards()] == ["other-1"]


def test_a_card_that_training_keeps_beside_its_work_is_no_model(
    store: ModelStore, tmp_path: Path
) -> None:
    card = store.add(copy_of_shipped(tmp_path / "model", model="other-1"))
    store.store.put("training/x/output/card.json", card.to_json().encode(), "application/json")

    assert [listed.model for listed in store.cards()] == ["other-1"]


def test_adding_a_model_again_is_harmless(store: ModelStore, tmp_path: Path) -> None:
    folder = copy_of_shipped(tmp_path / "model", model="other-1")

    assert store.add(folder) == store.add(folder)


def test_a_version_never_changes_its_file(store: ModelStore, tmp_path: Path) -> None:
    store.add(copy_of_shipped(tmp_path / "model", model="other-1"))
    present = json.loads(store.store.get("other-1/card.json")[0])
    present["sha256"] = "0" * 64
    store.store.put("other-1/card.json", json.dumps(present).encode(), "application/json")

    with pytest.raises(InvalidRequest, match="exists with another file"):
        store.add(tmp_path / "model")


@pytest.mark.parametrize("version", ["", "../up", "UPPER", "a b", "-x", "x" * 101])
def test_a_version_is_also_a_folder_and_a_collection_name(
    store: ModelStore, tmp_path: Path, version: str
) -> None:
    with pytest.raises(InvalidRequest):
        store.add(copy_of_shipped(tmp_path / "model", model=version))


def test_a_model_that_is_not_in_the_store_is_named(store: ModelStore) -> None:
    with pytest.raises(ModelUnavailable, match="has no model lost-1"):
        store.encoder("lost-1")


def test_the_first_model_is_named_once(serving: Serving) -> None:
    serving.start("first")

    with pytest.raises(PreconditionFailed):
        serving.start("second")
    assert serving.read()[0] == ServingState(live="first")


def test_of_two_changes_at_once_only_one_wins(serving: Serving) -> None:
    serving.start("first")
    _, etag = serving.read()
    serving.swap(etag, ServingState(live="second", previous="first"))

    with pytest.raises(PreconditionFailed):
        serving.swap(etag, ServingState(live="third"))

    assert serving.read()[0].live == "second"


@pytest.mark.parametrize(
    "half_written", [b"", b'{"live": "fi', b"{}", b'{"dead": "x"}', b"[]", b"[" * 100_000]
)
def test_a_half_written_state_serves_nobody_and_says_so(
    serving: Serving, half_written: bytes
) -> None:
    serving.store.put("serving.json", half_written, "application/json")

    with pytest.raises(ModelUnavailable, match=r"serving\.json cannot be read"):
        serving.recent()


def test_a_query_goes_by_the_last_state_while_the_store_is_away(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving.start("first")
    monkeypatch.setattr("lookalike.models.STATE_SECONDS", 0)
    serving.store.delete("serving.json")

    assert serving.recent() == ServingState(live="first")


class Slow(Folder):
    """A store in which somebody else does something while a read is on its way."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.meanwhile: Callable[[], object] = lambda: None

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str]:
        found = super().get(key, max_bytes)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return found


def test_a_read_that_a_change_overtook_does_not_hide_the_change(tmp_path: Path) -> None:
    store = Slow(tmp_path)
    serving = Serving(store)
    serving.start("a")
    etag = serving.read()[1]
    changed = ServingState("a", next="b")
    store.meanwhile = lambda: serving.swap(etag, changed)

    overtaken, _ = serving.read()

    assert overtaken == ServingState("a")
    assert serving.recent() == changed


def test_vectors_have_length_one_whatever_the_shape_of_the_picture() -> None:
    import numpy as np
    from PIL import Image

    encoder = Encoder(SHIPPED)
    sizes = [(1, 1), (640, 480), (2000, 1), (33, 500)]

    vectors = encoder.encode([Image.new("RGB", size, "teal") for size in sizes])

    assert vectors.shape == (4, encoder.card.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
