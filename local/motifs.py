"""Textile motifs, each drawn with signed distances on a cloth of its own inks.

One unit of `cloth.u` and `cloth.v` is one repeat. Ink 0 is the ground, 1 the main ink, 2 to 4
its companions.
"""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from local.cloth import Cloth, Field, centred, radius, step

Motif = Callable[[Cloth], None]


def stripes(cloth: Cloth) -> None:
    at = 0.0
    for ink in (1, 2, 1, 3, 4):
        width = cloth.random.uniform(0.03, 0.14)
        cloth.lay(ink, cloth.inside(abs(centred(cloth.u - at)) - width / 2))
        at += width / 2 + cloth.random.uniform(0.1, 0.16)


def gingham(cloth: Cloth) -> None:
    for axis in (cloth.u, cloth.v):
        cloth.lay(1, 0.55 * cloth.inside(abs(centred(axis)) - 0.25))


def tartan(cloth: Cloth) -> None:
    bands = [(0.0, 0.17, 1), (0.27, 0.06, 2), (0.5, 0.2, 3), (0.5, 0.025, 4), (0.78, 0.03, 4)]
    shift = cloth.random.uniform(-0.05, 0.05)
    for share, axis in ((1.0, cloth.u), (0.55, cloth.v)):
        for at, width, ink in bands:
            cloth.lay(ink, share * cloth.inside(abs(centred(axis - at - shift)) - width / 2))


def houndstooth(cloth: Cloth) -> None:
    """A two-and-two twill of four dark and four light threads, both ways."""
    warp = cloth.inside(abs(centred(cloth.u)) - 0.25)
    weft = cloth.inside(abs(centred(cloth.v)) - 0.25)
    over = cloth.inside((abs(centred(2 * (cloth.u + cloth.v))) - 0.25) / 2)
    cloth.lay(1, over * warp + (1 - over) * weft)


def herringbone(cloth: Cloth) -> None:
    column = step(2 * cloth.u)
    slant = 6 * cloth.v + 3 * abs(centred(cloth.u)) * 2 + 0.5 * (column % 2)
    cloth.lay(1, cloth.inside((abs(centred(slant)) - 0.25) / 6))
    cloth.lay(2, 0.5 * cloth.inside(abs(centred(2 * cloth.u + 0.5)) - 0.03))


def polka_dots(cloth: Cloth) -> None:
    size = cloth.random.uniform(0.13, 0.26)
    second = cloth.random.choice([1, 2, 3])
    cloth.lay(1, cloth.inside(radius(centred(cloth.u), centred(cloth.v)) - size))
    offset = radius(centred(cloth.u + 0.5), centred(cloth.v + 0.5))
    cloth.lay(int(second), cloth.inside(offset - size))


def argyle(cloth: Cloth) -> None:
    u, v = cloth.u, cloth.v * 0.7
    for ink, shift in ((1, 0.0), (2, 0.5)):
        diamond = abs(centred(u + shift)) + abs(centred(v + shift)) - 0.5
        parity = (step(v + shift) % 2) if ink == 2 else np.ones_like(u)
        cloth.lay(ink, cloth.inside(diamond) * parity)
    for line in (u + v, u - v):
        cloth.lay(4, cloth.inside(abs(centred(line)) - 0.018))


def chevron(cloth: Cloth) -> None:
    zigzag = cloth.v + 0.6 * abs(centred(cloth.u))
    for ink, at, width in ((1, 0.0, 0.3), (2, 0.33, 0.16), (3, 0.6, 0.24)):
        cloth.lay(ink, cloth.inside(abs(centred(zigzag - at)) - width / 2))


def drop(x: Field, y: Field, large: float, small: float, length: float) -> Field:
    """Distance to a round drop that tapers upwards from the origin (an uneven capsule)."""
    lean = (large - small) / length
    rise = math.sqrt(1 - lean * lean)
    x = abs(x)
    along = rise * y - lean * x
    side = rise * x + lean * y - large
    tip = radius(x, y - length) - small
    upper = np.where(along > rise * length, tip, side)
    return np.asarray(np.where(along < 0, radius(x, y) - large, upper))


def paisley(cloth: Cloth) -> None:
    for shift, way in ((0.0, 1.0), (0.5, -1.0)):
        x, y = way * centred(cloth.u + shift), way * centred(cloth.v + shift) + 0.12
        outline = drop(x + 1.3 * np.square(np.maximum(y, 0)), y, 0.19, 0.008, 0.36)
        cloth.lay(1, cloth.inside(outline))
        cloth.lay(0, cloth.inside(abs(outline + 0.045) - 0.009))
        cloth.lay(2, cloth.inside(outline + 0.08))
        cloth.lay(4, cloth.inside(radius(x, y) - 0.06))
        cloth.lay(3, cloth.inside(abs(outline - 0.045) - 0.012))


def petals(x: Field, y: Field, count: int, size: float, depth: float, turn: float) -> Field:
    """Distance, roughly, to a flower of rounded petals."""
    wave = abs(np.cos(count / 2 * np.arctan2(y, x) + turn))
    return np.asarray(radius(x, y) - size * (1 - depth + depth * np.sqrt(wave)))


def florals(cloth: Cloth) -> None:
    for number in range(4):
        across, down = np.array([number % 2 / 2, number / 4]) + cloth.random.uniform(-0.06, 0.06, 2)
        size, turn = cloth.random.uniform(0.13, 0.19), cloth.random.uniform(0, math.pi)
        x, y = centred(cloth.u - float(across)), centred(cloth.v - float(down))
        for side in (-1, 1):
            leaf = drop(
                x * 0.7 + side * y * 0.7, y * 0.7 - side * x * 0.7, 0.06, 0.005, size + 0.09
            )
            cloth.lay(3, cloth.inside(leaf))
        cloth.lay(1 + number % 2, cloth.inside(petals(x, y, 5 + number % 3, size, 0.45, turn)))
        cloth.lay(0, 0.6 * cloth.inside(abs(radius(x, y) - size * 0.42) - 0.008))
        cloth.lay(4, cloth.inside(radius(x, y) - size * 0.3))


def ikat(cloth: Cloth) -> None:
    """Diamonds whose edges bleed along the dyed threads."""
    threads = cloth.random.uniform(-0.05, 0.05, 64).astype(np.float32)
    bleed = threads[(step(cloth.u * 64) % 64).astype(int)]
    diamond = abs(centred(cloth.u)) + abs(centred(cloth.v * 0.75)) + bleed
    for ink, size in ((1, 0.47), (0, 0.37), (2, 0.31), (4, 0.2), (0, 0.12), (1, 0.07)):
        cloth.lay(ink, 0.92 * cloth.inside((diamond - size) * 0.6))


def damask(cloth: Cloth) -> None:
    for shift in (0.0, 0.5):
        x, y = centred(cloth.u + shift), centred(cloth.v + shift) * 0.82
        for ink, count, size, depth in ((2, 8, 0.34, 0.5), (0, 8, 0.26, 0.4), (1, 4, 0.22, 0.6)):
            cloth.lay(ink, cloth.inside(petals(x, y, count, size, depth, 0.0)))
        cloth.lay(0, cloth.inside(petals(x, y, 8, 0.1, 0.35, math.pi / 2)))
        cloth.lay(4, cloth.inside(radius(x, y) - 0.045))
    ribbon = abs(centred(cloth.u + 0.09 * np.sin(2 * math.pi * cloth.v) + 0.25) * 1.0)
    cloth.lay(2, 0.6 * cloth.inside(abs(ribbon - 0.02) - 0.006))


TERRAZZO_CHIPS = 6  # along each side of a repeat


def terrazzo(cloth: Cloth) -> None:
    side = 700
    masks = [Image.new("L", (side, side)) for _ in range(4)]
    for number in range(TERRAZZO_CHIPS**2):
        place = np.array(divmod(number, TERRAZZO_CHIPS)) + cloth.random.uniform(0.1, 0.9, 2)
        centre = place / TERRAZZO_CHIPS
        angles = np.arange(6) + cloth.random.uniform(-0.4, 0.4, 6)
        reach = cloth.random.uniform(0.035, 0.11) * cloth.random.uniform(0.7, 1.1, 6)
        corners = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], axis=1) + centre
        for wrap in ((0, 0), (1, 0), (0, 1), (1, 1), (-1, 0), (0, -1)):
            points = [tuple(point) for point in (corners + wrap) * side]
            ImageDraw.Draw(masks[cloth.random.integers(4)]).polygon(points, fill=255)
    column = (cloth.u * side).astype(int) % side
    row = (cloth.v * side).astype(int) % side
    for ink, mask in enumerate(masks, start=1):
        small = np.asarray(mask, dtype=np.float32) / 255
        cloth.lay(ink, small[row, column])


def seigaiha(cloth: Cloth) -> None:
    """Waves of the blue sea: rows of rings, each row in front of the one above."""
    rows = 4 * cloth.v
    for below in (-1, 0, 1, 2):
        row = step(rows) + below
        away = radius(centred(cloth.u + 0.5 * (row % 2)), (rows - row) / 4)
        for ink, edge in ((1, 0.5), (0, 0.465), (2, 0.37), (0, 0.335), (3, 0.24), (0, 0.205)):
            cloth.lay(ink, cloth.inside(away - edge))
        cloth.lay(1, cloth.inside(away - 0.1))


def leaves(cloth: Cloth) -> None:
    for shift, lean in ((0.0, 0.75), (0.5, -0.75)):
        x, y = centred(cloth.u + shift), centred(cloth.v + shift)
        along, across = x * math.cos(lean) + y * math.sin(lean), y * math.cos(lean)
        across = across - x * math.sin(lean)
        leaf = np.maximum(radius(across - 0.22, along), radius(across + 0.22, along)) - 0.36
        cloth.lay(1 if lean > 0 else 2, cloth.inside(leaf))
        veins = abs(centred(9 * (along - abs(across)))) - 0.1
        cloth.lay(0, 0.55 * cloth.inside(np.maximum(veins / 9, leaf + 0.02)))
        cloth.lay(0, cloth.inside(np.maximum(abs(across) - 0.008, leaf)))
        berry = radius(centred(cloth.u + shift + 0.5), centred(cloth.v + shift)) - 0.045
        cloth.lay(4, cloth.inside(berry))


def trellis(cloth: Cloth) -> None:
    u, v = cloth.u * 1.4, cloth.v * 0.7
    swing = 0.5 * np.cos(2 * math.pi * v)
    for way in (1, -1):
        line = abs(centred(u + way * swing)) * 0.6
        cloth.lay(1, cloth.inside(line - 0.05))
        cloth.lay(2, cloth.inside(line - 0.018))
    for shift in (0.0, 0.5):
        x, y = centred(u + shift), centred(v + shift)
        cloth.lay(3, cloth.inside(petals(x, y, 4, 0.13, 0.6, 0.0)))
        cloth.lay(4, cloth.inside(radius(x, y) - 0.035))


def basketweave(cloth: Cloth) -> None:
    upright = (step(2 * cloth.u) + step(2 * cloth.v)) % 2
    for ink, axis, shown in ((1, cloth.u, upright), (2, cloth.v, 1 - upright)):
        bars = abs(centred(6 * axis))
        cloth.lay(ink, shown * cloth.inside((bars - 0.42) / 6))
        cloth.lay(0, 0.35 * shown * cloth.inside((abs(bars - 0.2) - 0.05) / 6))


def shippo(cloth: Cloth) -> None:
    """Seven treasures: circles that overlap by quarters into petals and stars."""
    inner = radius(centred(cloth.u), centred(cloth.v))
    outer = radius(centred(cloth.u + 0.5), centred(cloth.v + 0.5))
    cloth.lay(1, cloth.inside(np.maximum(inner, outer) - 0.5))
    for ring in (inner, outer):
        cloth.lay(0, cloth.inside(abs(ring - 0.5) - 0.016))
        cloth.lay(4, cloth.inside(ring - 0.055))


MOTIFS: dict[str, Motif] = {
    "argyle": argyle,
    "basketweave": basketweave,
    "chevron": chevron,
    "damask": damask,
    "florals": florals,
    "gingham": gingham,
    "herringbone": herringbone,
    "houndstooth": houndstooth,
    "ikat": ikat,
    "leaves": leaves,
    "paisley": paisley,
    "polka dots": polka_dots,
    "seigaiha": seigaiha,
    "shippo": shippo,
    "stripes": stripes,
    "tartan": tartan,
    "terrazzo": terrazzo,
    "trellis": trellis,
}
