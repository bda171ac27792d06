"""The exported file answers as torch does, or there is none."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lookalike import images
from lookalike.calibration import drawn
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard, Preprocessing, Thresholds
from lookalike.encoder import Encoder
from training.export import PARITY, ParityError, Served, embed, export, write_model
from training.model import EncoderNet

resource = pytest.importorskip("resource", reason="there are no limits on a file's size here")

SIZE = 64
SMALL_FILE = 100_000  # bytes; the model has three million
PHOTOS = Path(__file__).parents[3] / "shared/data/grocery81/val"
CARD = ModelCard(
    model="tiny-1",
    sha256="",
    dimension=0,
    preprocessing=Preprocessing(SIZE),
    thresholds=Thresholds(0.99, 0.1),
    architecture="squeezenet1_1",
    licence="Apache-2.0",
    created_at="2026-01-01T00:00:00+00:00",
)


class TwoFaced(EncoderNet):
    """Turns bright pictures' vectors round: tracing sees a dark one, and never learns of it."""

    def forward(self, pictures: Tensor) -> Tensor:
        vectors = super().forward(pictures)
        return -vectors if pictures.max() > 0 else vectors


def network(kind: type[EncoderNet] = EncoderNet) -> EncoderNet:
    torch.manual_seed(0)
    return kind("squeezenet1_1", dimension=16).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[EncoderNet, Path]:
    net, folder = network(), tmp_path_factory.mktemp("exported") / "model"
    export(net, CARD, folder, check=drawn(4))
    return net, folder


@pytest.fixture
def nearly_full_disk() -> Iterator[None]:
    """The system itself refuses to let a file grow, with an OSError as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_FILE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def squares(pictures: list[Image.Image]) -> NDArray[np.uint8]:
    return np.stack([images.fit(picture, Preprocessing(SIZE)) for picture in pictures])


def answered(folder: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """By ONNX Runtime, all at once."""
    session = onnxruntime.InferenceSession(folder / ONNX_NAME, providers=["CPUExecutionProvider"])
    (vectors,) = session.run(None, {session.get_inputs()[0].name: pixels})
    return np.asarray(vectors)


def test_the_card_names_the_file_and_the_length_of_its_vectors(
    exported: tuple[EncoderNet, Path],
) -> None:
    _, folder = exported

    card = Encoder(folder).card

    assert card.sha256 == hashlib.sha256((folder / ONNX_NAME).read_bytes()).hexdigest()
    assert card.dimension == 16
    assert {path.name for path in folder.iterdir()} == {ONNX_NAME, CARD_NAME}


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_any_number_of_pictures_is_answered_at_once_as_torch_does(
    exported: tuple[EncoderNet, Path], batch: int
) -> None:
    net, folder = exported
    pixels = squares(drawn(batch))

    vectors = answered(folder, pixels)

    assert vectors.shape == (batch, 16)
    assert np.allclose(vectors, embed(Served(net), pixels), atol=1e-4)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the real pictures are not here")
@pytest.mark.parametrize("half", [False, True])
def test_on_photos_the_file_agrees_with_torch(tmp_path: Path, half: bool) -> None:
    net = network()
    paths = sorted(PHOTOS.rglob("*.jpg"))[::40][:8]
    pixels = squares([images.decode(path.read_bytes(), 2 * SIZE).pixels for path in paths])
    export(net, CARD, tmp_path, check=drawn(4), half_weights=half)
    expected = embed(Served(net), pixels)

    cosines = {n: (answered(tmp_path, pixels[:n]) * expected[:n]).sum(axis=1) for n in (1, 3, 8)}

    assert len(paths) == 8
    assert min(agreed.min() for agreed in cosines.values()) >= PARITY
    assert (expected @ expected.T).min() < PARITY  # so that another picture's vector would not do


def test_half_weights_halve_the_file(exported: tuple[EncoderNet, Path], tmp_path: Path) -> None:
    net, folder = exported

    export(net, CARD, tmp_path, check=drawn(4), half_weights=True)

    share = (tmp_path / ONNX_NAME).stat().st_size / (folder / ONNX_NAME).stat().st_size
    assert share == pytest.approx(0.5, abs=0.05)


def test_a_network_whose_export_disagrees_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"agrees with torch only to -"):
        export(network(TwoFaced), CARD, tmp_path / "model", check=drawn(2))

    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_model_that_was_there(
    exported: tuple[EncoderNet, Path],
) -> None:
    _, folder = exported
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    with pytest.raises(ParityError):
        export(network(TwoFaced), CARD, folder, check=drawn(2))

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.usefixtures("nearly_full_disk")
def test_a_full_disk_leaves_neither_half_a_model_nor_a_card(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        export(network(), CARD, tmp_path / "model", check=drawn(2))

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_model_that_was_there(
    tmp_path: Path, nearly_full_disk: None
) -> None:
    write_model(b"small", CARD, tmp_path)
    before = (tmp_path / CARD_NAME).read_text()

    with pytest.raises(OSError, match="File too large"):
        write_model(bytes(2 * SMALL_FILE), CARD, tmp_path)

    assert (tmp_path / ONNX_NAME).read_bytes() == b"small"
    assert (tmp_path / CARD_NAME).read_text() == before
    assert len(list(tmp_path.iterdir())) == 2
