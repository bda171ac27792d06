"""From pictures to a model that serves, in two steps of training."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lookalike.calibration import drawn
from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
from training import beginning, default_encoder, evaluate
from training.default_encoder import RECIPE, Options

TINY = {
    "arch": "mobilenet_v3_small",
    "size": "32",
    "teacher-size": "64",
    "dimension": "8",
    "prefixes": "4",
    "steps": "2",
    "batch": "6",
    "mixtures": "4",
    "patterns": "2",
    "precision": "fp32",
}
SHIPPED_BYTES = 12_000_000  # what a clone of the repository may pay for an encoder


def arguments(data: Path, out: Path, **changed: str) -> list[str]:
    given = {**TINY, **changed, "data": str(data), "out": str(out)}
    return [part for name, value in given.items() for part in (f"--{name}", value)]


def test_one_command_makes_a_model_that_encodes_and_can_be_measured(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = default_encoder.main(arguments(data, tmp_path))

    encoder = Encoder(tmp_path / "model")
    measured = evaluate.main(["--model", str(tmp_path / "model"), "--data", str(data)])
    said = capsys.readouterr().out
    assert (code, measured) == (0, 0)
    assert encoder.encode(drawn(2)).shape == (2, 8)
    assert -1 <= encoder.card.thresholds.floor <= encoder.card.thresholds.duplicate <= 1
    assert encoder.card.licence == "Apache-2.0"
    assert "grocery81" in encoder.card.training_data[0]
    assert "metric step=2 " in said
    assert "1 pictures could not be read, such as broken.jpg: " in said
    assert "| grocery test→train | default-1 | 6 |" in said


def test_each_kind_of_picture_has_its_share_of_the_pairs(data: Path, tmp_path: Path) -> None:
    given = Options.from_command_line(arguments(data, tmp_path, patterns="3"), **RECIPE)

    found = default_encoder.gathered(given)

    source = found.source
    kinds = [file.path.name.startswith("pattern") for file in found.pool.files]
    of_patterns = [any(kinds[int(row)] for row in rows) for rows in source.members]  # type: ignore[attr-defined]
    share = source.shares[torch.tensor(of_patterns)].sum() / source.shares.sum()  # type: ignore[attr-defined]
    assert float(share) == pytest.approx(0.2)


def test_labels_can_be_held_back(data: Path, tmp_path: Path) -> None:
    given = Options.from_command_line(arguments(data, tmp_path, labelled_classes="2"), **RECIPE)

    names = {file.label for file in default_encoder.grocery_labels(given)}

    assert len(names - {""}) == 2
    assert "" in names


def test_the_student_holds_none_of_the_teachers_weights(data: Path, tmp_path: Path) -> None:
    weights = str(data / default_encoder.TEACHER_WEIGHTS)
    given = Options.from_command_line(
        arguments(data, tmp_path, arch="mobilenet_v2", teacher=weights), **RECIPE
    )

    student = beginning.encoder_of(given)
    teacher = beginning.teacher_of(given, student)

    assert teacher is not None
    theirs = teacher.features.network.backbone.state_dict()  # type: ignore[union-attr, attr-defined]
    ours = student.backbone.state_dict()
    kernels = [name for name, value in ours.items() if value.ndim == 4]
    assert kernels
    assert not any(torch.allclose(ours[name], theirs[name], atol=1e-3) for name in kernels)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_without_the_teacher_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = default_encoder.main(arguments(tmp_path, tmp_path))

    assert code == 2
    assert "cannot learn without its teacher" in capsys.readouterr().err


def test_the_shipped_encoder_is_small_and_tells_pictures_apart() -> None:
    encoder = Encoder(SHIPPED)
    pictures = drawn(8)

    similar = encoder.encode(pictures) @ encoder.encode([p.resize((90, 90)) for p in pictures]).T

    assert (SHIPPED / "model.onnx").stat().st_size <= SHIPPED_BYTES
    assert encoder.card.dimension <= 256
    assert similar.argmax(axis=1).tolist() == list(range(8))
    assert np.diag(similar).min() > np.median(similar) + 0.1
