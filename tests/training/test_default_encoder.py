"""From pictures to a model that serves, in two steps of training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lookalike.calibration import drawn
from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
from training import default_encoder, distil, evaluate, export
from training.default_encoder import Options

TINY = {
    "arch": "mobilenet_v3_small",
    "size": "32",
    "dimension": "8",
    "steps": "4",
    "mixed": "4",
    "pairs": "3",
    "patterns": "2",
}
SHIPPED_BYTES = 12_000_000  # what a clone of the repository may pay for an encoder


def options(data: Path, out: Path, **changed: str) -> list[str]:
    given = {**TINY, **changed, "data": str(data), "out": str(out)}
    return [part for name, value in given.items() for part in (f"--{name}", value)]


def start(data: Path, out: Path) -> tuple[distil.Lessons, distil.Material]:
    chosen = Options.from_command_line(options(data, out))
    device = torch.device("cpu")
    material = default_encoder.gather(chosen, device)
    return default_encoder.prepare(chosen, material, device), material


def losses(lessons: distil.Lessons, material: distil.Material, steps: int) -> list[float]:
    return [float(lessons.next(material)["loss"]) for _ in range(steps)]


def test_one_command_makes_a_model_that_encodes_and_can_be_measured(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    default_encoder.main(options(data, tmp_path, steps="2"))

    encoder = Encoder(tmp_path / "model")
    vectors = encoder.encode(drawn(2))
    rows = evaluate.evaluate(tmp_path / "model", data, "test")
    said = capsys.readouterr().out
    assert vectors.shape == (2, 8)
    assert -1 <= encoder.card.thresholds.floor <= encoder.card.thresholds.duplicate <= 1
    assert encoder.card.training_data
    assert "metric step=2 " in said
    assert "skipped broken.jpg: " in said
    assert "| grocery test→train | default-1 | 6 |" in evaluate.table(rows)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    whole = losses(*start(data, tmp_path / "whole"), steps=4)
    lessons, material = start(data, tmp_path / "halves")
    before = losses(lessons, material, steps=2)
    distil.save(lessons, tmp_path / "halves" / "checkpoint.pt")

    resumed, material = start(data, tmp_path / "halves")
    after = losses(resumed, material, steps=2)

    assert before + after == pytest.approx(whole, rel=1e-5)


def test_a_run_out_of_time_says_that_it_can_go_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    default_encoder.main(options(data, tmp_path, minutes="0.0001"))

    assert "the same command goes on from here" in capsys.readouterr().out
    assert (tmp_path / "checkpoint.pt").is_file()
    assert not (tmp_path / "model").exists()


def test_a_checkpoint_of_other_options_is_refused(data: Path, tmp_path: Path) -> None:
    lessons, _ = start(data, tmp_path)
    distil.save(lessons, tmp_path / "checkpoint.pt")
    lessons.recipe = replace(lessons.recipe, contrast=0.5)

    with pytest.raises(ValueError, match="made with other options"):
        distil.resume(lessons, tmp_path / "checkpoint.pt")


def test_the_student_holds_none_of_the_teachers_weights(data: Path, tmp_path: Path) -> None:
    lessons, _ = start(data, tmp_path)

    taught = {id(parameter) for parameter in lessons.teacher.parameters()}

    assert taught.isdisjoint(id(parameter) for parameter in lessons.student.parameters())
    assert not any(parameter.requires_grad for parameter in lessons.teacher.parameters())


def test_a_pair_shows_two_pictures_of_one_class_or_one_picture_twice() -> None:
    pixels = torch.arange(5).view(5, 1, 1, 1).expand(5, 2, 2, 3).byte()
    identities = torch.tensor([0, 1, 0, 2, 0])
    material = distil.Material(pixels, identities, torch.ones(3))

    shown, owners = material.pairs(3, torch.Generator().manual_seed(0))

    first, second = shown[:, 0, 0, 0].view(2, 3)
    of_three = owners[:3] == 0
    assert (identities[first.long()] == owners[:3]).all()
    assert (identities[second.long()] == owners[3:]).all()
    assert ((first != second) == of_three).all()


def test_an_identity_without_pictures_is_never_drawn() -> None:
    material = distil.Material(
        torch.zeros(2, 2, 2, 3).byte(), torch.tensor([0, 2]), torch.tensor([1.0, 9.0, 1.0])
    )

    _, owners = material.pairs(2, torch.Generator().manual_seed(0))

    assert set(owners.tolist()) == {0, 2}


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [distil.schedule(step / 100) for step in range(101)]

    assert rates[0] == 0
    assert max(rates) == pytest.approx(1, abs=0.01)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_an_export_that_answers_otherwise_is_not_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PARITY", 1.1)

    with pytest.raises(export.ParityError, match="agrees with torch only to"):
        default_encoder.main(options(data, tmp_path, steps="1"))

    assert list(tmp_path.glob("model/*")) == []


def test_the_shipped_encoder_is_small_and_tells_pictures_apart() -> None:
    encoder = Encoder(SHIPPED)
    pictures = drawn(8)

    similar = encoder.encode(pictures) @ encoder.encode([p.resize((90, 90)) for p in pictures]).T

    assert (SHIPPED / "model.onnx").stat().st_size <= SHIPPED_BYTES
    assert encoder.card.dimension <= 256
    assert similar.argmax(axis=1).tolist() == list(range(8))
    assert np.diag(similar).min() > np.median(similar) + 0.1
