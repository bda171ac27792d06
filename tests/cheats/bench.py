"""Challengers before the real gate, in a small shop whose people clicked for a while."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.cheats.quiet import quiet
from tests.cheats.world import Shoppers, World
from tests.journeys.small_retrain import SMALL
from tests.training.clicks.shop import UNTIL, Telling, write
from training import clicks, gate, train


@dataclass(frozen=True)
class Verdict:
    """refused: names of the checks that did."""

    accepted: bool
    refused: frozenset[str]
    reason: str


@dataclass(frozen=True)
class Bench:
    """folder: of models, data set and all that is made on the way."""

    world: World
    folder: Path
    seed: int

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset"

    def visited(self, answers: int) -> None:
        """What people clicked, as pairs to learn from and pairs held out."""
        self.models.mkdir(parents=True, exist_ok=True)
        telling = Telling(self.seed)
        Shoppers(self.world, telling, self.seed).come(answers)
        log = write(self.folder / "log", telling.rows)
        named = ["--interactions", str(log), "--images", str(self.world.folder), "--until", UNTIL]
        with quiet():
            assert clicks.main([*named, "--out", str(self.dataset)]) == 0

    def trained(self, name: str, weights: Path, seed: int) -> Path:
        """As `lookalike retrain` makes a model, but gently: a small catalogue says little about
        pictures that nobody clicked.
        """
        told = {
            "weights": weights,
            "pictures": self.world.folder,
            "clicks": self.dataset / "clicks.jsonl",
            "model": name,
            "out": self.folder / "trained" / name,
            "cache": self.folder / "cache",
            "seed": seed,
            **SMALL,
        }
        words = [word for k, v in told.items() for word in (f"--{k.replace('_', '-')}", str(v))]
        with quiet():
            assert train.main(words) == 0
        made = self.folder / "trained" / name / "model"
        made.rename(self.models / name)
        return self.models / name

    def judged(self, challenger: str, live: str) -> Verdict:
        """By the gate's own command."""
        asked = {
            "challenger": challenger,
            "live": live,
            "models": self.models,
            "images": self.world.folder,
            "clicks": self.dataset,
            "out": self.folder / "out",
        }
        with quiet():
            gate.main([str(word) for k, v in asked.items() for word in (f"--{k}", v)])
        said = json.loads((self.folder / "out/verdict.json").read_text())
        refused = {one["name"] for one in said["checks"] if one["outcome"] == "refused"}
        return Verdict(said["accepted"], frozenset(refused), said["reason"])
