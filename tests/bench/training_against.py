"""Training against other libraries: the same network, pictures and minutes, one after the other."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lookalike.errors import CallerError
from tests.bench.tables import Goal, Row, Table, at_least, percent, times
from tests.bench.training_bars import SAID, mean, number, signed
from tests.bench.training_plan import FINE_TUNING, Plan, write_table
from tests.bench.training_rivals import Ran, ours, started, steps_within, theirs
from tests.bench.training_theirs import Batched, Loss, gentle, of_labels, of_views
from training import compare, frozen, material, pictures, pool, train
from training.material import SPARE, Material
from training.measured import Measured, measure
from training.options import Options
from training.protocols import Protocol
from training.student import Encoder

QUALITY = ("recall@1", "map@10")
PACKAGES = {"labels": "pytorch_metric_learning", "pictures": "lightly"}
OURS = "training.train"

Opened = Callable[[Options, Material], tuple[Loss, Iterable[Batched]]]


class NotInstalled(CallerError):
    """A library to be compared with is not there."""


@dataclass(frozen=True)
class Result:
    """One training: how it ran, and how well it searches (scores are averaged over seeds)."""

    ran: Ran
    measured: Measured


def tables(plan: Plan) -> Iterator[Table]:
    for package in PACKAGES.values():
        if find_spec(package) is None:
            raise NotInstalled(f"{package} is not installed: pip install -e '.[train,bench]'.")
    yield with_labels(plan)
    yield with_pictures_alone(plan)


def with_labels(plan: Plan) -> Table:
    notes = [
        "Against: pytorch-metric-learning's SupConLoss and MPerClassSampler over a torch Dataset, "
        "torchvision v2 transforms as strong as ours.",
    ]
    rivals: dict[str, Opened] = {
        "pytorch-metric-learning": lambda options, found: of_labels(options, found, plan.workers)
    }
    return contest(plan, "From labels", options_with_labels(plan), rivals, notes)


def with_pictures_alone(plan: Plan) -> Table:
    def rival(**strength: Any) -> Opened:
        return lambda options, found: of_views(options, found, plan.workers, **strength)

    notes = [
        "Against: Lightly's NTXentLoss, LightlyDataset and SimCLRTransform: with its own strengths,"
        " made for training from random weights, and with those of our views.",
    ]
    rivals = {"Lightly, its strengths": rival(), "Lightly, our strengths": rival(**gentle())}
    return contest(plan, "From a folder alone", options_with_pictures(plan), rivals, notes)


def options_with_labels(plan: Plan) -> Options:
    table = plan.work / "rivals" / "train.csv"
    classes = set(pictures.grocery_classes(plan.data))
    write_table(table, plan.data, classes, splits=("train",))
    return _options(plan, "labels", "--labels", str(table), "--validation-share", "0")


def options_with_pictures(plan: Plan) -> Options:
    folder = str(plan.data / "grocery81" / "train")
    return replace(_options(plan, "pictures", "--pictures", folder), each=2)


def _options(plan: Plan, name: str, *source: str) -> Options:
    """One length: theirs is asked for the whole vector alone, so ours is, too."""
    return Options.from_command_line([
        *(*source, *FINE_TUNING, "--weights", str(plan.weights), "--prefixes", ""),
        *("--size", str(plan.rival_size), "--batch", str(plan.batch)),
        *("--report-every", "10", "--out", str(plan.work / "rivals" / name)),
    ])  # fmt: skip


def contest(
    plan: Plan, title: str, options: Options, rivals: dict[str, Opened], notes: Sequence[str]
) -> Table:
    """Every seed: ours for as many steps as fit, then each rival for exactly as long as that."""
    won: dict[str, list[Result]] = {name: [] for name in (OURS, *rivals)}
    before = {}
    for seed in range(1, plan.seeds + 1):
        shutil.rmtree(options.out, ignore_errors=True)  # so that our decoding counts
        options = replace(options, seed=seed)
        steps = steps_within(options, plan.rehearsed, 60 * plan.minutes)
        options = replace(options, steps=steps)
        mine = ours(options)
        won[OURS].append(Result(mine, searched(plan, OURS, mine.encoder)))
        found = material.gathered(options, options.size, train.cache_of(options))
        start = started(options, found).blended()
        before = searched(plan, "start", start).scores
        for name, opened in rivals.items():
            loss, batches = opened(options, found)
            ran = theirs(options, found, loss, batches, mine.seconds)
            won[name].append(Result(ran, searched(plan, name, ran.encoder)))
    rows = [row for name in rivals for row in rows_of(name, won[OURS], won[name])]
    began = ", ".join(f"{SAID[metric]} {number(before[metric].mean())}" for metric in QUALITY)
    told = [*notes, *common_notes(plan, options, won), f"Before the first step: {began}."]
    return Table(f"{title}: {plan.minutes:g} minutes each, {plan.seeds} seed(s)", rows, told)


def rows_of(name: str, our: Sequence[Result], their: Sequence[Result]) -> Iterator[Row]:
    mine, other = averaged(our), averaged(their)
    for metric in QUALITY:
        found = compare.compare(mine, other, metric)
        low, high = found.interval
        said = f"{signed(found.difference)} ({signed(low)} to {signed(high)})"
        what = f"{name}: {SAID[metric]}"
        sure = "" if found.verdict != "undecided" else ", undecided"
        goal = Goal(f"≥ theirs{sure}", found.difference >= 0)
        yield Row(what, number(mean(mine, metric)), number(mean(other, metric)), said, goal)
    fast, slow = rate(our), rate(their)
    goal = at_least(fast, slow, "theirs")
    yield Row(f"{name}: images a second", f"{fast:.0f}", f"{slow:.0f}", times(fast / slow), goal)
    yield Row(f"{name}: waiting for pictures", percent(waited(our)), percent(waited(their)))


def common_notes(plan: Plan, options: Options, won: dict[str, list[Result]]) -> list[str]:
    steps = "; ".join(
        f"{name} {', '.join(str(one.ran.steps) for one in results)}"
        for name, results in won.items()
    )
    last = won[OURS][-1].ran
    source = f"--labels {options.labels}" if options.pictures == Path() else ""
    source = source or f"--pictures {options.pictures}"
    return [
        f"grocery val→train, in %; ratio: the paired difference with its 95 % interval; "
        f"undecided: the {len(averaged(won[OURS]).total)} queries are too few to tell.",
        f"Same on both sides: MobileNetV2 from the ImageNet weights with its projection turned to "
        f"principal axes, {plan.rival_size} pixels, {options.batch} rows a step, "
        f"{options.each} of one {'label' if options.pictures == Path() else 'picture'}, "
        f"temperature {options.temperature:g}, AdamW with the rates of every block, weight "
        f"averaging, {str(train.precision_of(options, torch.device('cpu'))).removeprefix('torch.')}"
        f" where autocast allows it, channels_last, {torch.get_num_threads()} threads. Only loss, "
        f"sampling and data path differ; theirs has {plan.workers} worker processes.",
        f"Time: the whole loop with its data path; ours counts decoding everything beforehand "
        f"({last.prepared:.1f} s of {last.seconds:.0f} s). Steps: {steps}.",
        "Waiting: share of the loop without a batch; drawing our views counts as that, because it "
        "is done between the steps.",
        f"Ours: `python -m training.train {source} --weights {options.weights} "
        f"{' '.join(FINE_TUNING)} --size {options.size} --each {options.each} --prefixes '' "
        f"--steps {options.steps}`.",
    ]


def searched(plan: Plan, name: str, encoder: Encoder) -> Measured:
    """By the network on whole pictures; the held-out ones look among those learnt from."""
    queries = pictures.grocery(plan.data, "val")
    seen = pool.prepare(
        [*queries, *plan.learnt], round(SPARE * plan.rival_size), plan.work / "cache"
    )
    precision = train.precision_of(Options(), torch.device("cpu"))
    look = frozen.seen_by(encoder.eval(), torch.device("cpu"), precision)
    vectors = frozen.whole_features(look, seen, plan.rival_size, torch.arange(len(seen))).numpy()
    by_path = {file.path: vectors[row] for row, file in enumerate(seen.files)}
    protocol = Protocol("grocery val→train", queries, plan.learnt)
    return measure(protocol, name, by_path)


def averaged(results: Sequence[Result]) -> Measured:
    """Every query's score as the mean over the seeds."""
    first = results[0].measured
    scores = {
        name: np.mean([one.measured.scores[name] for one in results], axis=0)
        for name in first.scores
    }
    return replace(first, scores=scores)


def rate(results: Sequence[Result]) -> float:
    return sum(one.ran.images for one in results) / sum(one.ran.seconds for one in results)


def waited(results: Sequence[Result]) -> float:
    return float(np.mean([one.ran.waited for one in results]))
