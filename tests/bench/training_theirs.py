"""What other libraries bring to the same training: a loss, and pictures read one at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training import augment
from training.material import Material
from training.options import Options
from training.torchvision_shim import torchvision  # noqa: F401  (before anything of it)

STRENGTH = augment.FOR_PAIRS  # of our views, which theirs are given as well
KERNEL = 5  # pixels of the blur, ours and theirs

Loss = Callable[[Tensor, Tensor], Tensor]  # of vectors and labels
Batched = tuple[Tensor, Tensor]  # (n, 3, size, size) in 0–1, and (n,) labels


def of_labels(options: Options, found: Material, workers: int) -> tuple[Loss, Iterator[Batched]]:
    """pytorch-metric-learning: SupConLoss and MPerClassSampler over a torch Dataset."""
    from pytorch_metric_learning.losses import SupConLoss
    from pytorch_metric_learning.samplers import MPerClassSampler

    names = [file.label for file in found.labelled]
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    labels = [number[name] for name in names]
    pictures = Pictures([file.path for file in found.labelled], labels, transform(options.size))
    sampler = MPerClassSampler(labels, options.each, options.batch, len(labels) * 100)
    loader = DataLoader(
        pictures,
        options.batch,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    return SupConLoss(temperature=options.temperature), endless(loader)


def of_views(
    options: Options, found: Material, workers: int, **strength: Any
) -> tuple[Loss, Iterator[Batched]]:
    """Lightly: NTXentLoss, LightlyDataset and SimCLRTransform; strength: its own if not given."""
    from lightly.data import LightlyDataset
    from lightly.loss import NTXentLoss
    from lightly.transforms import SimCLRTransform

    seen = SimCLRTransform(input_size=options.size, normalize=None, **strength)
    dataset = LightlyDataset(str(options.pictures), transform=seen)
    assert len(dataset) == len(found.pool)
    loader = DataLoader(
        dataset,
        options.batch // 2,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    contrast = NTXentLoss(temperature=options.temperature)
    return partial(halved, contrast), (
        (torch.cat(views), labels.repeat(2)) for views, labels, _ in endless(loader)
    )


def halved(contrast: Loss, vectors: Tensor, labels: Tensor) -> Tensor:
    """The first views of all pictures, then the second ones."""
    first, second = vectors.chunk(2)
    return contrast(first, second)


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    while True:
        yield from loader


class Pictures(Dataset[Batched]):
    """Files that are read, decoded and changed one at a time, as in the library's examples."""

    def __init__(
        self, paths: Sequence[Path], labels: Sequence[int], seen: Callable[[Any], Tensor]
    ) -> None:
        self.paths, self.labels, self.seen = paths, labels, seen

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:  # type: ignore[override]
        with Image.open(self.paths[row]) as picture:
            return self.seen(picture.convert("RGB")), self.labels[row]


def transform(size: int, ranges: augment.Ranges = STRENGTH) -> Callable[[Any], Tensor]:
    """As strong as our own views, by torchvision v2.

    Changes are made to Pillow's pictures, which took 2.0 ms with decoding where tensors took 2.9.
    """
    from torchvision.transforms import v2

    aspect = (1 / ranges.aspect, ranges.aspect)
    crop = v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=ranges.area, ratio=aspect, antialias=True),
            v2.RandomRotation(ranges.degrees / 2),  # ours draws mostly small angles
        ]
    )
    whole = v2.Resize((size, size), antialias=True)
    jitter = v2.ColorJitter(ranges.light, ranges.light, ranges.colour, ranges.hue)
    seen: Callable[[Any], Tensor] = v2.Compose(
        [
            v2.RandomChoice([whole, crop], p=[ranges.whole, 1 - ranges.whole]),
            v2.RandomHorizontalFlip(),
            jitter,
            v2.RandomApply([v2.GaussianBlur(KERNEL)], p=ranges.blurred),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    return seen


def gentle(ranges: augment.Ranges = STRENGTH) -> dict[str, Any]:
    """SimCLRTransform as strong as our own views."""
    return {
        "cj_prob": 1.0,
        "cj_bright": ranges.light,
        "cj_contrast": ranges.light,
        "cj_sat": ranges.colour,
        "cj_hue": ranges.hue,
        "min_scale": ranges.area[0],
        "random_gray_scale": ranges.grey,
        "gaussian_blur": ranges.blurred,
        "rr_prob": 1.0,
        "rr_degrees": ranges.degrees / 2,
    }
