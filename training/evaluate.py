"""Measure a model as it serves: python -m training.evaluate --model FOLDER [--data DIR]."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike import images
from lookalike.cards import CARD_NAME, ModelCard
from lookalike.encoder import Encoder
from training import metrics, pictures
from training.metrics import Scores, Vectors
from training.pictures import Labelled

AT_LEAST = 320  # pixels; decode pictures no smaller than this
BINS = 8  # per colour channel of the histogram, as in the baseline of the data's README
UNSEEN_FROM = 41  # classes 41–80: disjoint from training only if their labels were held back
COLUMNS = ("recall@1", "recall@5", "recall@10", "map@10")

Describe = Callable[[Sequence[Image.Image]], Vectors]


@dataclass(frozen=True)
class Protocol:
    """Queries that look for pictures of their own label in a gallery.

    others_only: never find a picture of the query's own group, nor the query itself.
    """

    name: str
    queries: list[Labelled]
    gallery: list[Labelled]
    others_only: bool = False


@dataclass(frozen=True)
class Measured:
    """scores: by metric, one number a query."""

    protocol: Protocol
    encoder: str
    scores: dict[str, Scores]


def protocols(data: Path, split: str) -> list[Protocol]:
    """split: val while something is still being chosen, test once nothing is."""
    queries, train = pictures.grocery(data, split), pictures.grocery(data, "train")
    iconic, clothes = pictures.grocery(data, "iconic"), pictures.clothing(data)
    unseen = set(pictures.grocery_classes(data)[UNSEEN_FROM:])
    every = [
        Protocol(f"grocery {split}→train", queries, train),
        Protocol(f"grocery {split}→iconic", queries, iconic),
        Protocol(f"grocery {split}→train, 41–80", of(queries, unseen), of(train, unseen)),
        Protocol("clothing, other contributors", clothes, clothes, others_only=True),
    ]
    return [protocol for protocol in every if protocol.queries and protocol.gallery]


def of(files: list[Labelled], labels: set[str]) -> list[Labelled]:
    return [file for file in files if file.label in labels]


def histogram(some: Sequence[Image.Image]) -> Vectors:
    """The floor under every encoder: joint RGB histogram of 8 × 8 × 8 bins, its root, unit length.

    The cosine of the roots is the Bhattacharyya coefficient.
    """
    rows = []
    for picture in some:
        bins = np.asarray(picture.convert("RGB")).reshape(-1, 3) // (256 // BINS)
        counts = np.bincount(bins @ [BINS * BINS, BINS, 1], minlength=BINS**3)
        rows.append(np.sqrt(counts / counts.sum()))
    return np.asarray(rows, np.float32)


def described(describe: Describe, files: Sequence[Labelled]) -> dict[Path, NDArray[np.float32]]:
    """Every file's vector; one picture is in memory at a time."""
    vectors = {}
    for file in files:
        picture = images.decode(file.path.read_bytes(), AT_LEAST).pixels
        vectors[file.path] = describe([picture])[0]
    return vectors


def measure(protocol: Protocol, encoder: str, vectors: dict[Path, NDArray[np.float32]]) -> Measured:
    queries = np.stack([vectors[file.path] for file in protocol.queries])
    gallery = np.stack([vectors[file.path] for file in protocol.gallery])
    wanted, labels = metrics.labels_to_numbers(
        [file.label for file in protocol.queries], [file.label for file in protocol.gallery]
    )
    same = wanted[:, None] == labels[None, :]
    allowed = other_groups(protocol) if protocol.others_only else np.ones_like(same)
    total = (same & allowed).sum(axis=1)
    found = metrics.nearest(queries, gallery, 10, allowed)
    relevant = np.where(found >= 0, np.take_along_axis(same, np.maximum(found, 0), axis=1), False)
    answerable = total > 0  # a query without any right answer measures nothing
    scores = metrics.summary(relevant[answerable], total[answerable])
    return Measured(protocol, encoder, scores)


def other_groups(protocol: Protocol) -> NDArray[np.bool_]:
    """(queries, gallery): may it be found? Not by its own contributor."""
    asking = np.array([file.group for file in protocol.queries])
    asked = np.array([file.group for file in protocol.gallery])
    return np.asarray(asking[:, None] != asked[None, :])


def shortened(
    vectors: dict[Path, NDArray[np.float32]], dimension: int
) -> dict[Path, NDArray[np.float32]]:
    """The first dimensions alone, unit length again."""
    return {
        path: vector[:dimension] / np.linalg.norm(vector[:dimension])
        for path, vector in vectors.items()
    }


def table(rows: Sequence[Measured]) -> str:
    """Markdown, in %, with 95 % bootstrap intervals."""
    lines = [
        f"| protocol | encoder | queries | {' | '.join(COLUMNS)} |",
        "|---|---|---|" + "---|" * len(COLUMNS),
    ]
    for row in rows:
        cells = [cell(row.scores[name]) for name in COLUMNS]
        queries = len(row.scores[COLUMNS[0]])
        lines.append(f"| {row.protocol.name} | {row.encoder} | {queries} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(scores: Scores) -> str:
    low, high = metrics.interval(scores)
    return f"{100 * scores.mean():.1f} ({100 * low:.1f}–{100 * high:.1f})"


def evaluate(model: Path, data: Path, split: str, limit: int = 0) -> list[Measured]:
    """The model, a prefix of its dimensions, and the histogram, on every protocol.

    limit: of queries and gallery each, for a quick try; 0 is all.
    """
    encoder = Encoder(model)
    chosen = [thinned(protocol, limit) for protocol in protocols(data, split)]
    files = {file.path: file for p in chosen for file in [*p.queries, *p.gallery]}
    vectors = described(encoder.encode, list(files.values()))
    prefix = encoder.card.dimension // 4
    rivals = {
        encoder.card.model: vectors,
        f"{encoder.card.model}, first {prefix} dimensions": shortened(vectors, prefix),
        "RGB histogram": described(histogram, list(files.values())),
    }
    return [measure(p, name, known) for p in chosen for name, known in rivals.items()]


def thinned(protocol: Protocol, limit: int) -> Protocol:
    def some(files: list[Labelled]) -> list[Labelled]:
        return files[:: max(1, len(files) // limit)] if limit else files

    return replace(protocol, queries=some(protocol.queries), gallery=some(protocol.gallery))


def record(rows: Sequence[Measured], folder: Path) -> None:
    """Write the model's own scores into its card, beside what stands there already."""
    card = ModelCard.read(folder)
    found = {
        f"{row.protocol.name} {name}": round(float(row.scores[name].mean()), 4)
        for row in rows
        if row.encoder == card.model
        for name in ("recall@1", "map@10")
    }
    card = replace(card, metrics={**card.metrics, **found})
    (folder / CARD_NAME).write_text(card.to_json(), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of model.onnx, card.json")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--limit", type=int, default=0, help="pictures of each side; 0 is all")
    parser.add_argument("--record", action="store_true", help="write the scores into the card")
    options = parser.parse_args(arguments)
    rows = evaluate(options.model, options.data, options.split, options.limit)
    if options.record:
        record(rows, options.model)
    print(table(rows))


if __name__ == "__main__":
    main()
