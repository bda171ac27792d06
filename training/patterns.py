"""Drawn textile patterns: endless pictures whose motif is known, for training and for checks.

A motif is a function from the plane to 0–1: u and v count repeats, the value picks a colour of the
palette. Everything is drawn from a seed, so a pattern never needs to be stored.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from training.pictures import Labelled
from training.pool import Pool

Plane = NDArray[np.float64]
Motif = Callable[[Plane, Plane, Plane], Plane]

PALETTES = 32  # few, so that colour alone never tells two patterns apart
COLOURS = 4
VARIANTS = 6  # of each pattern: scaled, turned, shifted, lit; some dyed in another palette
DYED = 2
FINE = 2  # each pixel is the mean of FINE × FINE samples


def centred(x: Plane) -> Plane:
    """Distance to the nearest repeat, -0.5 to 0.5."""
    return x - np.round(x)


def soft(x: Plane) -> Plane:
    return np.clip(x * 20 + 0.5, 0, 1)


def wave(x: Plane) -> Plane:
    return np.abs(centred(x)) * 2


# `shape` holds eight numbers between 0 and 1 that make each pattern of a motif its own.
def stripes(u: Plane, v: Plane, shape: Plane) -> Plane:
    edges = np.cumsum(shape[:4] + 0.15)
    return np.searchsorted(edges / edges[-1], u % 1) / 3.0


def checks(u: Plane, v: Plane, shape: Plane) -> Plane:
    return ((u % 1 < 0.2 + 0.6 * shape[0]) * 1.0 + (v % 1 < 0.2 + 0.6 * shape[0])) / 2


def tartan(u: Plane, v: Plane, shape: Plane) -> Plane:
    over = np.floor(u * 24) + np.floor(v * 24)
    return np.where(over % 2 < 1, stripes(u, v, shape), stripes(v, u, shape))


def dots(u: Plane, v: Plane, shape: Plane) -> Plane:
    shift = np.round(v) % 2 * (0.5 if shape[1] > 0.5 else 0.0)
    return soft(0.12 + 0.3 * shape[0] - np.hypot(centred(u + shift), centred(v)))


def rings(u: Plane, v: Plane, shape: Plane) -> Plane:
    return wave(np.hypot(centred(u), centred(v)) * (2 + 4 * shape[0])) * (0.5 + shape[1] / 2)


def chevron(u: Plane, v: Plane, shape: Plane) -> Plane:
    return stripes(v * 2 + wave(u) * (0.4 + shape[5]), u, shape)


def herringbone(u: Plane, v: Plane, shape: Plane) -> Plane:
    lean = np.where(np.floor(u * 2) % 2 < 1, 1.0, -1.0)
    return soft(wave((u * lean + v) * (2 + 3 * shape[0])) - 0.3 - 0.4 * shape[1])


def argyle(u: Plane, v: Plane, shape: Plane) -> Plane:
    diamond = ((np.floor(u + v) + np.floor(u - v)) % 2 < 1) * 0.66
    lines = np.minimum(wave(u + v + 0.5), wave(u - v + 0.5)) < 0.03 + 0.1 * shape[0]
    return np.where(lines, 1.0, diamond)


def waves(u: Plane, v: Plane, shape: Plane) -> Plane:
    return stripes(v + (0.1 + 0.3 * shape[5]) * np.sin(2 * np.pi * u), u, shape)


def scales(u: Plane, v: Plane, shape: Plane) -> Plane:
    row = np.floor(v * 2)
    distance = np.hypot(centred(u + row % 2 / 2), (v * 2 - row) * (0.4 + 0.3 * shape[0]))
    return wave(distance * (1 + 3 * shape[1]))


def houndstooth(u: Plane, v: Plane, shape: Plane) -> Plane:
    a, b = u % 1 < 0.5, v % 1 < 0.5
    teeth = ((u + v) * (2 + 2 * np.floor(2 * shape[0]))) % 1 < 0.5
    return np.where(a == b, a * 1.0, teeth * 1.0)


def triangles(u: Plane, v: Plane, shape: Plane) -> Plane:
    tilted = u + v * 0.5
    upper = (tilted % 1) + (v % 1) > 1
    return (upper * 1.0 + (np.floor(tilted) % 2) * (shape[0] > 0.5)) / 2


def hexagons(u: Plane, v: Plane, shape: Plane) -> Plane:
    thirds = [np.abs(centred(u * np.cos(a) + v * np.sin(a))) for a in np.pi / 3 * np.arange(3)]
    return soft(np.max(thirds, axis=0) - 0.3 - 0.15 * shape[0]) * 0.6 + 0.4 * (thirds[0] < 0.1)


def flowers(u: Plane, v: Plane, shape: Plane) -> Plane:
    x, y = centred(u + np.round(v) % 2 / 2), centred(v)
    petals = 3 + np.floor(shape[0] * 6)
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    edge = 0.2 + 0.15 * shape[1] + (0.05 + 0.1 * shape[2]) * np.cos(petals * angle)
    return soft(edge - distance) * 0.66 + soft(0.06 + 0.08 * shape[3] - distance) * 0.34


def stars(u: Plane, v: Plane, shape: Plane) -> Plane:
    x, y = centred(u), centred(v)
    points = 4 + np.floor(shape[0] * 4)
    edge = 0.42 - (0.15 + 0.2 * shape[1]) * wave(np.arctan2(y, x) * points / (2 * np.pi))
    return soft(edge - np.hypot(x, y))


def leaves(u: Plane, v: Plane, shape: Plane) -> Plane:
    row = np.round(v)
    x, y = centred(u + row % 2 / 2), centred(v)
    lean = np.where(row % 2 < 1, 1.0, -1.0) * (0.3 + shape[0])
    x, y = x + lean * y, y - lean * x * 0.3
    blade = 0.12 + 0.15 * shape[1] - np.abs(x) - y**2
    return soft(blade) * 0.7 + soft(0.012 - np.abs(x)) * 0.3


def basket(u: Plane, v: Plane, shape: Plane) -> Plane:
    over = (np.floor(u) + np.floor(v)) % 2 < 1
    return wave(np.where(over, u, v) * (2 + np.floor(3 * shape[0])))


def marble(u: Plane, v: Plane, shape: Plane) -> Plane:
    x, y = u, v
    for i in range(4):
        turn = 2 * np.pi * shape[i]
        x, y = (
            x + 0.5 * np.sin(2.3 * y + turn),
            y + 0.5 * np.sin(1.9 * x * (1 + shape[i + 4]) + turn),
        )
    return wave(x * 0.5 + y * 0.3)


def spots(u: Plane, v: Plane, shape: Plane) -> Plane:
    total = np.zeros_like(u)
    for i in range(5):
        turn = 2 * np.pi * shape[i % 8] + i
        total += np.sin(2 * np.pi * (u * np.cos(turn) + v * np.sin(turn)) + 5 * shape[(i + 3) % 8])
    return soft((np.abs(total) - 0.7 - shape[0]) / 4) * 0.5 + soft((total - 1) / 4) * 0.5


def plain(u: Plane, v: Plane, shape: Plane) -> Plane:
    return np.full_like(u, 0.4) + 0.06 * np.sin(2 * np.pi * u * (4 + 8 * shape[0]))


MOTIFS: tuple[Motif, ...] = (
    stripes, checks, tartan, dots, rings, chevron, herringbone, argyle, waves, scales,
    houndstooth, triangles, hexagons, flowers, stars, leaves, basket, marble, spots, plain,
)  # fmt: skip


@dataclass(frozen=True)
class Pattern:
    """One design. repeats: how many fit across the picture."""

    motif: int
    shape: Plane
    palette: int
    repeats: float


def palettes(count: int = PALETTES) -> Plane:
    """(count, COLOURS, 3) in 0–1, the same on every machine."""
    draw = np.random.default_rng(81)
    hue = draw.random((count, 1)) + draw.choice([0.02, 0.1, 0.33, 0.5], (count, 1)) * np.arange(4)
    strength = draw.random((count, 1)) * draw.uniform(0.4, 1, (count, COLOURS))
    value = draw.permuted(np.tile([0.25, 0.5, 0.75, 0.95], (count, 1)), axis=1)
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (hue[..., None] + np.array([0, 1 / 3, 2 / 3])))
    return np.asarray(value[..., None] * (1 - strength[..., None] * (1 - wheel)))


def design(draw: Generator) -> Pattern:
    return Pattern(
        motif=int(draw.integers(len(MOTIFS))),
        shape=draw.random(8),
        palette=int(draw.integers(PALETTES)),
        repeats=float(draw.uniform(2.5, 9)),
    )


def paint(pattern: Pattern, side: int, draw: Generator, dyed: bool = False) -> NDArray[np.uint8]:
    """(side, side, 3): the pattern at a random scale, angle, place and light."""
    zoom, angle = draw.uniform(0.65, 1.5), draw.normal(0, 0.15) + draw.choice([0, np.pi / 2])
    steps = (np.arange(side * FINE) / (side * FINE) - 0.5) * pattern.repeats * zoom
    x, y = np.meshgrid(steps, steps)
    u = x * np.cos(angle) - y * np.sin(angle) + draw.uniform(0, 20)
    v = x * np.sin(angle) + y * np.cos(angle) + draw.uniform(0, 20)
    value = np.clip(MOTIFS[pattern.motif](u, v, pattern.shape), 0, 1)
    palette = int(draw.integers(PALETTES)) if dyed else pattern.palette
    colours = palettes()[palette] + draw.normal(0, 0.025, (COLOURS, 3))
    levels = np.linspace(0, 1, COLOURS)
    cloth = np.stack([np.interp(value, levels, colours[:, c]) for c in range(3)], axis=-1)
    cloth = cloth.reshape(side, FINE, side, FINE, 3).mean(axis=(1, 3))
    return np.round(np.clip(lit(cloth, draw), 0, 1) * 255).astype(np.uint8)


def lit(cloth: Plane, draw: Generator) -> Plane:
    """Light from one side, a little brighter or darker, and the grain of a camera."""
    side = len(cloth)
    slope = draw.normal(0, 0.12, 2)
    across = np.linspace(-1, 1, side)
    light = draw.uniform(0.8, 1.1) + slope[0] * across[:, None] + slope[1] * across[None, :]
    return cloth * light[..., None] + draw.normal(0, 0.015, cloth.shape)


def catalogue(count: int, side: int, seed: int) -> Pool:
    """`count` patterns, VARIANTS pictures of each; one pattern is one label."""
    with ThreadPoolExecutor() as threads:
        sheets = list(threads.map(lambda i: variants(seed + i, side), range(count)))
    files = [
        Labelled(Path(f"pattern-{i}-{variant}"), f"pattern {i}")
        for i in range(count)
        for variant in range(VARIANTS)
    ]
    return Pool.of_arrays(np.concatenate(sheets), files)


def variants(seed: int, side: int) -> NDArray[np.uint8]:
    draw = np.random.default_rng(seed)
    pattern = design(draw)
    return np.stack([paint(pattern, side, draw, dyed=i < DYED) for i in range(VARIANTS)])


def drawn(count: int, side: int = 224, seed: int = 0) -> Sequence[Image.Image]:
    """Different patterns as pictures, for checks that must not need a data set."""
    return [
        Image.fromarray(paint(design(draw), side, draw))
        for draw in (np.random.default_rng(seed + i) for i in range(count))
    ]
