"""`lookalike models import`: an encoder that others made becomes one of ours."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from local.data_folder import DataFolder
from local.models import stored
from local.opening import named_or_last
from local.trouble import USAGE, Trouble

if TYPE_CHECKING:
    from PIL.Image import Image

SAMPLE = 200  # pictures; each is encoded a few times


def import_model(asked: argparse.Namespace) -> int:
    """Make a model folder, prove it, and copy it into the model store."""
    data = named_or_last(asked.data)
    _ = data.pictures
    with TemporaryDirectory() as made:
        folder = Path(made)
        _make(asked, folder, _sample(data))
        stored(data, folder)
    return 0


def _make(asked: argparse.Namespace, folder: Path, pictures: "list[Image]") -> None:
    if asked.onnx is not None and asked.arch is None:
        _make_from_onnx(asked, folder, pictures)
    elif asked.arch is not None and asked.onnx is None:
        _make_from_torchvision(asked, folder, pictures)
    else:
        raise Trouble("Give --arch NAME for torchvision's weights, or --onnx FILE.", USAGE)


def _make_from_onnx(asked: argparse.Namespace, folder: Path, pictures: "list[Image]") -> None:
    missing = [f"--{name}" for name in ("size", "mean", "std") if getattr(asked, name) is None]
    if missing:
        raise Trouble(f"An ONNX file does not say how it was trained; give {missing[0]}.", USAGE)
    from lookalike.foreign import import_onnx

    import_onnx(asked.onnx, asked.size, asked.mean, asked.std, asked.fit, folder, pictures)


def _make_from_torchvision(
    asked: argparse.Namespace, folder: Path, pictures: "list[Image]"
) -> None:
    try:
        from training.import_model import import_torchvision
    except ImportError as error:
        raise Trouble(
            f"Torchvision's models need PyTorch ({error}); run: "
            f"{sys.executable} -m pip install -e '.[train]'"
        ) from error
    told = {name: getattr(asked, name) for name in ("size", "mean", "std")}
    known = {name: value for name, value in told.items() if value is not None}
    import_torchvision(asked.arch, asked.weights, folder, pictures, fit=asked.fit, **known)


def _sample(data: DataFolder) -> "list[Image]":
    """Thumbnails of the catalogue, spread over all of it, to calibrate thresholds on."""
    from PIL import Image

    found = sorted((data.path / "derived/thumbnails").glob("*.webp"))  # ids are hashes: no order
    pictures = []
    for path in found[:SAMPLE]:
        with Image.open(path) as picture:
            pictures.append(picture.convert("RGB"))
    return pictures
