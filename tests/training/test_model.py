"""Networks by name, weights of the right network only, pooling as its formula says."""

from pathlib import Path

import pytest
import torch

from training.model import AveragePooling, EncoderNet, GeM, WrongWeights
from training.torchvision_shim import torchvision

SMALL = "mobilenet_v3_small"


@pytest.mark.parametrize(
    "arch", ["mobilenet_v2", "resnet18", "shufflenet_v2_x0_5", "regnet_y_400mf", "squeezenet1_1"]
)
def test_any_cnn_of_torchvision_answers_unit_vectors(arch: str) -> None:
    encoder = EncoderNet(arch, dimension=8).eval()

    with torch.inference_mode():
        vectors = encoder(torch.rand(2, 3, 64, 64))

    assert vectors.shape == (2, 8)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2), atol=1e-5)


def test_without_a_projection_the_vector_is_as_long_as_the_features() -> None:
    encoder = EncoderNet(SMALL, dimension=None, pooling="average")

    assert encoder.dimension == encoder.features == 576


def test_gem_is_the_mean_for_one_and_nears_the_maximum_for_many() -> None:
    maps = torch.rand(2, 4, 3, 3) + 0.1

    assert torch.allclose(GeM(p=1.0)(maps), AveragePooling()(maps), atol=1e-5)
    assert torch.allclose(GeM(p=60.0)(maps), maps.amax(dim=(2, 3)), rtol=0.05)


def test_weights_in_a_file_are_taken_in_half_precision_too(tmp_path: Path) -> None:
    given = torchvision.models.get_model(SMALL, weights=None).state_dict()
    half = {name: v.half() if v.is_floating_point() else v for name, v in given.items()}
    torch.save({"state_dict": half}, tmp_path / "weights.pth")

    encoder = EncoderNet(SMALL, str(tmp_path / "weights.pth"))

    first = next(encoder.backbone.parameters())
    assert torch.allclose(first, given["features.0.0.weight"], atol=1e-3)


def test_weights_of_another_network_are_refused_with_the_name_of_a_witness(tmp_path: Path) -> None:
    other = torchvision.models.get_model("resnet18", weights=None).state_dict()
    torch.save(other, tmp_path / "weights.pth")

    with pytest.raises(WrongWeights, match=f"not weights of {SMALL}: .* is missing"):
        EncoderNet(SMALL, str(tmp_path / "weights.pth"))


def test_weights_of_another_width_are_refused_with_both_shapes(tmp_path: Path) -> None:
    narrow = torchvision.models.mobilenet_v2(width_mult=0.5).state_dict()
    torch.save(narrow, tmp_path / "weights.pth")

    with pytest.raises(WrongWeights, match=r"is \(.*\), not \("):
        EncoderNet("mobilenet_v2", str(tmp_path / "weights.pth"))


@pytest.mark.parametrize(
    ("arch", "weights", "sentence"),
    [
        ("no_such_net", "none", "torchvision has no network called no_such_net"),
        ("vit_b_16", "none", "vit_b_16"),
        (SMALL, "missing.pth", "There is no file missing.pth"),
        (SMALL, __file__, "is not a file of torch weights"),
    ],
)
def test_what_cannot_be_an_encoder_is_refused_in_one_sentence(
    arch: str, weights: str, sentence: str
) -> None:
    with pytest.raises(WrongWeights, match=sentence):
        EncoderNet(arch, weights)
