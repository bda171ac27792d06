"""`lookalike models import --arch`: a pretrained network becomes a model folder, or says why."""

from pathlib import Path

import pytest

from lookalike.calibration import drawn
from lookalike.encoder import Encoder
from training.default_encoder import TEACHER_WEIGHTS
from training.import_model import UnusableModel, import_torchvision
from training.model import WrongWeights


def test_pretrained_weights_become_a_model(data: Path, tmp_path: Path) -> None:
    weights = str(data / TEACHER_WEIGHTS)

    card = import_torchvision("mobilenet_v2", weights, tmp_path / "model", size=64)

    encoder = Encoder(tmp_path / "model")
    assert encoder.card == card
    assert encoder.encode(drawn(1)).shape == (1, 1280)
    assert card.model.startswith("mobilenet-v2-64-")
    assert "calibrated without labels" in card.notes


def test_weights_of_another_network_leave_nothing(data: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongWeights, match="These are not weights of resnet18"):
        import_torchvision("resnet18", str(data / TEACHER_WEIGHTS), tmp_path / "model")

    assert not (tmp_path / "model").exists()


def test_a_folder_that_holds_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("{}")

    with pytest.raises(UnusableModel, match="holds a model already"):
        import_torchvision("resnet18", "none", tmp_path)
