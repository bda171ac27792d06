"""`lookalike retrain`: clicks → data set → training → gate → the new model fills and serves."""

import argparse
import importlib.util
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.console import say, tell
from local.data_folder import DataFolder
from local.opening import named_or_last, stop_on_sigterm
from local.retraining.run import Run, all_runs, alone, prune
from local.retraining.steps import REFUSED, Steps
from local.trouble import Trouble

if TYPE_CHECKING:
    from lookalike.lease import Lease
    from lookalike.models import Serving, ServingState

LEARNING = "learning"  # below the data folder: a folder for each run
NEEDED = ("torch", "torchvision", "onnx", "duckdb")


def recipe() -> dict[str, str | int | float]:
    from training.retraining import RECIPE

    return dict(RECIPE)


@dataclass(frozen=True)
class Retraining:
    """What is asked for.

    gold: a folder of labelled folders; "" is `gold` among the models, if there is one. trial: the
    share of sessions that the new model answers at first; None lets it serve all of them. anew:
    forget a run that was not finished. recipe: options of training.train.
    """

    gold: str = ""
    trial: float | None = None
    anew: bool = False
    recipe: Mapping[str, str | int | float] = field(default_factory=recipe)

    @property
    def settings(self) -> dict[str, Any]:
        """What a run that goes on must have begun with."""
        return {"gold": self.gold, "recipe": dict(self.recipe)}


@dataclass(frozen=True)
class Outcome:
    """figures: as in verdict.json. folder: of the run, with gate/model-diff.html in it."""

    model: str
    accepted: bool
    reason: str
    figures: Mapping[str, Any]
    folder: Path

    @property
    def page(self) -> Path:
        return self.folder / "gate/model-diff.html"


def command(asked: argparse.Namespace) -> int:
    """0: the new model serves, or is on trial. 4: it was refused, and nothing changed."""
    data = named_or_last(asked.data)
    stop_on_sigterm()
    gold = str(asked.gold.expanduser().resolve()) if asked.gold else ""
    outcome = retrain(data, Retraining(gold, asked.trial, asked.new))
    if not outcome.accepted:
        what = "was refused; what served before serves on"
    elif asked.trial is None:
        what = "serves"
    else:
        what = f"answers {asked.trial:.0%} of the sessions"
    say(f"{outcome.model} {what}")
    say(outcome.reason)
    say(f"What it answers otherwise: {outcome.page}")
    return 0 if outcome.accepted else REFUSED


def retrain(data: DataFolder, options: Retraining) -> Outcome:
    """Begin a run, or go on with the one that was not finished, and see it through.

    Works beside a Lookalike that serves, and without. What a kill leaves is taken up by the next
    call: same model, same bytes. Raises Trouble or LookalikeError.
    """
    from lookalike.folder import Folder
    from lookalike.lease import Lease
    from lookalike.models import Serving

    _ = data.pictures  # proves that it is a data folder
    _check_installed()
    store = Folder(data.path / "models")
    serving, lease = Serving(store), Lease(store)
    learning = data.path / LEARNING
    with alone(learning) as lock:
        prune(learning)
        state = serving.read()[0]
        run = _begun_or_taken_up(learning, state, options, lease)
        try:
            _check_free(state, run)
            lease.take(run.model)
            return _through(Steps(data, run, lock), options, serving)
        except BaseException:
            if not _done(run):  # nothing to go on with, and next time more may be clicked
                shutil.rmtree(run.folder)
            raise
        finally:
            lease.give_back(run.model)


def _through(steps: Steps, options: Retraining, serving: "Serving") -> Outcome:
    run = steps.run
    for name, words, step in (
        ("dataset", "What the clicks say", steps.dataset),
        ("train", f"Learning from it, on from {run.live}", steps.train),
        ("gate", f"What was learnt, held against {run.live}", steps.gate),
    ):
        if name not in run.done:
            tell(f"{run.model}: {words}")
            step()
            run = run.having(name)
    told = steps.verdict()
    outcome = Outcome(run.model, told["accepted"], told["reason"], told["figures"], run.folder)
    if not outcome.accepted:
        run.over("refused")
        return outcome
    tell(f"{run.model}: Every picture once more, then it answers")
    steps.add()
    _let_answer(steps, options.trial, serving)
    run.over("accepted")
    return outcome


def _let_answer(steps: Steps, share: float | None, serving: "Serving") -> None:
    from local.models import promote_and_wait, trial_and_wait

    model, state = steps.run.model, serving.read()[0]
    if state.live == model:
        return  # a run that was killed came as far as that
    _check_judged(state, steps.run)
    if share is None:
        promote_and_wait(steps.data, model)
    else:
        trial_and_wait(steps.data, model, share)


def _check_judged(state: "ServingState", run: Run) -> None:
    """A verdict is about two models: it says nothing of a third that took over meanwhile."""
    if state.live != run.live:
        raise Trouble(
            f"{run.model} was held against {run.live}, but meanwhile {state.live} serves; the same "
            "command begins anew."
        )


def _check_free(state: "ServingState", run: Run) -> None:
    """Before the work, not after it: one model at a time is on its way to serving."""
    from lookalike.admission import occupied

    if state.next not in (None, run.model):
        raise Trouble(f"{occupied(state)} See: lookalike models")


def _begun_or_taken_up(
    learning: Path, state: "ServingState", options: Retraining, lease: "Lease"
) -> Run:
    for run in all_runs(learning):
        if run.ended:
            continue
        why = _out_of_date(run, state, options)
        if not why:
            tell(f"Going on with {run.model}; done so far: {', '.join(run.done) or 'nothing'}")
            return run
        tell(f"{run.model} was not finished, and {why}: a new run begins.")
        lease.give_back(run.model)  # that it is not at work any more, our lock proves
        run.over("given up")
    return Run.begun(learning, state.live, options.settings)


def _out_of_date(run: Run, state: "ServingState", options: Retraining) -> str:
    """Why a run is not worth going on with; "" if it is."""
    from lookalike.lease import LEASE_TIME

    if options.anew:
        return "--new was given"
    if state.live not in (run.live, run.model):
        return f"meanwhile {state.live} serves"
    if datetime.now(UTC) - run.started_at > LEASE_TIME:
        return f"it began on {run.started_at:%Y-%m-%d}"
    if run.settings != options.settings:
        return "it began with other settings"
    return ""


def _done(run: Run) -> bool:
    now = Run.read(run.folder)
    return now is not None and bool(now.done)


def _check_installed() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Trouble(
            f"Learning needs {missing[0]}, which is not installed; run: "
            f"{sys.executable} -m pip install -e '.[train]'"
        )
