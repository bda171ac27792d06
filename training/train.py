"""Train an encoder: python -m training.train --labels FOLDER --out DIR (and --help).

Stopped at any moment, the same command goes on from its last checkpoint.
"""

import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from lookalike.cards import ModelCard
from lookalike.errors import CallerError, LookalikeError
from training import (
    beginning,
    calibrate,
    checkpoint,
    distributed,
    finishing,
    inherited,
    material,
    sagemaker,
    showing,
)
from training.clock import Clock
from training.distributed import Place, tell
from training.finishing import questions
from training.learner import Learner
from training.material import Material
from training.model import EncoderNet
from training.options import Options, given
from training.progress import Progress, Quiet
from training.showing import Show
from training.stopping import Stop

FAILED, USAGE = 1, 2

Made = TypeVar("Made")
Given = TypeVar("Given", bound=Options)
Finished = Callable[[Path], ModelCard]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 failed, 2 wrong input, 130 or 143 stopped by a signal."""
    return command(from_options, lambda: read(arguments))


def read(arguments: Sequence[str] | None) -> Options:
    """A model folder to go on from says itself what network it is, unless told otherwise."""
    places = sagemaker.defaults(os.environ)
    weights = Options.from_command_line(arguments, **places).weights
    return Options.from_command_line(arguments, **places, **inherited.network_of(weights))


def command(run: Callable[[Given, Place, Stop], None], read: Callable[[], Given]) -> int:
    """Read the options, find the other processes, and let a run end in an exit code."""
    options = read()
    try:
        with sagemaker.failures_reported():
            place = distributed.start()
            stop = Stop(options.minutes, place.device)
            run(options, place, stop)
        return stop.exit_code
    except LookalikeError as error:
        print(f"training: {error}", file=sys.stderr)
        return USAGE if isinstance(error, CallerError) else FAILED
    finally:
        distributed.finish()


def from_options(options: Options, place: Place, stop: Stop) -> None:
    found = first_then_all(
        lambda: material.gathered(options, beginning.side(options), cache_of(options))
    )
    train(options, found, place, stop)


def train(
    options: Options,
    found: Material,
    place: Place,
    stop: Stop,
    calibrated: Finished | None = None,
) -> None:
    """The whole run over pictures that are decoded: learn, measure, export.

    calibrated: finds the thresholds of the exported folder, and completes its card.
    """
    tell(f"{len(found.pool)} pictures to learn from, {len(found.held_out or ())} held out")
    run = begun(options, found, place.device)
    measured = study(run, stop)
    if run.learner.step < options.steps:
        tell(f"stopped at step {run.learner.step}; the same command goes on from here")
    elif distributed.is_first():
        finishing.finish(run.learner, run.encoder, found, options, measured)
        find = calibrated or (lambda folder: calibrate.calibrate(folder, *questions(found)))
        card = find(options.out / "model")
        tell(f"wrote {options.out / 'model'}, sha256 {card.sha256}")


class Run(NamedTuple):
    """What a training is made of, once it has begun, or was taken up again."""

    options: Options
    found: Material
    encoder: EncoderNet
    show: Show
    learner: Learner


def begun(options: Options, found: Material, device: torch.device) -> Run:
    precision = precision_of(options, device)
    encoder = beginning.encoder_of(options).to(device)
    show, student = first_then_all(
        lambda: beginning.shown_to(options, encoder, found.pool, cache_of(options), precision)
    )
    mentor = beginning.teacher_of(options, encoder)
    learner = Learner(options, student, mentor, device, precision=precision)
    if not checkpoint.resume(learner, checkpoints_of(options), recipe_of(options, found)):
        beginning.turn_to_axes(learner, show, found.pool)
    return Run(options, found, encoder, show, learner)


def study(run: Run, stop: Stop) -> dict[str, float]:
    """Train to the last step, or until a stop; report and save on the way.

    Returns what was measured on the held-out pictures after the last step.
    """
    options, learner, saved = run.options, run.learner, time.monotonic()
    with progress_of(options, learner.step) as progress, stop.listening():
        clock = Clock()
        ready = showing.batches(options, run.found, run.show, learner.step)
        while learner.step < options.steps and not stop.now():
            with clock.waiting():
                shown = showing.shown(options, run.show, next(ready), learner.step, learner.device)
            with distributed.others_expected():
                losses = learner.learn(shown)
            clock.steps += 1
            if learner.step % options.report_every == 0 or learner.step in {1, options.steps}:
                values = {**numbers(losses, learner.step), **clock.read(options)}
                progress.report(learner.step, values)
            if due(learner.step, options):
                progress.report(learner.step, validation(run))
            if time.monotonic() - saved > options.save_every:
                save(run)
                saved = time.monotonic()
        ready.close()
        save(run)
        if learner.step < options.steps:
            return {}
        measured = validation(run)
        progress.report(learner.step, measured)
        return measured


def due(step: int, options: Options) -> bool:
    """A validation on the way; the last step has one of its own."""
    every = options.validate_every
    return every > 0 and step % every == 0 and step < options.steps


def save(run: Run) -> None:
    if distributed.is_first():
        folder = checkpoints_of(run.options)
        checkpoint.save(run.learner, folder, recipe_of(run.options, run.found))


def validation(run: Run) -> dict[str, float]:
    if not distributed.is_first():
        return {}
    snapshot = finishing.snapshot(run.learner, run.encoder, run.found.pool)
    return finishing.validated(snapshot, run.found, run.options.size, run.learner.precision)


def recipe_of(options: Options, found: Material) -> dict[str, Any]:
    """What two runs must share to be one: the options, and how many pictures there are."""
    return {**options.recipe(), "pictures in all": len(found.pool)}


def numbers(losses: dict[str, torch.Tensor], step: int) -> dict[str, float]:
    """Waits for the device. Raises FloatingPointError when the loss is not a number any more."""
    values = {name: float(value) for name, value in losses.items()}
    if not math.isfinite(values["loss"]):
        raise FloatingPointError(
            f"The loss is {values['loss']} at step {step}; try a lower --learning-rate."
        )
    return values


def first_then_all(make: Callable[[], Made]) -> Made:
    """The first process writes the caches that the others then read."""
    made = make() if distributed.is_first() else None
    distributed.barrier()
    return make() if made is None else made


def progress_of(options: Options, resumed: int) -> Quiet:
    if not distributed.is_first():
        return Quiet()
    return Progress(
        options.steps,
        resumed=resumed,
        history=checkpoints_of(options) / "history.jsonl",
        tensorboard=options.tensorboard if given(options.tensorboard) else None,
    )


def precision_of(options: Options, device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it faster."""
    if options.precision != "auto":
        return {"bf16": torch.bfloat16, "fp32": torch.float32}[options.precision]
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        known = torch.cpu.get_capabilities()
        fast = bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    return torch.bfloat16 if fast else torch.float32


def checkpoints_of(options: Options) -> Path:
    return options.checkpoints if given(options.checkpoints) else options.out / "checkpoints"


def cache_of(options: Options) -> Path:
    return options.cache if given(options.cache) else checkpoints_of(options) / "cache"


if __name__ == "__main__":
    sys.exit(main())
