"""The chapters of the story: who clicked how much before, what was learnt, and how much after."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from local import client
from local.data_folder import DataFolder
from local.fabrics import LABELS
from local.models import promote_and_wait
from local.retraining.command import Outcome, Retraining, retrain
from local.shoppers.crowd import Crowd, send
from local.shoppers.habits import kinds_of
from local.shoppers.shop import Shop
from local.shoppers.takings import Share, Takings, difference
from local.story.agreement import agreement
from local.story.naive import naively_trained
from local.story.stage import indexing
from local.story.telling import Telling

TRIAL = 0.5  # of the sessions: both models answer on the same day, and nobody else than the other

Facts = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """That shoppers see: before the retraining, and on trial.

    With 5,000, the latest fifth of the clicks makes some 400 pairs that nobody learnt from: enough
    for the gate to tell models apart. With 4,000 on trial, a point more or less of CTR is no luck.
    """

    before: int = 5_000
    trial: int = 4_000


@dataclass(frozen=True)
class Story:
    """One telling, about the Lookalike at `url`."""

    data: DataFolder
    url: str
    told: Telling
    seed: int = 1
    answers: Answers = Answers()

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        return kinds_of(self.data.pictures / LABELS)

    def tell(self) -> Facts:
        """From the first chapter to the last; what came of them, as JSON has it."""
        self.catalogue()
        live, facts = self.before()
        outcome = self.retraining()
        judged = {name: outcome.figures[name] for name in ("clicks", "gold", "evidence")}
        facts |= {"gate": judged, "model": outcome.model}
        facts |= {"accepted": outcome.accepted, "reason": outcome.reason}
        if outcome.accepted:
            facts |= self.trial(live, outcome.model)
        facts["taste"] = self.naive(live, outcome)
        self.told.end()
        return facts | {"seconds": dict(self.told.seconds)}

    def catalogue(self) -> None:
        self.told.chapter("A catalogue")
        many = len(self.kinds)
        with self.told.bar(many) as moved:
            for indexed in indexing(self.url, many):
                moved(indexed, "indexing")
        live = client.get(f"{self.url}local/progress")["model"]
        self.told.line(f"{many} drawn fabrics, indexed by {live}: {self.url}")

    def before(self) -> tuple[str, Facts]:
        """Who served, and what shoppers made of it."""
        self.told.chapter("Shoppers come")
        self.told.line(
            "They look for fabrics with the same motif, whatever the colour. They look at"
        )
        self.told.line(
            "the first places more than at others. Lookalike is told of neither; it is sent"
        )
        self.told.line(
            "what came into view, was clicked and looked at: the page's Metrics tab moves."
        )
        takings = self.shopped(self.answers.before, 2 * self.seed)
        live = takings.models()[-1]
        self.told.line(f"{live}: CTR {takings.click_rate(live).percent}", "bold")
        self.told.line(takings.told(live), "dim")
        return live, {"seed": self.seed, "live": live, "before": figures(takings, live)}

    def retraining(self) -> Outcome:
        self.told.chapter("It learns")
        outcome = retrain(self.data, Retraining(trial=TRIAL))
        clicks, gold = outcome.figures["clicks"], outcome.figures["gold"]
        if clicks and gold:
            self.told.line(f"Later clicks, the higher the better: {_from_to(clicks)}")
            self.told.line(f"Pictures that find themselves:       {_from_to(gold)}")
        if outcome.accepted:
            self.told.line(f"The gate lets {outcome.model} try.", "bold")
        else:
            self.told.line(f"The gate refuses {outcome.model}: {outcome.reason}", "bold")
        self.told.line(f"What it answers otherwise: {outcome.page}", "dim")
        return outcome

    def trial(self, live: str, challenger: str) -> Facts:
        self.told.chapter("Both answer, half of the sessions each")
        takings = self.shopped(self.answers.trial, 2 * self.seed + 1)  # other people
        rates = {model: takings.click_rate(model) for model in (live, challenger)}
        gained = difference(rates[live], rates[challenger])
        for model, rate in rates.items():
            self.told.line(f"{model}: CTR {rate.percent}", "bold")
            self.told.line(takings.told(model), "dim")
        self.told.line(f"difference: {gained.points}", "bold")
        promote_and_wait(self.data, challenger)
        self.told.line(f"{challenger} serves everybody; lookalike rollback would undo it.")
        found = {"live": figures(takings, live), "challenger": figures(takings, challenger)}
        return {"trial": found | {"difference": gained._asdict()}}

    def naive(self, live: str, outcome: Outcome) -> Facts:
        """Only the shoppers can say this: they know what they want of every picture."""
        self.told.chapter("The same log, with clicks counted as they fell")
        models = self.data.path / "models"
        until = json.loads((outcome.folder / "dataset/dataset.json").read_bytes())["window"][
            "until"
        ]
        with TemporaryDirectory() as made:
            counted = naively_trained(self.data, models / live, until, Path(made))
            folders = {
                live: models / live,
                "counted": counted,
                "debiased": trained(outcome, models),
            }
            found = {
                name: agreement(folder, self.data.pictures, self.kinds)._asdict()
                for name, folder in folders.items()
            }
        for name, one in found.items():
            mean, first = one["mean_precision"], one["first"]
            words = f"{name:10} mAP {100 * mean:.1f} %, {100 * first:.1f} % of the first ten wanted"
            self.told.line(words, "bold" if name == "debiased" else "")
        return {"live" if name == live else name: one for name, one in found.items()}

    def shopped(self, answers: int, seed: int) -> Takings:
        with self.told.bar(answers) as moved:

            def watch(takings: Takings) -> None:
                seen = takings.answers()
                moved(seen, f"{seen:,} of {answers:,} answers")

            return send(Crowd(self.kinds, answers, seed), lambda: Shop(self.url), watch)


def trained(outcome: Outcome, models: Path) -> Path:
    """A model that was refused is not among the models."""
    stored = models / outcome.model
    return stored if stored.is_dir() else outcome.folder / "trained/model"


def figures(takings: Takings, model: str) -> Facts:
    some = takings.all_of(model)
    return {
        "model": model,
        "ctr": takings.click_rate(model)._asdict(),
        "sessions": len(some),
        "answers": takings.answers(model),
        "seen": sum(one.seen for one in some),
        "clicked": sum(one.clicked for one in some),
    }


def _from_to(one: Mapping[str, Any]) -> str:
    gained = Share(one["difference"], one["low"], one["high"])
    return f"{100 * one['live']:.1f} → {100 * one['challenger']:.1f} %, {gained.points}"
