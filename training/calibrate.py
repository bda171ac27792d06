"""Thresholds of a model card from labelled pictures: what is a duplicate, and what is no match."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike import calibration, images
from lookalike.cards import CARD_NAME, ModelCard, Thresholds
from lookalike.encoder import Encoder
from training import metrics, pictures
from training.pictures import Labelled

DIFFERENT_SPARED = 0.999  # of pairs of different pictures of one class: they must not be stacked
GOOD_MATCHES_KEPT = 0.998  # of the true matches among the first ten, at or above the floor
SMALL_CATALOGUE = 300  # pictures; its good matches lie farther away than those of thousands
DRAWS = 20  # of small catalogues
COPIED = 300  # pictures whose near copies are made
AT_LEAST = 256  # pixels; decode pictures no smaller than this

Similar = NDArray[np.float32]  # (queries, gallery) cosines
Same = NDArray[np.bool_]  # (queries, gallery): of one label, and not the same picture


def calibrated(folder: Path, data: Path) -> ModelCard:
    """Find the thresholds on pictures that were not tested on, and write them into the card.

    grocery81's validation split decides on duplicates: its classes hold many different pictures of
    one thing. The floor must also suit clothing17, of whose labels the encoder was told nothing,
    and catalogues of a few hundred pictures: nobody minds one more weak result at the end.
    """
    encoder = Encoder(folder)
    val, train = pictures.grocery(data, "val"), pictures.grocery(data, "train")
    shown = decoded(val)
    vectors = encoder.encode(shown)
    groceries = compared(vectors, encoder.encode(decoded(train)), val, train)
    clothes = pictures.clothing(data)
    worn = encoder.encode(decoded(clothes))
    garments = compared(worn, worn, clothes, clothes)
    copies = calibration.copy_similarities(encoder, shown[:COPIED], vectors[:COPIED])

    duplicate = float(np.quantile(groceries[0][groceries[1]], DIFFERENT_SPARED))
    floor = min(floor_of(*groceries), floor_of(*garments))
    return rewritten(
        encoder.card,
        folder,
        Thresholds(calibration.rounded(duplicate), calibration.rounded(floor)),
        {
            "near_copies_above_duplicate": share(copies >= duplicate),
            "same_class_above_duplicate": share(groceries[0][groceries[1]] >= duplicate),
            "grocery_matches_above_floor": share(good_matches(*groceries) >= floor),
            "clothing_matches_above_floor": share(good_matches(*garments) >= floor),
            "grocery_other_class_above_floor": share(groceries[0][~groceries[1]] >= floor),
        },
    )


def decoded(files: Sequence[Labelled]) -> list[Image.Image]:
    return [images.decode(file.path.read_bytes(), AT_LEAST).pixels for file in files]


def compared(
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    queries: Sequence[Labelled],
    gallery: Sequence[Labelled],
) -> tuple[Similar, Same]:
    """Cosines and same labels; pictures of one contributor are left out, being of one session."""
    similar = ours @ theirs.T
    wanted, labels = (np.array([file.label for file in side]) for side in (queries, gallery))
    asking, asked = (np.array([file.group for file in side]) for side in (queries, gallery))
    one_session = (asking[:, None] == asked[None, :]) & (asking != "")[:, None]
    return np.where(one_session, -1, similar), (wanted[:, None] == labels[None, :]) & ~one_session


def floor_of(similar: Similar, same: Same) -> float:
    """The cosine that GOOD_MATCHES_KEPT of the good matches reach in small catalogues, on average.

    Measured on clothing17: 0.38 if the catalogue is all 2,308 pictures, 0.29 if 600, 0.25 if 300.
    """
    chance = np.random.default_rng(0)
    floors = []
    for _ in range(DRAWS):
        size = min(SMALL_CATALOGUE, similar.shape[1])
        few = chance.choice(similar.shape[1], size, replace=False)
        good = good_matches(similar[:, few], same[:, few])
        floors.append(np.quantile(good, 1 - GOOD_MATCHES_KEPT))
    return float(np.mean(floors))


def good_matches(similar: Similar, same: Same, first: int = 10) -> NDArray[np.float32]:
    """Cosines of the true matches among the first ten results of every query, in one row."""
    order = metrics.nearest_of(similar, first)
    hits = np.take_along_axis(same, order, axis=1)
    return np.asarray(np.take_along_axis(similar, order, axis=1)[hits])


def rewritten(
    card: ModelCard, folder: Path, thresholds: Thresholds, seen: dict[str, float]
) -> ModelCard:
    card = replace(
        card,
        thresholds=thresholds,
        metrics={**card.metrics, **seen},
        notes="Thresholds calibrated on grocery81's validation against its train split and on "
        f"clothing17 across contributors; the floor on catalogues of {SMALL_CATALOGUE} pictures.",
    )
    (folder / CARD_NAME).write_text(card.to_json(), encoding="utf-8")
    return card


def share(passed: NDArray[np.bool_]) -> float:
    return round(float(passed.mean()), 4)
