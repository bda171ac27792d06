"""A data folder of a few drawn pictures in the shape of the real one, and a teacher of noise."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from lookalike.calibration import drawn
from tests.torch_threads import one_thread
from training.default_encoder import TEACHER_WEIGHTS
from training.torchvision_shim import torchvision

CLASSES = ("Apple", "Leek", "Milk")
SPLITS = {"train": 4, "val": 2, "test": 2, "iconic": 1}  # pictures of each class
SIDE = 48


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """grocery81, clothing17, photos and weights, with a handful of pictures each."""
    folder = tmp_path_factory.mktemp("data")
    pictures = iter(drawn(60))
    rows = [
        {"path": f"{split}/{name}-{i}.jpg", "split": split, "class_id": str(c), "class": name}
        for split, count in SPLITS.items()
        for c, name in enumerate(CLASSES)
        for i in range(count)
    ]
    write(folder / "grocery81", rows, pictures)
    worn = [
        {"path": f"images/{i}.jpg", "class": CLASSES[i % 2], "sender_id": str(i % 3)}
        for i in range(8)
    ]
    write(folder / "clothing17", worn, pictures)
    save(next(pictures), folder / "photos" / "one" / "a.jpg")
    (folder / "photos" / "one" / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    weights = folder / TEACHER_WEIGHTS
    weights.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(torchvision.models.mobilenet_v2(weights=None).state_dict(), weights)
    return folder


def write(folder: Path, rows: list[dict[str, str]], pictures: Iterator[Image.Image]) -> None:
    for row in rows:
        save(next(pictures), folder / row["path"])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((SIDE, SIDE)).save(path, "JPEG")
