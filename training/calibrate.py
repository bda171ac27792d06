"""Thresholds of a model card from labelled pictures: what is a duplicate, and what is no match."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike import calibration
from lookalike.cards import CARD_NAME, ModelCard, Thresholds
from lookalike.encoder import Encoder
from lookalike.errors import LookalikeError
from lookalike.foreign import UnusableModel
from training import labels, pictures
from training.cosines import (
    COPIED,
    Compared,
    Seen,
    compared,
    copies_of,
    decoded,
    described,
    encoded,
    good_matches,
    spread,
)
from training.pictures import Labelled

DIFFERENT_SPARED = 0.999  # of pairs of different pictures of one label: they must not be stacked
GOOD_MATCHES_KEPT = 0.998  # of the true matches among the first ten, at or above the floor
UNRELATED_HIDDEN = 0.99  # of pairs of two labels; the floor need not hide more
SMALL_CATALOGUE = 300  # pictures; its good matches lie farther away than those of thousands
DRAWS = 20  # of small catalogues
FEWEST_PAIRS = (
    50  # comparisons of pictures of one label; below, the 999th of a thousand is anybody's guess
)


def calibrated(folder: Path, data: Path) -> ModelCard:
    """Find the default encoder's thresholds on pictures that were not tested on; write its card.

    grocery81's validation split decides on duplicates: its classes hold many different pictures of
    one thing. The floor must also suit clothing17, of whose labels the encoder was told nothing,
    and catalogues of a few hundred pictures: nobody minds one more weak result at the end.
    """
    encoder = Encoder(folder)
    val, train = pictures.grocery(data, "val"), pictures.grocery(data, "train")
    clothes = pictures.clothing(data)
    vectors = encoded(encoder, [*val, *train, *clothes])
    groceries, garments = compared(vectors, val, train), compared(vectors, clothes, clothes)
    copies = copies_of(encoder, vectors, val)

    duplicate = duplicate_of(groceries)
    floor = min(floor_of(groceries), floor_of(garments))
    return rewritten(
        encoder.card,
        folder,
        Thresholds(calibration.rounded(duplicate), calibration.rounded(floor)),
        {
            "near_copies_above_duplicate": share(copies >= duplicate),
            "same_class_above_duplicate": share(groceries.similar[groceries.same] >= duplicate),
            "grocery_matches_above_floor": share(good_matches(groceries) >= floor),
            "clothing_matches_above_floor": share(good_matches(garments) >= floor),
            "grocery_other_class_above_floor": share(groceries.similar[groceries.other] >= floor),
        },
        "Thresholds calibrated on grocery81's validation against its train split and on "
        f"clothing17 across contributors; the floor on catalogues of {SMALL_CATALOGUE} pictures.",
    )


def calibrate(folder: Path, queries: Sequence[Labelled], gallery: Sequence[Labelled]) -> ModelCard:
    """Find thresholds on labelled pictures, best such as were not trained on; write the card.

    A picture is never compared with itself nor with one of its own group. Two pictures that are
    copies of each other under one label raise the duplicate threshold, never lower it. With fewer
    than FEWEST_PAIRS comparisons within a label the thresholds are found without labels, and the
    notes of the card say so. Unreadable pictures are left out.
    """
    encoder = Encoder(folder)
    return calibrated_on(encoder, folder, described(encoder, queries, gallery))


def calibrated_on(encoder: Encoder, folder: Path, seen: Seen) -> ModelCard:
    pairs = seen.compared()
    same = pairs.similar[pairs.same]
    if len(same) < FEWEST_PAIRS:
        return without_labels(encoder, folder, list(seen.vectors), len(same))
    duplicate = duplicate_of(pairs)
    floor = min(floor_of(pairs), hidden_of(pairs), duplicate)
    copies = copies_of(encoder, seen.vectors, seen.queries)
    return rewritten(
        encoder.card,
        folder,
        Thresholds(calibration.rounded(duplicate), calibration.rounded(floor)),
        {
            "near_copies_above_duplicate": share(copies >= duplicate),
            "same_label_above_duplicate": share(same >= duplicate),
            "matches_above_floor": share(good_matches(pairs) >= floor),
            "other_label_above_floor": share(pairs.similar[pairs.other] >= floor),
        },
        f"Thresholds calibrated on {len(same):,} comparisons of pictures of one label.",
    )


def without_labels(encoder: Encoder, folder: Path, paths: Sequence[Path], same: int) -> ModelCard:
    """What is left where too few pictures share a label: near copies, and pairs by chance."""
    shown = [decoded(path, encoder) for path in spread(paths, COPIED)]
    enough = len(shown) >= calibration.FEWEST
    what = f"{len(shown)} pictures" if enough else f"{calibration.DRAWN} drawn pictures"
    return rewritten(
        encoder.card,
        folder,
        calibration.unlabelled_thresholds(encoder, shown if enough else calibration.drawn()),
        {},
        f"Thresholds calibrated without labels ({same} comparisons within a label are too few), "
        f"on {what} and near copies of them.",
    )


def duplicate_of(pairs: Compared) -> float:
    return float(np.quantile(pairs.similar[pairs.same], DIFFERENT_SPARED))


def hidden_of(pairs: Compared) -> float:
    """The cosine that UNRELATED_HIDDEN of the pairs of two labels stay below.

    A higher floor helps nobody, and labels that hold copies of one picture would ask for one.
    """
    other = pairs.similar[pairs.other]
    return float(np.quantile(other, UNRELATED_HIDDEN)) if len(other) else 1.0


def floor_of(pairs: Compared) -> float:
    """The cosine that GOOD_MATCHES_KEPT of the good matches reach in small catalogues, on average.

    Measured on clothing17: 0.38 if the catalogue is all 2,308 pictures, 0.29 if 600, 0.25 if 300.
    """
    chance = np.random.default_rng(0)
    floors = []
    for _ in range(DRAWS):
        size = min(SMALL_CATALOGUE, pairs.similar.shape[1])
        few = chance.choice(pairs.similar.shape[1], size, replace=False)
        good = good_matches(
            Compared(pairs.similar[:, few], pairs.same[:, few], pairs.other[:, few])
        )
        if len(good):
            floors.append(np.quantile(good, 1 - GOOD_MATCHES_KEPT))
    return float(np.mean(floors)) if floors else -1.0


def rewritten(
    card: ModelCard, folder: Path, thresholds: Thresholds, seen: dict[str, float], note: str
) -> ModelCard:
    """Write the card with the thresholds; the notes on an earlier calibration go."""
    earlier = re.sub(r"Thresholds calibrated .*?\.(\s|$)", "", card.notes)
    card = replace(
        card,
        thresholds=thresholds,
        metrics={**card.metrics, **seen},
        notes=f"{earlier.strip()} {note}".strip(),
    )
    (folder / CARD_NAME).write_text(card.to_json(), encoding="utf-8")
    return card


def share(passed: NDArray[np.bool_]) -> float:
    return round(float(passed.mean()), 4) if passed.size else 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.calibrate", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of model.onnx, card.json")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--pictures", type=Path, help="a folder of folders; each is one label")
    where.add_argument("--labels", type=Path, help="a CSV file of paths and labels")
    options = parser.parse_args(arguments)
    try:
        if not (options.model / CARD_NAME).is_file():
            raise UnusableModel(f"There is no model in {options.model}; give the card's folder.")
        files, missing = (
            (labels.from_folders(options.pictures), [])
            if options.pictures
            else labels.from_csv(options.labels)
        )
        encoder = Encoder(options.model)
        seen = described(encoder, files, files)
        card = calibrated_on(encoder, options.model, seen)
    except LookalikeError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"duplicate {card.thresholds.duplicate} floor {card.thresholds.floor}")
    print(card.notes)
    for name in missing:
        print(f"missing {name}", file=sys.stderr)
    return 3 if missing or seen.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
