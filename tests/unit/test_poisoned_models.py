"""A model that means harm, or was cut short on its way, serves nobody and reads nothing."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from lookalike.cards import ONNX_NAME
from lookalike.encoder import Encoder
from lookalike.errors import ModelUnavailable
from lookalike.folder import Folder
from lookalike.foreign import UnusableModel, import_onnx
from lookalike.models import ModelStore
from tests.training.gate import challengers as made

BESIDE = Path("desk/beside.bin")  # somewhere below where the process works


@pytest.fixture(autouse=True)
def _works_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    BESIDE.parent.mkdir()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(Folder(tmp_path / "store"), tmp_path / "cache")


def elsewhere(location: str) -> made.Edit:
    """The bias is to be read from another file, which is there and as long as it must be."""

    def edit(graph: onnx.ModelProto) -> None:
        (bias,) = (one for one in graph.graph.initializer if one.name == made.BIAS)
        BESIDE.write_bytes(bias.raw_data)
        for name, value in (("location", location), ("length", str(len(bias.raw_data)))):
            bias.external_data.add(key=name, value=value)
        bias.ClearField("raw_data")
        bias.data_location = TensorProto.EXTERNAL

    return edit


@pytest.mark.parametrize(
    "location",
    ["desk/beside.bin", "desk/../desk/beside.bin", "/{here}/desk/beside.bin", "*/_ORT_MEM_ADDR_/*"],
)
def test_a_model_reads_no_file_but_its_own(location: str, store: ModelStore) -> None:
    """What another file holds would be in its vectors, and its sha256 would not say so."""
    location = location.replace("/{here}", str(Path.cwd()))
    folder = made.model(Path("made"), "spy-1", elsewhere(location))

    with pytest.raises(ModelUnavailable, match="spy-1 cannot be loaded"):
        Encoder(folder)
    with pytest.raises(ModelUnavailable, match="spy-1 cannot be loaded"):
        store.add(folder)
    assert list(store.cards()) == []


def test_an_imported_file_that_names_another_is_refused_in_one_sentence() -> None:
    file = made.model(Path("made"), "spy-1", elsewhere("desk/beside.bin")) / ONNX_NAME
    mean = std = (0.5, 0.5, 0.5)

    with pytest.raises(UnusableModel, match="save the model as one file"):
        import_onnx(file, 160, mean, std, "squash", Path("imported"))
    assert not Path("imported").exists()


def test_a_model_that_answers_no_numbers_is_not_loaded() -> None:
    folder = made.model(Path("made"), "nan-1", made.ending(made.not_a_number))

    with pytest.raises(ModelUnavailable, match="answered no direction"):
        Encoder(folder)


def test_a_download_that_was_cut_short_is_done_again(store: ModelStore) -> None:
    store.add(made.model(Path("made"), "other-1", made.perturbed(0.01)))
    half = store.cache / "other-1" / ONNX_NAME
    half.parent.mkdir(parents=True)
    half.write_bytes((Path("made/other-1") / ONNX_NAME).read_bytes()[:1_000])

    assert store.encoder("other-1").card.model == "other-1"


def test_an_upload_that_was_cut_short_is_no_version_and_can_be_finished(store: ModelStore) -> None:
    folder = made.model(Path("made"), "other-1", made.perturbed(0.01))
    half = (folder / ONNX_NAME).read_bytes()[:1_000]
    store.store.put(f"other-1/{ONNX_NAME}", half, "application/octet-stream")

    assert list(store.cards()) == []
    with pytest.raises(ModelUnavailable, match="no model other-1"):
        store.encoder("other-1")
    store.add(folder)
    assert store.encoder("other-1").card.model == "other-1"


def test_a_file_that_changed_in_the_store_is_not_served(store: ModelStore) -> None:
    folder = made.model(Path("made"), "other-1", made.perturbed(0.01))
    store.add(folder)
    data = made.model(Path("made"), "other-2", made.perturbed(0.02)) / ONNX_NAME
    store.store.put(f"other-1/{ONNX_NAME}", data.read_bytes(), "application/octet-stream")

    with pytest.raises(ModelUnavailable, match="differs from its card"):
        store.encoder("other-1")
