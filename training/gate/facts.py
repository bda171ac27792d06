"""What a picture is like without any encoder, to see where one does worse: shape and light."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.described import Vector

OBLONG = 1.2  # long side ÷ short side from which a picture is no square any more
MOST_FOLDERS = 20  # of the top level, the largest; more tests would hide what they look for
SHADES = ("dark", "middling", "bright")
REST = "other folders"


def facts(picture: Image.Image) -> Vector:
    """Width ÷ height, and mean luma from 0 to 255; a `Describe` like an encoder's."""
    small = picture.convert("L").resize((32, 32), Image.Resampling.BOX)
    return np.array([picture.width / picture.height, np.asarray(small).mean()], np.float32)


def slices(
    files: Sequence[Path], known: Mapping[Path, Vector], folders: Sequence[str]
) -> dict[str, NDArray[np.bool_]]:
    """By name, which of the files are in it. folders: of each file, "" for none."""
    shape, light = np.stack([known[file] for file in files]).T
    found = {
        "shape: portrait": shape < 1 / OBLONG,
        "shape: square": (shape >= 1 / OBLONG) & (shape <= OBLONG),
        "shape: landscape": shape > OBLONG,
    }
    third = np.searchsorted(np.quantile(light, [1 / 3, 2 / 3]), light, side="left")
    found |= {f"light: {name}": third == i for i, name in enumerate(SHADES)}
    return found | _by_folder(folders)


def _by_folder(folders: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    named = [name for name, _ in Counter(filter(None, folders)).most_common(MOST_FOLDERS)]
    own = np.array([name if name in named else REST for name in folders])
    if not named:
        return {}
    return {f"folder: {name}": own == name for name in [*named, REST] if (own == name).any()}
