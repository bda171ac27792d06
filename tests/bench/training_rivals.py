"""Training loops: ours, and the same one with the loss, sampling and data path of others."""

import json
import sys
import time
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tests.bench.training_theirs import Batched, Loss
from training import beginning, finishing, material, train
from training.clock import Clock
from training.learner import Learner, Shown
from training.losses import NOBODY
from training.material import Material
from training.options import Options
from training.pairs import Batch
from training.stopping import Stop
from training.student import Encoder
from training.torchvision_shim import torchvision  # noqa: F401  (before anything of it)


@dataclass(frozen=True)
class Ran:
    """seconds: the loop with its data path, from opening the first file to the last step.

    images: that went through the network. waited: share of the loop in which it had none.
    prepared: seconds of these for decoding everything beforehand.
    """

    encoder: Encoder
    seconds: float
    steps: int
    images: int
    waited: float
    prepared: float = 0.0

    @property
    def rate(self) -> float:
        return self.images / self.seconds


def ours(options: Options) -> Ran:
    """training.train up to its last step; validation, export and thresholds come after it."""
    device = torch.device("cpu")
    began = time.perf_counter()
    with redirect_stdout(sys.stderr):
        cache = train.cache_of(options)
        found = material.gathered(options, beginning.side(options), cache)
        prepared = time.perf_counter() - began
        run = train.begun(options, found, device)
        loop = time.perf_counter()
        stop = Stop(0, device)
        train.study(run, stop)
        seconds = time.perf_counter() - loop
    if stop.exit_code:
        raise SystemExit(stop.exit_code)
    shares = [1 - value for value in _reported(options, "step_share")]
    return Ran(
        finishing.snapshot(run.learner, run.encoder, found.pool),
        prepared + seconds,
        run.learner.step,
        run.learner.step * options.batch,
        sum(shares) / len(shares),
        prepared,
    )


def steps_within(options: Options, rehearsed: int, seconds: float) -> int:
    """How many steps of this training fit, by a rehearsal of a few; the decoding counts too."""
    rehearsal = replace(options, steps=rehearsed, report_every=1, out=options.out / "rehearsal")
    ran = ours(rehearsal)
    each = (ran.seconds - ran.prepared) / ran.steps
    return max(1, round((seconds - ran.prepared) / each))


class Rival(Learner):
    """Our network, rates, optimiser and averaging, asked by somebody else's loss."""

    loss: Loss

    def losses(self, shown: Shown) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, self.precision, self.precision != torch.float32):
            vectors, _ = self.parallel(shown.inputs)
        return {"loss": self.loss(vectors.float(), shown.batch.identities)}


def theirs(
    options: Options, found: Material, loss: Loss, batches: Iterable[Batched], seconds: float
) -> Ran:
    """Train until the time is over; the rates fall to zero by then, as ours do.

    batches: without end; the first is asked for when the time begins.
    """
    learner = started(options, found)
    learner.loss = loss
    images, clock, began = 0, Clock(), time.perf_counter()
    ready = iter(batches)
    while (elapsed := time.perf_counter() - began) < seconds:
        with clock.waiting():
            pictures, labels = next(ready)
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        follow(learner, max(elapsed / seconds, 1e-3))
        nobody = torch.full_like(labels, NOBODY)
        learner.learn(Shown(pictures, Batch(nobody, labels, torch.ones(len(labels))), None))
        clock.steps += 1
        images += len(pictures)
    taken = time.perf_counter() - began
    waited = clock.waited / taken
    return Ran(learner.blended().eval(), taken, learner.step, images, waited)


def started(options: Options, found: Material) -> Rival:
    """As a training of ours begins: the same weights, the projection turned to their axes."""
    device = torch.device("cpu")
    precision = train.precision_of(options, device)
    encoder = beginning.encoder_of(options)
    show, student = beginning.shown_to(options, encoder, found.pool, options.cache, precision)
    learner = Rival(options, student, None, device, precision=precision)
    beginning.turn_to_axes(learner, show, found.pool)
    return learner


def follow(learner: Learner, progress: float) -> None:
    """Let the rates go by the clock: as many steps in all as this pace will make."""
    steps = max(learner.step + 1, round(learner.step / progress))
    learner.recipe = replace(learner.recipe, steps=steps)


def _reported(options: Options, name: str) -> list[float]:
    lines = (train.checkpoints_of(options) / "history.jsonl").read_text().splitlines()
    return [value[name] for line in lines if name in (value := json.loads(line))]
