"""A training goes on from whatever network its start is, without being told which."""

from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.calibration import drawn
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard, Preprocessing, Thresholds
from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
from tests.training.conftest import save
from training import beginning, inherited, reopening, train
from training.export import export
from training.import_model import import_torchvision
from training.model import NORMALISATIONS, EncoderNet
from training.options import Options
from training.torchvision_shim import torchvision

DEFAULTS = Options()


def written(folder: Path, arch: str, pooling: str, normalisation: str, dimension: int) -> Path:
    """As training leaves it: `finishing.card_of` words the architecture so."""
    mean, std = NORMALISATIONS[normalisation]
    encoder = EncoderNet(arch, dimension=dimension, pooling=pooling, mean=mean, std=std)  # type: ignore[arg-type]
    card = ModelCard(
        model="live-1",
        sha256="",
        dimension=0,
        preprocessing=Preprocessing(48),
        thresholds=Thresholds(1.0, -1.0),
        architecture=f"{arch} of torchvision, {pooling} pooling, linear projection",
        licence="",
        created_at="",
    )
    export(encoder.eval(), card, folder, check=drawn(2), half_weights=True)
    return folder


@pytest.mark.parametrize(
    ("arch", "pooling", "normalisation", "dimension"),
    [
        ("mobilenet_v3_small", "gem", "imagenet", 24),
        ("mobilenet_v2", "average", "half", 8),
        ("resnet18", "gem", "none", 16),
    ],
)
def test_what_an_earlier_training_exported_is_opened_as_what_it_is(
    arch: str, pooling: str, normalisation: str, dimension: int, tmp_path: Path
) -> None:
    folder = written(tmp_path, arch, pooling, normalisation, dimension)

    options = train.read(["--weights", str(folder)])
    encoder = beginning.encoder_of(options)

    assert (options.arch, options.pooling, options.size) == (arch, pooling, 48)
    assert (options.normalisation, options.dimension) == (normalisation, dimension)
    assert reopening.alike(encoder, Encoder(folder), drawn(4)) > 0.999


def test_the_encoder_that_ships_is_what_training_makes_unless_told_otherwise() -> None:
    said = inherited.network_of("shipped")

    assert said == {name: getattr(DEFAULTS, name) for name in said}
    assert said.keys() == {"arch", "pooling", "size", "dimension", "normalisation"}
    assert inherited.network_of(str(SHIPPED)) == said


def test_what_is_given_wins_over_what_the_folder_says(tmp_path: Path) -> None:
    folder = written(tmp_path, "mobilenet_v3_small", "gem", "imagenet", 24)

    options = train.read(["--weights", str(folder), "--size", "64"])

    assert (options.size, options.dimension) == (64, 24)


def test_in_sagemaker_the_live_model_of_the_channel_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = written(tmp_path / "live", "mobilenet_v3_small", "gem", "imagenet", 24)
    monkeypatch.setenv("TRAINING_JOB_NAME", "lookalike-train-1")
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))

    options = train.read(["--weights", str(live), "--model", "clicks-1"])

    assert (options.arch, options.size, options.dimension) == ("mobilenet_v3_small", 48, 24)
    assert options.out == tmp_path / "model"


def test_imported_weights_without_a_projection_get_one_that_changes_nothing(
    tmp_path: Path,
) -> None:
    import torch

    torch.manual_seed(3)
    weights = tmp_path / "weights.pth"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), weights)
    import_torchvision("resnet18", str(weights), tmp_path / "live", size=48)

    options = train.read(["--weights", str(tmp_path / "live")])
    encoder = beginning.encoder_of(options)

    assert (options.arch, options.dimension) == ("resnet18", 512)
    assert reopening.alike(encoder, Encoder(tmp_path / "live"), drawn(4)) > 0.999


def test_a_folder_that_does_not_say_is_held_against_what_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "live", "mobilenet_v3_small", "gem", "imagenet", 24)
    card = ModelCard.read(folder)
    told = replace(card, architecture="imported from something.onnx").to_json()
    (folder / CARD_NAME).write_text(told)
    for number, picture in enumerate(drawn(4)):
        save(picture, tmp_path / f"pictures/{number}.jpg")

    code = train.main(
        [
            *("--weights", str(folder), "--pictures", str(tmp_path / "pictures")),
            *("--out", str(tmp_path / "out")),
        ]
    )

    assert code == 2
    assert "holds no network like this one" in capsys.readouterr().err


@pytest.mark.parametrize("broken", [ONNX_NAME, CARD_NAME])
def test_a_poisoned_start_is_refused_before_anything_is_learnt(
    broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "live", "mobilenet_v3_small", "gem", "imagenet", 24)
    (folder / broken).write_bytes(b"\x00 not what the card names")
    for number, picture in enumerate(drawn(4)):
        save(picture, tmp_path / f"pictures/{number}.jpg")

    code = train.main(
        [
            *("--weights", str(folder), "--pictures", str(tmp_path / "pictures")),
            *("--out", str(tmp_path / "out")),
        ]
    )

    assert code in {1, 2}
    assert "training: " in capsys.readouterr().err
    assert not (tmp_path / "out/model").exists()
