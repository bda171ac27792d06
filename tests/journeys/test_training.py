"""From a catalogue to an encoder of one's own that answers: trained, added, used, measured."""

import csv
import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from local.motifs import MOTIFS
from lookalike.cards import ModelCard
from tests.journeys.conftest import PATIENCE_SECONDS, Laptop

TINY = {
    "arch": "mobilenet_v3_small",
    "size": "48",
    "dimension": "16",
    "prefixes": "8",
    "steps": "2",
    "batch": "16",
    "each": "2",
    "precision": "fp32",
    "validation-share": "0.34",  # a colourway of each design
}
COLOURWAYS = 3  # pictures of one design, as few as two can be learnt from and one held out


def run(laptop: Laptop, module: str, *arguments: str | Path) -> str:
    """What a module says that is run as a command."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**laptop.environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def designs(laptop: Laptop) -> Path:
    """The table training asks for, made of the catalogue's own: one label for each design."""
    with (laptop.pictures / "labels.csv").open(newline="", encoding="utf-8") as text:
        rows = [(row["key"], row["design"]) for row in csv.DictReader(text)]
    table = laptop.pictures / "designs.csv"
    with table.open("w", newline="", encoding="utf-8") as text:
        csv.writer(text).writerows([("path", "label"), *rows])
    return table


def lookalike(laptop: Laptop, *arguments: str | Path) -> str:
    done = laptop.run(*arguments, "--data", laptop.data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def smaller(picture: Path, to: Path) -> Path:
    """As somebody else has it: another size, saved again."""
    with Image.open(picture) as opened:
        opened.resize((opened.width // 2, opened.height // 2)).save(to, quality=60)
    return to


def test_an_encoder_trained_on_ones_own_labels_comes_to_answer(laptop: Laptop) -> None:
    run(laptop, "local.fabrics", laptop.pictures, "--count", str(COLOURWAYS * len(MOTIFS)))
    asked = smaller(laptop.pictures / "ikat/sand 01.jpg", laptop.folder / "seen elsewhere.jpg")
    options = [part for name, value in TINY.items() for part in (f"--{name}", value)]
    out = laptop.folder / "encoder"

    said = run(
        laptop,
        "training.train",
        *("--labels", designs(laptop), "--out", out, "--model", "fabrics-1"),
        *options,
    )
    lookalike(laptop, "index", laptop.pictures)
    before = json.loads(lookalike(laptop, "search", asked, "--json"))
    added = lookalike(laptop, "models", "add", out / "model")
    lookalike(laptop, "promote", added.strip())
    found = json.loads(lookalike(laptop, "search", asked, "--json"))
    table = lookalike(laptop, "evaluate", laptop.pictures)

    card = ModelCard.read(out / "model")
    assert "metric step=2 metric loss=" in said
    assert f"labels: {len(MOTIFS)}" in card.training_data[1]
    assert card.metrics.keys() >= {"val_recall@1", "val_map@10"}
    assert added == "fabrics-1\n"
    assert before["model"] != "fabrics-1"
    assert found["model"] == "fabrics-1"
    assert found["results"][0]["key"] == "ikat/sand 01.jpg"
    assert "| fabrics-1 |" in table
