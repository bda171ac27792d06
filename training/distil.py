"""Teach a network from nothing: copy the teacher on any view, and keep look-alikes together."""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from torch import Generator, Tensor, nn

from training import augment
from training.losses import contrastive_loss, direction_loss, logit_loss, prefixes
from training.model import EncoderNet
from training.teacher import TEACHER_SIDE, Teacher

FIRST_DIMENSIONS = 64  # a prefix that must search well on its own
WARM_UP = 0.03  # share of the steps in which the learning rate rises
EMA_HORIZON = 0.01  # the averaged weights look back over this share of the steps
LARGEST_GRADIENT = 2.0
REPORT_EVERY = 200  # steps


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, but the data. A checkpoint belongs to one recipe.

    mixed, pairs: how many mixtures and how many pairs of look-alikes are in a batch.
    contrast: weight of the contrastive loss; logits: weight of the teacher's class probabilities.
    """

    arch: str = "mobilenet_v3_large"
    size: int = 160
    dimension: int = 256
    steps: int = 8_000
    mixed: int = 512
    pairs: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    contrast: float = 0.1
    contrast_temperature: float = 0.1
    logits: float = 0.3
    logit_temperature: float = 2.0
    whitening: float = 0.25
    seed: int = 1


class Student(nn.Module):
    """The encoder, and a head that guesses the teacher's classes and is thrown away at the end."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.encoder = EncoderNet(recipe.arch, dimension=recipe.dimension)
        self.classify = nn.Linear(self.encoder.features, classes)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.encoder.pooled(pictures)
        return F.normalize(self.encoder.project(pooled).float(), dim=1), self.classify(pooled)


class Material:
    """The pictures on the device, and how to draw batches of them.

    shares: (identities,) how often each identity is drawn for a pair, relative to the others.
    """

    def __init__(self, pixels: Tensor, identities: Tensor, shares: Tensor) -> None:
        order = identities.argsort(stable=True)
        self.pixels = pixels
        self.rows = order  # rows of one identity follow each other
        self.counts = identities.bincount(minlength=len(shares))
        self.starts = self.counts.cumsum(0) - self.counts
        self.shares = shares * (self.counts > 0)

    def any(self, n: int, draw: Generator) -> Tensor:
        rows = torch.randint(len(self.pixels), (n,), generator=draw, device=draw.device)
        return self.pixels[rows]

    def pairs(self, n: int, draw: Generator) -> tuple[Tensor, Tensor]:
        """2 n pictures and their identities: two of each, or one twice if it has no other."""
        chosen = torch.multinomial(self.shares, n, generator=draw)
        counts = self.counts[chosen]
        first = (torch.rand(n, generator=draw, device=draw.device) * counts).long()
        apart = 1 + (torch.rand(n, generator=draw, device=draw.device) * (counts - 1)).long()
        second = (first + apart) % counts
        rows = self.rows[torch.cat([self.starts[chosen] + first, self.starts[chosen] + second])]
        return self.pixels[rows], chosen.repeat(2)


class Lessons:
    """One training run: the student, its average over time, the optimiser, and the dice."""

    def __init__(self, recipe: Recipe, teacher: Teacher, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)  # the student's first weights
        self.recipe, self.teacher, self.device = recipe, teacher.to(device), device
        layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
        self.student = Student(recipe, teacher.classes).to(device)
        self.student.to(memory_format=layout)  # type: ignore[call-overload]
        self.average = Student(recipe, teacher.classes).to(device).requires_grad_(False)
        self.average.load_state_dict(self.student.state_dict())
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.student, recipe.weight_decay), lr=recipe.learning_rate
        )
        self.draw = Generator(device).manual_seed(recipe.seed)
        self.step = 0

    def next(self, material: Material) -> dict[str, Tensor]:
        """One step; returns its losses by name, as tensors so that the device is not waited for."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * schedule(self.step / self.recipe.steps)
        losses = self.losses(material)
        self.optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return {name: value.detach() for name, value in losses.items()}

    def losses(self, material: Material) -> dict[str, Tensor]:
        recipe = self.recipe
        with torch.no_grad():
            pictures, identities = self.batch(material)
            small = F.interpolate(pictures, (recipe.size,) * 2, mode="bilinear", antialias=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            with torch.no_grad():
                lesson = self.teacher(self._laid_out(pictures))
            vectors, logits = self.student(self._laid_out(small))
        ours = [vectors, *prefixes(vectors, [FIRST_DIMENSIONS])]
        theirs = [lesson.directions, *prefixes(lesson.directions, [FIRST_DIMENSIONS])]
        direction = torch.stack(list(map(direction_loss, ours, theirs))).sum()
        pairs = [some[recipe.mixed :] for some in ours]
        contrast = torch.stack(
            [contrastive_loss(pair, identities, recipe.contrast_temperature) for pair in pairs]
        ).sum()
        classes = logit_loss(logits.float(), lesson.logits.float(), recipe.logit_temperature)
        loss = direction + recipe.contrast * contrast + recipe.logits * classes
        return {"loss": loss, "direction": direction, "contrast": contrast, "classes": classes}

    def batch(self, material: Material) -> tuple[Tensor, Tensor]:
        """Pictures as the teacher is shown them: mixtures, then pairs and their identities."""
        some = material.any(self.recipe.mixed, self.draw)
        mixed = augment.views(some, TEACHER_SIDE, augment.FOR_DISTILLATION, self.draw)
        alike, identities = material.pairs(self.recipe.pairs, self.draw)
        pairs = augment.views(alike, TEACHER_SIDE, augment.FOR_PAIRS, self.draw)
        return torch.cat([augment.mixtures(mixed, self.draw), pairs]), identities

    def _laid_out(self, pictures: Tensor) -> Tensor:
        if self.device.type != "cuda":
            return pictures
        return pictures.contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Exponential moving average; a short memory at first, when each step improves much."""
        keep = min(1 - 1 / (EMA_HORIZON * self.recipe.steps + 1), self.step / (self.step + 10))
        ours, theirs = self.average.state_dict(), self.student.state_dict()
        floats = [name for name, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_([ours[n] for n in floats], [theirs[n] for n in floats], 1 - keep)

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "draw": self.draw.get_state(),
            "teacher": {"centre": self.teacher.centre, "axes": self.teacher.axes},
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.draw.set_state(state["draw"].cpu())
        self.teacher.load_state_dict(state["teacher"], strict=False)


def schedule(progress: float) -> float:
    """Share of the full learning rate: up in a line, down in half a cosine."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Only matrices and kernels are drawn to zero; biases, scales and GeM's exponent are not."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": kernels, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def learn(lessons: Lessons, material: Material, until: float) -> Iterator[dict[str, float]]:
    """Train to the last step or to the moment `until` (monotonic seconds); yields reports."""
    began, first = time.monotonic(), lessons.step
    while lessons.step < lessons.recipe.steps and time.monotonic() < until:
        losses = lessons.next(material)
        if lessons.step % REPORT_EVERY == 0 or lessons.step in {1, lessons.recipe.steps}:
            values = {name: float(value) for name, value in losses.items()}
            if not math.isfinite(values["loss"]):
                raise FloatingPointError(f"The loss is {values['loss']} at step {lessons.step}.")
            rate = (lessons.step - first) / (time.monotonic() - began)
            yield {"step": lessons.step, "steps_per_second": rate, **values}


@torch.no_grad()
def settle(encoder: EncoderNet, pixels: Tensor, size: int) -> EncoderNet:
    """Measure the batch statistics anew on whole pictures, as the encoder will be shown them.

    Training saw mixtures and crops, and MobileNetV3's own running statistics (momentum 0.01) still
    remember the network of hundreds of steps ago.
    """
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all that is seen
    encoder.train()
    for batch in pixels.split(256):
        pictures = batch.permute(0, 3, 1, 2).float() / 255
        encoder.pooled(F.interpolate(pictures, (size,) * 2, mode="bilinear", antialias=True))
    return encoder.eval()


def save(lessons: Lessons, path: Path) -> None:
    """Whole or not at all: a kill at any moment leaves the last checkpoint readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    torch.save({"recipe": vars(lessons.recipe), **lessons.state()}, unfinished)
    os.replace(unfinished, path)  # noqa: PTH105  (atomic, and says so)


def resume(lessons: Lessons, path: Path) -> bool:
    """Go on from the checkpoint if there is one; refuse one of another recipe."""
    if not path.is_file():
        return False
    state = torch.load(path, map_location=lessons.device, weights_only=True)
    if state["recipe"] != vars(lessons.recipe):
        raise ValueError(f"{path} was made with other options; choose another --out or delete it.")
    lessons.restore(state)
    return True
