"""Pictures that nobody else has: drawn from a name, so that each run has its own."""

import io
import random
import zlib

from PIL import Image, ImageDraw

SIZE = (240, 180)
SHAPES = 14


def draw(name: str) -> Image.Image:
    """Shapes that another name does not have; the same name gives the same pixels."""
    chance = random.Random(name)
    picture = Image.new("RGB", SIZE, _colour(chance))
    pen = ImageDraw.Draw(picture)
    for _ in range(SHAPES):
        x, y = chance.randrange(SIZE[0]), chance.randrange(SIZE[1])
        box = (x, y, x + chance.randrange(20, 120), y + chance.randrange(20, 120))
        shape = chance.choice((pen.ellipse, pen.rectangle))
        shape(box, fill=_colour(chance))
    return picture


def half_and_half(left: Image.Image, right: Image.Image) -> Image.Image:
    picture = Image.new("RGB", (2 * SIZE[0], SIZE[1]))
    picture.paste(left, (0, 0))
    picture.paste(right, (SIZE[0], 0))
    return picture


def altered(picture: Image.Image) -> Image.Image:
    """Much like it, and not the same picture."""
    changed = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    ImageDraw.Draw(changed).rectangle((0, 0, 80, 60), fill="white")
    return changed


def jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()


def too_many_pixels() -> bytes:
    """A PNG of 60,000 × 60,000 pixels, as far as its header goes."""
    file = io.BytesIO()
    Image.new("1", (8, 8)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = (60_000).to_bytes(4) * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    return bytes(data)


def _colour(chance: random.Random) -> tuple[int, int, int]:
    return chance.randrange(256), chance.randrange(256), chance.randrange(256)
