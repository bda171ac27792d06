"""Draw the fabric catalogue: a few hundred textiles to demonstrate and test with.

python -m local.fabrics DIR [--count 300] [--seed 7]
"""

import argparse
import csv
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, astuple, dataclass, replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from local.cloth import Cloth
from local.motifs import MOTIFS

# Ground, main ink and three companions.
PALETTES = {
    "indigo": "f2ede1 1f2f56 4f6e9c 9db4c9 c9a66b",
    "terracotta": "f4e6d6 b4532f d98a5b 6b3a2a 2f5a5a",
    "forest": "efe9d8 24452f 5b7a4a a8b67a c9893a",
    "blush": "fbeee8 cf7a80 b85c6e 7a3b4b e2b48c",
    "mustard": "f7efd8 d49a22 8a5a1c 3f3a36 9fae9f",
    "ocean": "e8f3f2 0f6b78 3aa6a6 0b3c49 f2a65a",
    "plum": "f1e7ee 5b2a52 8e4a7e c58fb3 d8b24a",
    "charcoal": "ebe8e2 2b2d31 5c6066 9a9ea3 c4402f",
    "cherry": "fff5ec c3202f 7d1420 efb0a0 274060",
    "mint": "f2f8ef 6fae8e 3f7f6b f3c1a6 e07a5f",
    "sunset": "fdecd6 ef8648 d1495b 66304f edae49",
    "sand": "f4ebdb c2a478 98774d 5f4b32 7f9a93",
    "lavender": "f4f1fa 8578bd 5a4d8f c3b8e6 e2b05a",
    "midnight": "141b33 e9d8a6 5d7aa8 c26a77 f4f1e8",
    "emerald": "0e3b34 e8c872 4f9f8a f1ead8 c5613b",
    "ember": "2b1b1c d9703c f0d9b5 9c4334 7f9f98",
}
SIZES = [(560, 560), (600, 480), (480, 600), (640, 480), (512, 512)]
ANGLES = [0, 0, 0, 0, 45, 30, -20, 12]  # degrees; most cloth is photographed straight
COLOURWAYS = 3  # palettes of one design
QUALITY = 85
COPY_EVERY = 12  # one picture in twelve has a near-duplicate
SPONSORED = {4: "autumn-cottons", 11: "linen-week"}  # by place in the plan
BLOCKED = 25
MARKER = ".fabrics.json"  # written last: the catalogue is complete
LABELS = "labels.csv"


@dataclass(frozen=True)
class Label:
    key: str
    motif: str
    palette: str
    design: str


@dataclass(frozen=True)
class Fabric:
    """One picture to draw. place: its position in the plan, which seeds its light and noise."""

    label: Label
    place: int
    size: tuple[int, int]
    design_seed: tuple[int, ...]  # shared by the colourways of a design

    def draw(self, seed: int) -> Image.Image:
        random = np.random.default_rng((seed, *self.design_seed))
        repeat, degrees = random.uniform(62, 170), int(random.choice(ANGLES))
        inks = [
            (ink >> 16 & 255, ink >> 8 & 255, ink & 255)
            for ink in (int(colour, 16) for colour in PALETTES[self.label.palette].split())
        ]
        shades = [(red / 255, green / 255, blue / 255) for red, green, blue in inks]
        cloth = Cloth(self.size, repeat, degrees, shades, random)
        MOTIFS[self.label.motif](cloth)
        return cloth.photograph(np.random.default_rng((seed, self.place)), bool(random.integers(2)))

    def sidecar(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"tags": [self.label.motif, self.label.palette]}
        if self.design_seed[-1] % 2 == 0:  # not every shop knows which colourways belong together
            facts["group"] = self.label.design
        if self.place in SPONSORED:
            facts["sponsored"] = {"campaign": SPONSORED[self.place], "starts": None, "ends": None}
        if self.place == BLOCKED:
            facts["blocked"] = True
        return facts


def plan(count: int, seed: int) -> Iterator[Fabric]:
    """Round after round over all motifs, so that a small catalogue is varied too."""
    names, palettes = list(MOTIFS), list(PALETTES)
    for place in range(count):
        turn, motif = divmod(place, len(names))
        design, colourway = divmod(turn, COLOURWAYS)
        start = int(np.random.default_rng((seed, motif, design, 1)).integers(len(palettes)))
        palette = palettes[(start + 5 * colourway) % len(palettes)]
        suffix = ".png" if place % 31 == 7 else ".webp" if place % 11 == 5 else ".jpg"
        key = f"{names[motif]}/{palette} {turn + 1:02d}{suffix}"
        label = Label(key, names[motif], palette, f"{names[motif]}-{design + 1}")
        yield Fabric(label, place, SIZES[place % len(SIZES)], (motif, design))


def encoded(picture: Image.Image, suffix: str, **options: Any) -> bytes:
    file = BytesIO()
    kind = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".gif": "GIF"}[suffix]
    picture.save(file, kind, **({"quality": QUALITY} | options))
    return file.getvalue()


def near_duplicate(picture: Image.Image, place: int) -> tuple[str, bytes]:
    """A copy as they happen: saved again, made smaller, or with its edges cut off."""
    width, height = picture.size
    kind = place // COPY_EVERY % 3
    if kind == 0:
        return "copy", encoded(picture, ".jpg", quality=50)
    if kind == 1:
        return "small", encoded(picture.resize((width * 3 // 5, height * 3 // 5)), ".jpg")
    edge = width // 40
    return "cut", encoded(picture.crop((edge, edge, width - edge, height - edge)), ".jpg")


def files_of(fabric: Fabric, seed: int) -> Iterator[tuple[Label, bytes, dict[str, Any]]]:
    """The picture, and its near-duplicate where it has one."""
    picture = fabric.draw(seed)
    stem, _, suffix = fabric.label.key.rpartition(".")
    yield fabric.label, encoded(picture, f".{suffix}"), fabric.sidecar()
    if fabric.place % COPY_EVERY == 0:
        word, data = near_duplicate(picture, fabric.place)
        label = replace(fabric.label, key=f"{stem} {word}.jpg")
        yield label, data, {"tags": fabric.sidecar()["tags"]}


def oddities(fabrics: list[Fabric], seed: int) -> Iterator[tuple[Label, bytes, dict[str, Any]]]:
    """Pictures that look broken to careless code, and are fine."""
    sideways, printed, moving, named = (
        (fabric.label, fabric.draw(seed)) for fabric in (fabrics * 4)[:4]
    )
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = sideways[1].transpose(Image.Transpose.ROTATE_90)
    frames = [moving[1].resize((320, 320)), moving[1].resize((320, 320)).convert("L")]
    gif = encoded(frames[0], ".gif", save_all=True, append_images=frames[1:], duration=400)
    for (label, _), key, data in (
        (sideways, "odd/sideways.jpg", encoded(turned, ".jpg", exif=exif)),
        (printed, "odd/for print.jpg", encoded(printed[1].convert("CMYK"), ".jpg")),
        (moving, "odd/moving.gif", gif),
        (named, "odd/cream + cherry 🍒.jpg", encoded(named[1].rotate(180), ".jpg")),
    ):
        yield replace(label, key=key), data, {"tags": [label.motif, label.palette]}


def broken(fabrics: list[Fabric], seed: int) -> dict[str, bytes]:
    """Files that no one can show, as every real folder has them."""
    whole = encoded(fabrics[0].draw(seed), ".jpg")
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9"/></svg>'
    )
    return {
        "broken/truncated.jpg": whole[: len(whole) // 2],
        "broken/empty.jpg": b"",
        "broken/shopping list.jpg": b"thread, needles, two metres of linen\n",
        "broken/logo.svg": drawing.encode(),
    }


def draw_catalogue(folder: Path, count: int = 300, seed: int = 7) -> int:
    """Write the catalogue and return how many pictures can be read; drawn already, it stays."""
    wanted = {"count": count, "seed": seed, "version": 1}
    marker = folder / MARKER
    written = json.loads(marker.read_bytes()) if marker.exists() else {}
    if written.get("drawn") == wanted:
        return int(written["readable"])
    for key in written.get("files", []):
        (folder / key).unlink(missing_ok=True)
    labels, files = _write_all(folder, count, seed)
    _write(folder, LABELS, _as_csv(labels))
    facts = {"drawn": wanted, "readable": len(labels), "files": [*files, LABELS]}
    _write(folder, MARKER, json.dumps(facts, ensure_ascii=False, indent=1).encode())
    return len(labels)


def _write_all(folder: Path, count: int, seed: int) -> tuple[list[Label], list[str]]:
    fabrics = list(plan(count, seed))
    labels: list[Label] = []
    files: list[str] = []

    def put(label: Label, data: bytes, sidecar: dict[str, Any]) -> None:
        _write(folder, label.key, data)
        _write(folder, f"{label.key}.metadata.json", json.dumps(sidecar, indent=2).encode())
        labels.append(label)
        files.extend([label.key, f"{label.key}.metadata.json"])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for made in pool.map(lambda fabric: list(files_of(fabric, seed)), fabrics):
            for picture in made:
                put(*picture)
    for picture in oddities(fabrics, seed):
        put(*picture)
    for key, data in broken(fabrics, seed).items():
        _write(folder, key, data)
        files.append(key)
    return labels, files


def _write(folder: Path, key: str, data: bytes) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _as_csv(labels: list[Label]) -> bytes:
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(asdict(labels[0]))
    rows.writerows(astuple(label) for label in labels)
    return text.getvalue().encode()


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the fabric catalogue.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    readable = draw_catalogue(arguments.folder, arguments.count, arguments.seed)
    print(f"{readable} fabrics in {arguments.folder}")


if __name__ == "__main__":
    main()
