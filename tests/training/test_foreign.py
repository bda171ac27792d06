"""An ONNX encoder from elsewhere is proven before it gets a card."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lookalike.calibration import drawn, near_copies
from lookalike.cards import ModelCard
from lookalike.encoder import Encoder
from lookalike.foreign import UnusableModel, import_onnx

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
BATCH = "batch"


def colours(
    path: Path,
    shape: tuple[object, ...] = (BATCH, 3, 32, 32),
    kind: int = TensorProto.FLOAT,
    scale: float = 1.0,
    flat: bool = True,
) -> Path:
    """A tiny encoder: the mean colour of each ninth of the picture, as an ONNX file."""
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node(
            "AveragePool", ["floats"], ["maps"], kernel_shape=[10, 10], strides=[10, 10]
        ),
        helper.make_node("Mul", ["maps", "scale"], ["scaled"]),
        helper.make_node("Flatten" if flat else "Identity", ["scaled"], ["vector"]),
    ]
    scale_value = numpy_helper.from_array(np.array(scale, np.float32), "scale")
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, None)],
        [scale_value],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, path)
    return path


def test_an_imported_model_encodes_as_any_other(tmp_path: Path) -> None:
    file = colours(tmp_path / "Mean Colours.onnx")

    card = import_onnx(file, 32, MEAN, STD, "squash", tmp_path / "model")

    encoder = Encoder(tmp_path / "model")
    red, dark_red, blue = encoder.encode(
        [Image.new("RGB", (50, 40), colour) for colour in ("#ff0000", "#e00000", "#0000ff")]
    )
    assert card == ModelCard.read(tmp_path / "model")
    assert card.model.startswith("mean-colours-")
    assert card.dimension == 27
    assert red @ dark_red > 0.99 > red @ blue


def test_of_several_outputs_the_one_that_is_a_vector_is_taken(tmp_path: Path) -> None:
    """As transformers export: something for every patch first, the pooled vector after it."""
    model = onnx.load(colours(tmp_path / "a.onnx"))
    patches = helper.make_tensor_value_info("maps", TensorProto.FLOAT, None)
    model.graph.output.insert(0, patches)
    onnx.save(model, tmp_path / "two.onnx")

    card = import_onnx(tmp_path / "two.onnx", 32, MEAN, STD, "squash", tmp_path / "model")

    assert (card.output, card.dimension) == ("vector", 27)
    assert Encoder(tmp_path / "model").encode([Image.new("RGB", (9, 9), "red")]).shape == (1, 27)


def test_its_thresholds_come_from_copies_and_from_different_pictures(tmp_path: Path) -> None:
    file = colours(tmp_path / "a.onnx")
    pictures = drawn(20)

    card = import_onnx(file, 32, MEAN, STD, "crop", tmp_path / "model", pictures)

    assert -1 <= card.thresholds.floor < card.thresholds.duplicate < 1
    assert "20 pictures of the catalogue" in card.notes


@pytest.mark.parametrize(
    ("made", "size", "sentence"),
    [
        ({"shape": (BATCH, 3, 24, 24)}, 32, "takes 24 pixels, not 32; give --size 24"),
        ({"shape": (8, 3, 32, 32)}, 32, "takes 8 pictures at once, not 1"),
        ({"shape": (BATCH, 1, 32, 32)}, 32, "takes 1 channels, not 3"),
        ({"kind": TensorProto.UINT8}, 32, "we can feed float32 pixels"),
        ({"flat": False}, 32, r"answers vector \(1, 3, 3, 3\) for one picture"),
        ({"scale": 0.0}, 32, "no direction"),
        ({"scale": float("nan")}, 32, "no direction"),
        ({}, 0, "size must be a number of pixels"),
    ],
)
def test_a_file_that_cannot_serve_is_refused_and_nothing_is_left(
    tmp_path: Path, made: dict[str, object], size: int, sentence: str
) -> None:
    file = colours(tmp_path / "a.onnx", **made)  # type: ignore[arg-type]

    with pytest.raises(UnusableModel, match=sentence):
        import_onnx(file, size, MEAN, STD, "squash", tmp_path / "model")

    assert list(tmp_path.glob("model/*")) == []


def test_an_encoder_that_sees_no_difference_is_refused(tmp_path: Path) -> None:
    file = colours(tmp_path / "a.onnx")

    with pytest.raises(UnusableModel, match="the same vector for different pictures"):
        import_onnx(file, 32, (-1e6,) * 3, STD, "squash", tmp_path / "model")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"not a model")

    with pytest.raises(UnusableModel, match=r"a\.onnx is not a model that ONNX Runtime can load"):
        import_onnx(tmp_path / "a.onnx", 32, MEAN, STD, "squash", tmp_path / "model")


def test_a_model_is_never_overwritten(tmp_path: Path) -> None:
    file = colours(tmp_path / "a.onnx")
    import_onnx(file, 32, MEAN, STD, "squash", tmp_path / "model")

    with pytest.raises(UnusableModel, match="holds a model already"):
        import_onnx(file, 32, MEAN, STD, "squash", tmp_path / "model")


def test_near_copies_are_made_of_pictures_of_any_size() -> None:
    assert all(min(copy.size) >= 1 for copy in near_copies(Image.new("RGB", (1, 3), "red")))
