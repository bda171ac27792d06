"""A small shop that people clicked in: motifs in several colours, of which they like the motif."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from PIL import Image, ImageDraw

from lookalike.catalogue import image_id_of
from lookalike.interaction_log import Row, stamp

MOTIFS, COLOURS = 12, 9
SIDE = 64
PLACES = 8
ANSWERS = 1_000  # so that the gate has what it asks for: 100 pairs among the latest fifth
HOURS = 240


def key(motif: int, colour: int) -> str:
    return f"{motif:02}/{colour}.jpg"


def picture(motif: int, colour: int, hue: int = 0) -> Image.Image:
    """Colour is what one sees first; the motif is what people want. hue: so far off the colour."""
    hue += 360 * colour // COLOURS
    drawn = Image.new("RGB", (SIDE, SIDE), f"hsl({hue}, 70%, 60%)")
    draw = ImageDraw.Draw(drawn)
    ink = f"hsl({hue}, 70%, 30%)"
    for across in range(0, SIDE, 16):
        for down in range(0, SIDE, 16):
            _mark(draw, motif, across, down, ink)
    return drawn


def _mark(draw: ImageDraw.ImageDraw, motif: int, x: int, y: int, ink: str) -> None:
    box = (x + 3, y + 3, x + 12, y + 12)
    width = 2 + motif // 4
    match motif % 4:
        case 0:
            draw.ellipse(box, outline=ink, width=width)
        case 1:
            draw.rectangle(box, outline=ink, width=width)
        case 2:
            draw.line(box, fill=ink, width=width)
        case _:
            draw.line((x, y + 8, x + 16, y + 8), fill=ink, width=width)


def catalogue(folder: Path) -> None:
    for motif in range(MOTIFS):
        for colour in range(COLOURS):
            path = folder / key(motif, colour)
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(motif, colour).save(path, "JPEG", quality=90)


def log(
    folder: Path,
    *,
    answers: int = ANSWERS,
    sessions: int = 150,
    liked: Sequence[int] = (0, 0),
    until: datetime | None = None,
) -> None:
    """Rows as the laptop writes them. liked: how far off a motif may be, and be clicked."""
    until = until or datetime.now(UTC)
    days: dict[str, list[str]] = {}
    for row in _rows(answers, sessions, liked, until - timedelta(hours=HOURS)):
        days.setdefault(str(row["received_at"])[:10], []).append(json.dumps(row))
    for day, those in days.items():
        file = folder / f"dt={day}" / "interactions.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(those) + "\n")


def _rows(answers: int, sessions: int, liked: Sequence[int], start: datetime) -> Iterator[Row]:
    chance = random.Random(0)
    every = [(motif, colour) for motif in range(MOTIFS) for colour in range(COLOURS)]
    for number in range(answers):
        at = start + timedelta(hours=HOURS) * (number / answers) * 0.99
        anchor = chance.choice(every)
        same = [one for one in every if one[0] == anchor[0] and one != anchor]
        others = [one for one in every if one[0] != anchor[0]]
        shown = chance.sample(same, 4) + chance.sample(others, PLACES - 4)
        chance.shuffle(shown)
        query = UUID(int=chance.getrandbits(128), version=4)
        for place, seen in enumerate(shown, 1):
            wanted = (seen[0] - anchor[0]) % MOTIFS in range(liked[0], liked[1] + 1)
            clicked = wanted and chance.random() < 1.2 / (1 + 0.2 * place)
            for kind in ["impression", "click"] if clicked else ["impression"]:
                happened = at + timedelta(seconds=5 * place)
                yield {
                    "event_id": str(UUID(int=chance.getrandbits(128), version=4)),
                    "type": kind,
                    "query_id": str(query),
                    "session_id": f"session-{number % sessions}",
                    "anchor_image_id": image_id_of(key(*anchor)),
                    "image_id": image_id_of(key(*seen)),
                    "position": place,
                    "slot": "organic",
                    "propensity": 1.0,
                    "model": "default-1",
                    "policy": "ranked",
                    "dwell_ms": None,
                    "issued_at": stamp(at),
                    "occurred_at": stamp(happened),
                    "received_at": stamp(happened + timedelta(seconds=3)),
                    "source": "laptop",
                    "viewer": "laptop",
                }
