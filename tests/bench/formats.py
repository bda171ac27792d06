"""The largest pictures that are accepted, one for each way in which a format takes memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image


@dataclass(frozen=True, slots=True)
class Case:
    """side: pixels; a little more of it is refused (lookalike/limits.py says by which rule)."""

    name: str
    format: str
    mode: str
    side: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """A gradient: its content costs no memory, its size does."""
        small = Image.radial_gradient("L")
        picture = small.resize((self.side, self.side)).convert(self.mode)
        path = folder / f"{self.name.replace(' ', '-')}.{self.format.lower()}"
        picture.save(path, self.format, **self.options)
        return path


CASES = (
    Case("JPEG, baseline", "JPEG", "RGB", 7_000),
    Case("JPEG, progressive 4:4:4", "JPEG", "RGB", 6_300, {"progressive": True, "subsampling": 0}),
    Case("JPEG, CMYK", "JPEG", "CMYK", 7_000),
    Case("PNG, RGB", "PNG", "RGB", 7_000, {"compress_level": 1}),
    Case("PNG, RGBA", "PNG", "RGBA", 7_000, {"compress_level": 1}),
    Case("PNG, 16-bit grey", "PNG", "I;16", 7_000, {"compress_level": 1}),
    Case("PNG, palette", "PNG", "P", 7_000, {"compress_level": 1, "transparency": 0}),
    Case("GIF", "GIF", "P", 7_000),
    Case("BMP", "BMP", "RGB", 4_700),
    Case("TIFF, LZW", "TIFF", "RGB", 6_000, {"compression": "tiff_lzw"}),
    Case("WebP, lossless", "WEBP", "RGBA", 3_800, {"lossless": True, "quality": 0, "method": 0}),
    Case("AVIF", "AVIF", "RGB", 4_100, {"speed": 10}),
)
