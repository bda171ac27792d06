"""What was exported can be trained on: the same answers, from weights back in torch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lookalike.calibration import drawn
from lookalike.cards import ModelCard, Preprocessing, Thresholds
from lookalike.encoder import Encoder
from training import reopening
from training.export import export
from training.model import EncoderNet, WrongWeights

CARD = ModelCard(
    model="one",
    sha256="",
    dimension=0,
    preprocessing=Preprocessing(64),
    thresholds=Thresholds(1.0, -1.0),
    architecture="",
    licence="",
    created_at="",
)


def network(arch: str, **given: object) -> EncoderNet:
    return EncoderNet(arch, **{"dimension": 8, **given})  # type: ignore[arg-type]


def exported(encoder: EncoderNet, folder: Path) -> Path:
    export(encoder.eval(), CARD, folder, check=drawn(4), half_weights=True)
    return folder


@torch.no_grad()
def lived_in(encoder: EncoderNet, seed: int = 0) -> EncoderNet:
    """With normalisations that are not those of a network nobody trained."""
    draw = torch.Generator().manual_seed(seed)
    for norm in encoder.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for value, low in ((norm.running_var, 0.5), (norm.weight, 0.7), (norm.bias, -0.2)):
                assert value is not None
                value.copy_(low + 0.5 * torch.rand(value.shape, generator=draw))
    if hasattr(encoder.pool, "p"):
        encoder.pool.p.fill_(2.5)
    return encoder


@pytest.mark.parametrize("arch", ["mobilenet_v3_small", "mobilenet_v2", "resnet18"])
@pytest.mark.parametrize("pooling", ["gem", "average"])
def test_an_exported_network_answers_alike_when_it_is_opened_again(
    arch: str, pooling: str, tmp_path: Path
) -> None:
    folder = exported(lived_in(network(arch, pooling=pooling)), tmp_path)

    again = reopening.reopen(network(arch, pooling=pooling), folder)

    assert reopening.alike(again, Encoder(folder), drawn(6)) > 0.9999


def test_what_was_opened_again_is_exported_as_it_was(tmp_path: Path) -> None:
    first = exported(lived_in(network("mobilenet_v3_small")), tmp_path / "first")

    again = exported(reopening.reopen(network("mobilenet_v3_small"), first), tmp_path / "second")

    ours, theirs = Encoder(first).encode(drawn(4)), Encoder(again).encode(drawn(4))
    assert np.abs(ours - theirs).max() < 1e-3


@pytest.mark.parametrize(
    "other",
    [
        {"arch": "mobilenet_v2"},
        {"dimension": 16},
        {"pooling": "average"},
        {"mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2)},
    ],
)
def test_another_network_is_refused_with_what_to_give(
    other: dict[str, object], tmp_path: Path
) -> None:
    folder = exported(lived_in(network("mobilenet_v3_small")), tmp_path)

    with pytest.raises(WrongWeights, match="give the --arch, --dimension, --pooling"):
        reopening.reopen(network(**{"arch": "mobilenet_v3_small", **other}), folder)  # type: ignore[arg-type]


def test_the_encoder_that_ships_can_be_trained_on() -> None:
    from lookalike.models import SHIPPED

    encoder = reopening.reopen(EncoderNet("mobilenet_v3_large", dimension=256), SHIPPED)

    assert all(parameter.requires_grad for parameter in encoder.parameters())
