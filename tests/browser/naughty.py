"""Names that bite whoever takes them for more than text, drawn by a seed."""

import random
from collections.abc import Iterator

from tests.browser.payloads import BREAKS, RUNS, SHAPES

LONGEST = 255  # bytes of a file name, where folders hold pictures
DEEPEST = 600  # bytes of a whole key: below what a system takes for a path
SUFFIX = ".jpg"


def texts(count: int, seed: int) -> tuple[str, ...]:
    """So many different ones, the same for the same seed: shapes first, then payloads in breaks.

    They are texts as tags and campaigns may be; `as_key` makes names of files of them.
    """
    chance = random.Random(seed)
    found = dict.fromkeys([*(one for shape in SHAPES.values() for one in shape), *RUNS])
    while len(found) < count:
        found[_surrounded(chance)] = None
    return tuple(found)[:count] if count < len(found) else tuple(found)


def _surrounded(chance: random.Random) -> str:
    before = chance.choice(["", "", "a ", "\u202e", "red 01", "%22"])
    payload = chance.choice(RUNS)
    if chance.random() < 0.3:
        payload = "".join(chance.choice([letter.lower(), letter.upper()]) for letter in payload)
    return before + chance.choice(BREAKS) + payload + chance.choice(["", "", "<!--", " x='", "\\"])


def as_key(text: str) -> str:
    """The text as the path of a picture: each part one that a folder takes, and is not hidden."""
    parts = [_part(part, LONGEST) for part in text.split("/")]
    key = "/".join([*parts[:-1], _part(parts[-1], LONGEST - len(SUFFIX)) + SUFFIX])
    return key if len(key.encode()) <= DEEPEST else _part(key.replace("/", "∕"), 200) + SUFFIX


def _part(part: str, longest: int) -> str:
    """Undecodable bytes are shown as four bytes each and stand for one: too short does no harm."""
    shown = part if part and not part.startswith(".") else f"_{part}"
    return shown.encode()[:longest].decode(errors="ignore")


def of_each_family(seed: int) -> Iterator[tuple[str, str]]:
    """One text of every family, with the family's name."""
    chance = random.Random(seed)
    yield from ((family, chance.choice(shape)) for family, shape in SHAPES.items())
    yield "elements", chance.choice(RUNS)
