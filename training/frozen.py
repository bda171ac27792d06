"""Features of a network that stays as it is, computed once: training takes minutes on a laptop."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training import augment
from training.model import EncoderNet
from training.options import Recipe
from training.pool import Pool, gather
from training.showing import dice

VIEWS = 8  # of each picture: whole, then random ones
CHUNK = 64  # pictures at once


Look = Callable[[Tensor], Tensor]


def seen_by(features: Look, device: torch.device, precision: torch.dtype) -> Look:
    """(n, 3, size, size) on any device to (n, features) float32 on the CPU, without gradient."""

    @torch.no_grad()
    def look(pictures: Tensor) -> Tensor:
        pictures = pictures.to(device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            return features(pictures).float().cpu()

    return look


def whole_features(look: Look, pool: Pool, size: int, rows: Tensor) -> Tensor:
    """(rows, features): pictures as they are when they are indexed and queried."""
    return torch.cat([look(whole(pool, some, size)) for some in rows.split(CHUNK)])


def whole(pool: Pool, rows: Tensor, size: int) -> Tensor:
    """(n, 3, size, size) in 0–1, not augmented."""
    pixels = torch.from_numpy(gather(pool, rows.numpy()))
    pictures = pixels.permute(0, 3, 1, 2).float() / 255
    return nn.functional.interpolate(pictures, (size, size), mode="bilinear", antialias=True)


def features_of_views(
    encoder: EncoderNet, pool: Pool, recipe: Recipe, cache: Path, precision: torch.dtype
) -> NDArray[np.float16]:
    """(pictures, VIEWS, features); kept in the cache, so that another run of the same begins at
    once."""
    path = cache / f"features-{name_of(encoder, pool, recipe)}.npy"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        found = _features(seen_by(encoder.pooled, encoder.mean.device, precision), pool, recipe)
        unfinished = path.with_suffix(f".{os.getpid()}")
        with unfinished.open("wb") as file:
            np.save(file, found)
        os.replace(unfinished, path)  # noqa: PTH105  (atomic, and says so)
    kept: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return kept


def _features(look: Look, pool: Pool, recipe: Recipe) -> NDArray[np.float16]:
    every = torch.arange(len(pool))
    views = [whole_features(look, pool, recipe.size, every)]
    for view in range(1, VIEWS):
        draw, found = dice(recipe.seed, view), []
        for rows in every.split(CHUNK):
            pixels = torch.from_numpy(gather(pool, rows.numpy()))
            seen = augment.views(pixels, recipe.size, augment.FOR_PAIRS, draw)
            found.append(look(seen))
        views.append(torch.cat(found))
    return torch.stack(views, dim=1).half().numpy()


def name_of(encoder: EncoderNet, pool: Pool, recipe: Recipe) -> str:
    """Other weights, pixels, sizes or seeds have other features."""
    said = hashlib.sha256(repr((recipe.size, recipe.seed, VIEWS)).encode())
    for value in encoder.state_dict().values():
        said.update(value.cpu().numpy().tobytes())
    for rows in torch.arange(len(pool)).split(CHUNK):
        said.update(gather(pool, rows.numpy()).tobytes())
    return said.hexdigest()[:16]
