"""Make the encoder that ships: python -m training.default_encoder --data ../shared/data --out DIR.

The network starts from random weights and copies a teacher's view of the given pictures. Stopped at
any moment, the same command goes on from the last checkpoint in --out.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lookalike.cards import ModelCard, Preprocessing, Thresholds
from training import augment, distil, metrics, patterns, pictures
from training.calibrate import calibrated
from training.export import Served, embed, export
from training.model import EncoderNet
from training.teacher import TEACHER_SIDE, Teacher

SIDE = 176  # pixels a picture keeps in memory; crops are enlarged from it
TEACHER_WEIGHTS = "weights/mobilenet_v2_imagenet1k_fp16.pth"
UNSEEN_FROM = 41  # the class-disjoint protocol: labels of classes 0–40 only
SHARES = {"grocery": 0.5, "patterns": 0.2, "others": 0.3}  # of the pairs in a batch
SAVE_EVERY = 45.0  # seconds
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
class Options(distil.Recipe):
    """The recipe, and what belongs to this run alone.

    patterns: how many textile designs to draw. labelled_classes: use labels of only so many of the
    grocery classes (81 is all). minutes: stop after so long, to be continued; 0 is no limit.
    """

    data: Path = Path("../shared/data")
    out: Path = Path("artifacts/default_encoder")
    model: str = "default-1"
    patterns: int = 800
    labelled_classes: int = 81
    limit: int = 0  # pictures of each source, for a quick try; 0 is all
    minutes: float = 0.0

    @classmethod
    def from_command_line(cls, arguments: Sequence[str] | None = None) -> "Options":
        parser = argparse.ArgumentParser(description=__doc__)
        for option in fields(cls):
            kind = type(option.default)
            parser.add_argument(
                "--" + option.name.replace("_", "-"), type=kind, default=option.default
            )
        return cls(**vars(parser.parse_args(arguments)))

    def recipe(self) -> distil.Recipe:
        own = {option.name for option in fields(distil.Recipe)}
        return distil.Recipe(**{name: getattr(self, name) for name in own})


def main(arguments: Sequence[str] | None = None) -> None:
    options = Options.from_command_line(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    began = time.monotonic()
    material = gather(options, device)
    print(f"{len(material.pixels)} pictures in {time.monotonic() - began:.0f} s on {device}")

    lessons = prepare(options, material, device)
    if not study(lessons, material, options):
        print(f"stopped at step {lessons.step}; the same command goes on from here")
        return
    encoder = distil.settle(lessons.average.encoder, material.pixels, options.size).cpu()
    torch.save(encoder.state_dict(), options.out / "encoder.pt")
    found = check(encoder, options)
    show(found)
    finish(encoder, options, found)


def gather(options: Options, device: torch.device) -> distil.Material:
    """Everything to learn from, on the device; each source has its share of the pairs."""
    parts = {
        "grocery": pictures.load(some(grocery_labels(options), options), SIDE),
        "others": pictures.load(some(unlabelled(options.data), options), SIDE),
        "patterns": patterns.catalogue(options.patterns, SIDE, options.seed),
    }
    shares, renumbered, first = [], [], 0
    for name, part in parts.items():
        own = part.identities.max() + 1 if len(part) else 0
        renumbered.append(replace(part, identities=part.identities + first))
        shares.append(np.full(own, SHARES[name] / max(own, 1)))
        first += own
    everything = pictures.joined(renumbered)
    return distil.Material(
        torch.from_numpy(everything.pixels).to(device),
        torch.from_numpy(everything.identities).to(device),
        torch.from_numpy(np.concatenate(shares)).float().to(device),
    )


def grocery_labels(options: Options) -> list[pictures.Labelled]:
    """The train split; labels beyond `labelled_classes` are forgotten."""
    known = set(pictures.grocery_classes(options.data)[: options.labelled_classes])
    return [
        file if file.label in known else replace(file, label="")
        for file in pictures.grocery(options.data, "train")
    ]


def unlabelled(data: Path) -> list[pictures.Labelled]:
    clothes = [replace(file, label="") for file in pictures.clothing(data)]
    return clothes + pictures.photos(data / "photos")


def some(files: list[pictures.Labelled], options: Options) -> list[pictures.Labelled]:
    if not options.limit or len(files) <= options.limit:
        return files
    chosen = np.random.default_rng(options.seed).permutation(len(files))[: options.limit]
    return [files[i] for i in sorted(chosen)]


def prepare(options: Options, material: distil.Material, device: torch.device) -> distil.Lessons:
    """The run as it stands: fresh, or as the last checkpoint left it."""
    weights = options.data / TEACHER_WEIGHTS
    if not weights.is_file():
        raise SystemExit(f"There is no {weights}; the encoder cannot learn without its teacher.")
    teacher = Teacher(weights, options.dimension, options.whitening)
    lessons = distil.Lessons(options.recipe(), teacher, device)
    if not distil.resume(lessons, options.out / "checkpoint.pt"):
        teacher.fit_axes(features_of_views(teacher, material, options.seed))
    return lessons


@torch.inference_mode()
def features_of_views(teacher: Teacher, material: distil.Material, seed: int) -> torch.Tensor:
    """The teacher's features of a random view of every picture, as the student will meet them."""
    draw = torch.Generator(material.pixels.device).manual_seed(seed)
    return torch.cat(
        [
            teacher.features(augment.views(batch, TEACHER_SIDE, augment.FOR_PAIRS, draw))
            for batch in material.pixels.split(256)
        ]
    )


def study(lessons: distil.Lessons, material: distil.Material, options: Options) -> bool:
    """Train, report and save; True once the last step is done."""
    until = time.monotonic() + (options.minutes * 60 or float("inf"))
    saved = time.monotonic()
    for report in distil.learn(lessons, material, until):
        show(report)
        if time.monotonic() - saved > SAVE_EVERY:
            distil.save(lessons, options.out / "checkpoint.pt")
            saved = time.monotonic()
    distil.save(lessons, options.out / "checkpoint.pt")
    return lessons.step == options.steps


def show(values: dict[str, Any]) -> None:
    """One line a report, as SageMaker's metric definitions read it."""
    print(" ".join(f"metric {name}={value:.6g}" for name, value in values.items()), flush=True)


def check(encoder: EncoderNet, options: Options) -> dict[str, float]:
    """Recall@1 on the validation split, and among training pictures of classes without labels."""
    splits = {name: pictures.grocery(options.data, name) for name in ("train", "val", "iconic")}
    splits = {name: some(files, options) for name, files in splits.items()}
    vectors = {name: vectors_of(encoder, files, options.size) for name, files in splits.items()}
    names = {name: np.array([file.label for file in files]) for name, files in splits.items()}
    found = {
        f"val_to_{gallery}_recall@1": recall(
            vectors["val"], vectors[gallery], names["val"], names[gallery]
        )
        for gallery in ("train", "iconic")
    }
    unseen = np.isin(names["train"], pictures.grocery_classes(options.data)[UNSEEN_FROM:])
    v, n = vectors["train"][unseen], names["train"][unseen]
    if len(v) > 1:
        found["classes_41_80_recall@1"] = recall(v, v, n, n, leave_one_out=True)
    return found


def recall(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    wanted: NDArray[np.str_],
    names: NDArray[np.str_],
    leave_one_out: bool = False,
) -> float:
    allowed = ~np.eye(len(queries), dtype=bool) if leave_one_out else None
    first = metrics.nearest(queries, gallery, 1, allowed)[:, 0]
    return float((names[first] == wanted).mean())


def vectors_of(
    encoder: EncoderNet, files: Sequence[pictures.Labelled], size: int
) -> NDArray[np.float32]:
    pixels = pictures.load(files, size).pixels
    served = Served(encoder).eval()
    parts = np.array_split(pixels, max(1, len(pixels) // 64))
    return np.concatenate([embed(served, part) for part in parts])


def finish(encoder: EncoderNet, options: Options, found: dict[str, float]) -> ModelCard:
    """Export with a card whose thresholds are calibrated on the exported file."""
    card = ModelCard(
        model=options.model,
        sha256="",
        dimension=options.dimension,
        preprocessing=Preprocessing(size=options.size),
        thresholds=Thresholds(duplicate=1.0, floor=0.0),
        architecture=f"{options.arch}, GeM pooling, linear projection",
        licence="Apache-2.0",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        training_data=TRAINING_DATA,
        metrics={name: round(value, 4) for name, value in found.items()},
    )
    folder = options.out / "model"
    card = export(encoder, card, folder, check=patterns.drawn(8), half_weights=True)
    card = calibrated(folder, options.data)
    print(f"wrote {folder} sha256 {card.sha256}")
    return card


if __name__ == "__main__":
    main()
