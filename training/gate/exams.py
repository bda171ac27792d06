"""Challenger and live before the same questions: held-out clicks, and a gold set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike import calibration, images
from lookalike.encoder import Encoder
from lookalike.errors import ModelUnavailable
from training import protocols
from training.described import Describe, Described, Vector, described
from training.gate import facts, gathering, self_retrieval
from training.gate.held_out import Pair
from training.gate.paired import Paired
from training.gate.ranked import Question, ranked
from training.gate.self_retrieval import HIT_AT, VIEWS
from training.measured import measure
from training.pictures import Labelled

OURS, LIVE, FACTS = "challenger", "live", "facts"
ASKED_OF = 300  # pictures of the catalogue that look for themselves
DRAWN = 24  # drawn pictures among them: the same for every catalogue, and never clicked
DRAWN_FOLDER = "(drawn pictures)"
CLICKS, GOLD = "held-out clicks", "gold set"
CLICKS_METRIC = f"mean hit rate @1 to @{HIT_AT}"
LABELLED_METRIC, ITSELF_METRIC = "map@10", f"hit rate @{HIT_AT}"


@dataclass(frozen=True)
class Both:
    """The two encoders, in the order challenger, live."""

    ours: Encoder
    live: Encoder

    def names(self) -> dict[str, str]:
        return {OURS: self.ours.card.model, LIVE: self.live.card.model}

    def described(self, paths: Sequence[Path], in_views: bool = False) -> Described:
        """Every picture decoded once, for both, and its facts."""
        look = self_retrieval.seen_in_views if in_views else _plain
        asked: dict[str, Describe] = {
            OURS: _surely(look(self.ours), self.ours, in_views),
            LIVE: _surely(look(self.live), self.live, in_views),
            FACTS: facts.facts,
        }
        sizes = (encoder.card.preprocessing.size for encoder in (self.ours, self.live))
        return described(asked, paths, images.enough_for(*sizes))


@dataclass(frozen=True)
class Catalogue:
    """The pictures that are asked about and found. keys: what each readable file is called."""

    keys: dict[Path, str]
    seen: Described

    @classmethod
    def of(cls, both: Both, paths: Mapping[str, Path]) -> "Catalogue":
        """paths: files by key."""
        seen = both.described(list(paths.values()))
        return cls({path: key for key, path in paths.items() if path in seen.sizes}, seen)

    def path_of(self) -> dict[str, Path]:
        return {key: path for path, key in self.keys.items()}

    def gallery(self) -> list[Labelled]:
        return [Labelled(path, key) for path, key in self.keys.items()]

    def slices(self, paths: Sequence[Path]) -> dict[str, NDArray[np.bool_]]:
        folders = [gathering.top_folder(self.keys[path]) for path in paths]
        return facts.slices(paths, self.seen.vectors[FACTS], folders)


def clicked(
    pairs: Sequence[Pair], every: Sequence[Pair], of: Catalogue, names: Mapping[str, str]
) -> Paired:
    """How far up the clicked picture stands when its anchor is asked about, weighted.

    pairs: of which both pictures are in the catalogue. every: all that are known, also those that
    were learnt from: what else looks like an anchor, in either direction, is right too and must not
    stand in the way, least of all in that of the encoder that has learnt it.
    """
    path_of = of.path_of()
    also: dict[str, set[str]] = {}
    for pair in every:
        also.setdefault(pair.anchor, set()).add(pair.clicked)
        also.setdefault(pair.clicked, set()).add(pair.anchor)

    def question(pair: Pair) -> Question:
        anchor, right = path_of[pair.anchor], path_of[pair.clicked]
        known = {path_of[key] for key in also[pair.anchor] if key in path_of}
        return Question(
            anchor, Labelled(anchor, pair.anchor), right, frozenset(known - {right} | {anchor})
        )

    questions = [question(pair) for pair in pairs]
    ours, live = (
        ranked(
            CLICKS, names[who], questions, of.gallery(), of.seen.vectors[who], of.seen.vectors[who]
        )
        for who in (OURS, LIVE)
    )
    return Paired(
        CLICKS,
        CLICKS_METRIC,
        ours.high(HIT_AT),
        live.high(HIT_AT),
        np.array([pair.weight for pair in pairs]),
        numbered([pair.asker for pair in pairs]),
        of.slices([one.asking for one in questions]),
        ours.found,
        live.found,
    )


def itself(both: Both, asked: Sequence[Path], of: Catalogue) -> Paired:
    """Views of these pictures look for them among the catalogue: see `self_retrieval`."""
    seen = both.described(asked, in_views=True)
    names = {path: [path / str(view) for view in range(VIEWS)] for path in seen.sizes}
    questions = [
        Question(view, Labelled(path, of.keys[path]), path)
        for path, views in names.items()
        for view in views
    ]

    def asking(who: str) -> dict[Path, Vector]:
        vectors = seen.vectors[who]
        return {
            view: vector
            for path, views in names.items()
            for view, vector in zip(views, np.split(vectors[path], VIEWS), strict=True)
        }

    ours, live = (
        ranked(GOLD, name, questions, of.gallery(), asking(who), of.seen.vectors[who])
        for who, name in both.names().items()
    )
    shown = [one.shown.path for one in questions]
    return Paired(
        GOLD,
        ITSELF_METRIC,
        ours.hit(HIT_AT),
        live.hit(HIT_AT),
        np.ones(len(questions)),
        numbered([str(path) for path in shown]),
        of.slices(shown),
        ours.found,
        live.found,
    )


def labelled(both: Both, folder: Path) -> Paired:
    """Pictures of one label look for each other, as `training.evaluate` has it."""
    protocol = protocols.of_folders(folder)
    files = {file.path: file for file in [*protocol.queries, *protocol.gallery]}
    seen = both.described(list(files))
    known = protocols.readable(protocol, seen.digests)
    ours, live = (
        measure(known, name, _real(seen.vectors[who])) for who, name in both.names().items()
    )
    asked = [file.path for file in ours.protocol.queries]
    folders = [gathering.top_folder(f"{files[path].label}/") for path in asked]
    return Paired(
        GOLD,
        LABELLED_METRIC,
        ours.scores[LABELLED_METRIC],
        live.scores[LABELLED_METRIC],
        np.ones(len(asked)),
        np.arange(len(asked)),
        facts.slices(asked, seen.vectors[FACTS], folders),
        ours,
        live,
    )


def drawn(here: Path) -> dict[str, Path]:
    """Files by key of the drawn pictures that every gold set begins with."""
    here.mkdir(parents=True, exist_ok=True)
    found = {f"{DRAWN_FOLDER}/{i}.png": here / f"{i}.png" for i in range(DRAWN)}
    for picture, path in zip(calibration.drawn(DRAWN), found.values(), strict=True):
        picture.save(path)
    return found


def numbered(names: Sequence[str]) -> NDArray[np.int64]:
    """Equal numbers for equal names."""
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], np.int64)


def _plain(encoder: Encoder) -> Describe:
    return lambda picture: encoder.encode([picture])[0]


def _surely(look: Describe, encoder: Encoder, in_views: bool) -> Describe:
    """NaN where the encoder has no answer: that is for a check to refuse, not for us to stop at."""
    width = encoder.card.dimension * (VIEWS if in_views else 1)

    def describe(picture: Image.Image) -> Vector:
        try:
            return look(picture)
        except ModelUnavailable:
            return np.full(width, np.nan, np.float32)

    return describe


def _real(vectors: Mapping[Path, Vector]) -> dict[Path, Vector]:
    """Nothing is found by a vector that is no direction: it has a cosine of 0 with all others."""
    return {path: np.nan_to_num(vector) for path, vector in vectors.items()}
