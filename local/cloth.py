"""A piece of cloth to draw on: pattern coordinates, inks, weave and light."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.floating[Any]]  # (height, width): one value per pixel

THREADS_PER_PIXEL = 0.21  # a thread every five pixels: visible, as in a close product photo
WEAVE_DEPTH = 0.055
NOISE = 0.012  # of full scale; more would double the size of the files
LIGHT_FALL = 0.16  # how much darker the far corner is
FOLD_DEPTH = 0.05


def centred(x: Field) -> Field:
    """Distance to the middle of the unit cell it lies in: -0.5 to 0.5."""
    return np.asarray(x - np.floor(x) - 0.5, dtype=np.float32)


def step(x: Field) -> Field:
    """Which unit cell it lies in."""
    return np.asarray(np.floor(x), dtype=np.float32)


def radius(x: Field, y: Field) -> Field:
    return np.sqrt(x * x + y * y)


class Cloth:
    """u, v: pattern coordinates of every pixel, one unit per repeat, turned and scaled.

    inks: RGB 0–1; inks[0] is the ground, and lies on the whole cloth already.
    random: belongs to the design, not to the picture, so that colourways share their drawing.
    """

    def __init__(
        self,
        size: tuple[int, int],
        repeat: float,
        degrees: float,
        inks: Sequence[tuple[float, float, float]],
        random: np.random.Generator,
    ) -> None:
        width, height = size
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        self.along = x * cos + y * sin  # in pixels: the threads follow the pattern
        self.across = y * cos - x * sin
        self.u = np.asarray(self.along / repeat, dtype=np.float32)
        self.v = np.asarray(self.across / repeat, dtype=np.float32)
        self.x, self.y = x / np.float32(width), y / np.float32(height)
        self.pixel = 1.25 / repeat  # of pattern coordinates; a little soft, like a lens
        self.inks = np.asarray(inks, dtype=np.float32)
        self.random = random
        self.rgb = np.empty((3, height, width), dtype=np.float32)  # planes: four times faster
        self.rgb[:] = self.inks[0][:, None, None]

    def inside(self, distance: Field) -> Field:
        """Coverage of a shape, smooth over one pixel; distance is negative inside."""
        return np.asarray(np.clip(0.5 - distance / self.pixel, 0, 1))

    def lay(self, ink: int, coverage: Field) -> None:
        for plane, level in zip(self.rgb, self.inks[ink], strict=True):
            plane += (level - plane) * coverage

    def photograph(self, random: np.random.Generator, twill: bool) -> Image.Image:
        """The cloth with its weave, under soft light from one side."""
        shade = self._weave(twill) * self._light(random)
        grain = random.standard_normal(shade.shape, dtype=np.float32) * np.float32(NOISE)
        pixels = np.clip(self.rgb * shade + grain, 0, 1) * 255 + 0.5
        return Image.fromarray(np.ascontiguousarray(pixels.astype(np.uint8).transpose(1, 2, 0)))

    def _weave(self, twill: bool) -> Field:
        turn = np.float32(2 * math.pi * THREADS_PER_PIXEL)
        if twill:
            threads = np.sin((self.along + self.across) * turn)
        else:
            threads = np.sin(self.along * turn) * np.sin(self.across * turn) * 1.4
        slub = np.sin(self.across * 0.11 + 3 * np.sin(self.along * 0.013))
        return np.asarray(1 - WEAVE_DEPTH * (0.5 - 0.5 * threads) - 0.012 * slub, dtype=np.float32)

    def _light(self, random: np.random.Generator) -> Field:
        angle, phase, bend = (float(value) for value in random.uniform(0, 2 * math.pi, 3))
        slope = (self.x - 0.5) * math.cos(angle) + (self.y - 0.5) * math.sin(angle)
        folds = np.sin(slope * random.uniform(5, 11) + phase + 1.5 * np.sin(self.y * 3 + bend))
        light = 1.03 + LIGHT_FALL * slope - FOLD_DEPTH * (0.5 + 0.5 * folds)
        return np.asarray(light, dtype=np.float32)
