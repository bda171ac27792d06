"""Make the encoder that ships: python -m training.default_encoder --data ../shared/data --out DIR.

The network starts from random weights and copies a teacher's view of the given pictures. Stopped at
any moment, the same command goes on from the last checkpoint in --out.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from lookalike.cards import CARD_NAME, ModelCard
from lookalike.errors import CallerError
from training import calibrate, options, patterns, pictures, pool, train
from training.distributed import Place
from training.material import Material, some, tell_of_skipped
from training.options import option
from training.pairs import Labels
from training.pictures import Labelled
from training.stopping import Stop

SIDE = 176  # pixels a picture keeps in memory; crops are enlarged from it
TEACHER_WEIGHTS = "weights/mobilenet_v2_imagenet1k_fp16.pth"
RECIPE: dict[str, Any] = {
    "model": "default-1",
    "teacher": TEACHER_WEIGHTS,  # below --data
    "arch": "mobilenet_v3_large",
    "size": 160,
    "steps": 8_000,
    "batch": 256,
    "each": 2,
    "mixtures": 512,
    "learning_rate": 2e-3,
    "contrast": 0.1,
    "logits": 0.3,
    "prefixes": "64",
    "report_every": 200,
    "out": Path("artifacts/default_encoder"),
}
SHARES = {"grocery": 0.5, "others": 0.3, "patterns": 0.2}  # of the pairs in a batch
TRAINING_DATA = (
    "grocery81 train split, 2,640 pictures, with its labels (GroceryStoreDataset, MIT)",
    "clothing17, 2,308 pictures, unlabelled (clothing-dataset, CC0 1.0)",
    "photos: trashnet (MIT); feedmejefferson (public domain, CC BY 2.0); openstax-anthropology"
    " (CC BY 4.0); aws-retail-demo-store (MIT-0); coco-mini (CC BY 2.0); abo-sample (CC BY 4.0);"
    " 3,878 pictures, unlabelled",
    "drawn textile patterns (training/patterns.py)",
    "teacher: MobileNetV2, ImageNet weights (google-coral/test_data, Apache-2.0); not part of the"
    " model",
)


@dataclass(frozen=True)
class Options(options.Options):
    """The training's own options, with other defaults, and what only this encoder needs."""

    data: Path = option(Path("../shared/data"), "the pictures and the teacher's weights")
    patterns: int = option(800, "textile designs to draw")
    labelled_classes: int = option(81, "use labels of only so many of the grocery classes")


def main(arguments: Sequence[str] | None = None) -> int:
    return train.command(make, lambda: Options.from_command_line(arguments, **RECIPE))


def make(given: Options, place: Place, stop: Stop) -> None:
    weights = given.data / given.teacher
    if not weights.is_file():
        raise CallerError(f"There is no {weights}; the encoder cannot learn without its teacher.")
    given = replace(given, teacher=str(weights))
    found = train.first_then_all(lambda: gathered(given))
    train.train(given, found, place, stop, lambda folder: finished(folder, given.data))


def finished(folder: Path, data: Path) -> ModelCard:
    """Its thresholds and its card tell of the pictures it was made from."""
    card = calibrate.calibrated(folder, data)
    card = replace(card, training_data=TRAINING_DATA, licence="Apache-2.0")
    (folder / CARD_NAME).write_text(card.to_json(), encoding="utf-8")
    return card


def gathered(given: Options) -> Material:
    """Everything to learn from; each kind has its share of the pairs."""
    cache = train.cache_of(given)
    parts = {
        "grocery": pool.prepare(some(grocery_labels(given), given.limit), SIDE, cache),
        "others": pool.prepare(some(unlabelled(given.data), given.limit), SIDE, cache),
        "patterns": patterns.catalogue(given.patterns, SIDE, given.seed),
    }
    everything = pool.joined(list(parts.values()))
    names = [file.label for file in everything.files]
    held_out = pool.prepare(pictures.grocery(given.data, "val"), SIDE, cache)
    tell_of_skipped(everything, held_out)
    return Material(everything, Labels(names, given.each, shares=shares_of(parts)), held_out)


def shares_of(parts: dict[str, pool.Pool]) -> torch.Tensor:
    """(identities,) in the order of first appearance: a kind's share, even over its own."""
    shares = []
    for name, part in parts.items():
        own = len({file.label or row for row, file in enumerate(part.files)})
        shares += [SHARES[name] / own] * own
    return torch.tensor(shares)


def grocery_labels(given: Options) -> list[Labelled]:
    """The train split; labels beyond `labelled_classes` are forgotten."""
    known = set(pictures.grocery_classes(given.data)[: given.labelled_classes])
    return [
        file if file.label in known else replace(file, label="")
        for file in pictures.grocery(given.data, "train")
    ]


def unlabelled(data: Path) -> list[Labelled]:
    clothes = [replace(file, label="") for file in pictures.clothing(data)]
    return clothes + pictures.photos(data / "photos")


if __name__ == "__main__":
    sys.exit(main())
