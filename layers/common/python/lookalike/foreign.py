"""Encoders from elsewhere: check an ONNX file, calibrate its scores, and give it a card."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from lookalike.calibration import DRAWN, FEWEST, drawn, unlabelled_thresholds
from lookalike.cards import CARD_NAME, ONNX_NAME, Fit, ModelCard, Preprocessing, Thresholds
from lookalike.encoder import NO_OTHER_FILE, Encoder
from lookalike.errors import CallerError, ModelUnavailable

Triple = tuple[float, float, float]

SAME = 0.9999  # a cosine at which two different pictures got, for all we can tell, the same vector


class UnusableModel(CallerError):
    """The file cannot serve as an encoder; the message says what is missing."""

    status = 422
    title = "Unusable model"


def import_onnx(
    file: Path,
    size: int,
    mean: Triple,
    std: Triple,
    fit: Fit,
    destination: Path,
    pictures: Sequence[Image.Image] = (),
) -> ModelCard:
    """Write `destination`/model.onnx and card.json for any ONNX image encoder.

    mean, std: of RGB between 0 and 1, as the encoder was trained. pictures: some of the catalogue,
    to calibrate the thresholds on; drawn ones without. Raises UnusableModel and leaves nothing.
    """
    if not file.is_file():
        raise UnusableModel(f"There is no file {file}.")
    if (destination / CARD_NAME).exists():
        raise UnusableModel(f"{destination} holds a model already; models are never overwritten.")
    if not size > 0:
        raise UnusableModel(f"The size must be a number of pixels, not {size}.")
    if not min(std) > 0:
        raise UnusableModel("Each number of std must be above 0: pixels are divided by it.")
    data = file.read_bytes()
    preprocessing = Preprocessing(size, fit, "nchw-float32", mean, std)
    digest = hashlib.sha256(data).hexdigest()
    output, dimension = vector_of(data, file.name, size)
    card = ModelCard(
        model=f"{slug(file.stem)}-{digest[:8]}",
        sha256=digest,
        dimension=dimension,
        preprocessing=preprocessing,
        thresholds=Thresholds(duplicate=1.0, floor=-1.0),
        architecture=f"imported from {file.name}",
        licence="that of the imported file",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        output=output,
    )
    return install(data, card, destination, pictures)


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


def vector_of(data: bytes, name: str, size: int) -> tuple[str, int]:
    """The first output that is one vector a picture, and its length; refuses a file without one.

    Transformers answer a vector for every patch too, and often first.
    """
    session = _session(data, name)
    answers = _answers(session, _input_name(session, name, size), name, size)
    for output, answer in answers.items():
        if answer.ndim >= 2 and answer.size == answer.shape[1] > 1:
            return output, int(answer.size)
    shapes = ", ".join(f"{output} {answer.shape}" for output, answer in answers.items())
    raise UnusableModel(
        f"{name} answers {shapes} for one picture, and no vector (1, dimension); "
        "export it with its pooling."
    )


def _session(data: bytes, name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry(*NO_OTHER_FILE)
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        if "external" in str(error).lower():
            raise UnusableModel(
                f"{name} keeps its weights in a second file; save the model as one file."
            ) from error
        raise UnusableModel(f"{name} is not a model that ONNX Runtime can load.") from error


def _input_name(session: onnxruntime.InferenceSession, name: str, size: int) -> str:
    """The one input, checked; a dimension without a number may be anything."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(i.name for i in inputs)
        raise UnusableModel(
            f"{name} takes {len(inputs)} inputs ({names}); an image encoder has one."
        )
    (only,) = inputs
    shape = only.shape or []
    if only.type != "tensor(float)" or len(shape) != 4:
        raise UnusableModel(
            f"{name} takes {only.type} of {len(shape)} dimensions; "
            "we can feed float32 pixels as (batch, 3, height, width)."
        )
    for found, wanted, what in zip(
        shape, (1, 3, size, size), ("pictures at once", "channels", "pixels", "pixels"), strict=True
    ):
        if isinstance(found, int) and found != wanted:
            hint = f"; give --size {found}" if what == "pixels" else ""
            raise UnusableModel(f"{name} takes {found} {what}, not {wanted}{hint}.")
    return str(only.name)


def _answers(
    session: onnxruntime.InferenceSession, given: str, name: str, size: int
) -> dict[str, NDArray[np.float32]]:
    grey = np.zeros((1, 3, size, size), np.float32)
    names = [output.name for output in session.get_outputs()]
    try:
        answers = session.run(names, {given: grey})
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise UnusableModel(f"{name} fails on a picture of {size} × {size} pixels.") from error
    return {output: np.asarray(answer) for output, answer in zip(names, answers, strict=True)}


def install(
    data: bytes, card: ModelCard, destination: Path, pictures: Sequence[Image.Image] = ()
) -> ModelCard:
    """Write the folder, use it as it will be used, and write the card again with thresholds."""
    destination.mkdir(parents=True, exist_ok=True)
    try:
        (destination / ONNX_NAME).write_bytes(data)
        (destination / CARD_NAME).write_text(card.to_json(), encoding="utf-8")
        card = with_thresholds(Encoder(destination), pictures)
    except Exception as error:
        for name in (ONNX_NAME, CARD_NAME):
            (destination / name).unlink(missing_ok=True)
        if isinstance(error, ModelUnavailable):
            raise UnusableModel(str(error)) from error
        raise
    (destination / CARD_NAME).write_text(card.to_json(), encoding="utf-8")
    return card


def with_thresholds(encoder: Encoder, pictures: Sequence[Image.Image]) -> ModelCard:
    """The card with thresholds found without labels; refuses an encoder that sees no difference."""
    card = encoder.card
    if len(pictures) < FEWEST:
        pictures, what = drawn(), f"{DRAWN} drawn pictures"
    else:
        what = f"{len(pictures)} pictures of the catalogue"
    vectors = encoder.encode(pictures)
    if (vectors @ vectors[0]).min() > SAME:
        raise UnusableModel(
            f"{card.model} answers the same vector for different pictures; "
            "check the size, mean and std it was trained with."
        )
    note = f"Thresholds calibrated without labels, on {what} and near copies of them."
    return replace(
        card,
        thresholds=unlabelled_thresholds(encoder, pictures),
        notes=f"{card.notes} {note}".strip(),
    )
