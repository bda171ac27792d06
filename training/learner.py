"""One training run: the network, its average over time, the optimiser, and what a step asks for."""

import math
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training import distributed
from training.losses import (
    contrastive_loss,
    direction_loss,
    logit_loss,
    prefixes,
    relation_of,
    triplet_loss,
)
from training.options import Recipe
from training.pairs import Batch
from training.student import Encoder, Student, student_of
from training.teacher import Lesson, Teacher

WARM_UP = 0.03  # share of the steps in which the learning rate rises
LARGEST_GRADIENT = 2.0


class Shown(NamedTuple):
    """What one process is shown in one step.

    inputs: (mixtures + own rows, …) what the network takes; mixtures come first.
    batch: the whole batch, of all processes. known: (own rows, n) or None, see PairSource.
    """

    inputs: Tensor
    batch: Batch
    known: Tensor | None


class Learner:
    """What a checkpoint holds, and how it changes from step to step."""

    def __init__(
        self,
        recipe: Recipe,
        encoder: Encoder,
        teacher: Teacher | None,
        device: torch.device,
        *,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.recipe, self.teacher, self.device, self.precision = recipe, teacher, device, precision
        self.student = student_of(encoder, teacher, recipe).to(device)
        if device.type == "cuda" or precision == torch.bfloat16:
            self.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = deepcopy(self.student).requires_grad_(False)
        norms = [m for m in self.student.modules() if isinstance(m, nn.BatchNorm2d)]
        self.still = norms if keeps_statistics(recipe) else []
        groups = parameter_groups(self.student, recipe)
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate)
        self.parallel: nn.Module = self.student
        if distributed.world() > 1:
            self.parallel = DistributedDataParallel(self.student)
        self.start: dict[str, Tensor] | None = None
        self.step = 0

    def remember_start(self) -> None:
        """Call once, before the first step, when the start is to be part of what ships."""
        if self.recipe.start_share > 0:
            state = self.average.encoder.state_dict()
            self.start = {name: value.clone() for name, value in state.items()}

    def blended(self) -> Encoder:
        """A copy of the average over time, drawn back towards the start by `start_share`.

        Between given weights and what became of them lie networks that know the new labels almost
        as well, and what lies beyond those labels better (Wortsman et al. 2022, WiSE-FT).
        """
        encoder = deepcopy(self.average.encoder)
        if self.start is not None:
            for name, value in encoder.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(self.start[name], self.recipe.start_share)
        return encoder

    def learn(self, shown: Shown) -> dict[str, Tensor]:
        """One step; returns its losses by name, as tensors so that the device is not waited for."""
        for group in self.optimiser.param_groups:
            group["lr"] = group["highest"] * schedule(self.step / self.recipe.steps)
        self.student.train()
        for norm in self.still:
            norm.eval()
        losses = self.losses(shown)
        self.optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return {name: value.detach() for name, value in losses.items()}

    def losses(self, shown: Shown) -> dict[str, Tensor]:
        recipe = self.recipe
        with torch.autocast(self.device.type, self.precision, self.precision != torch.float32):
            lesson = self._lesson(shown.inputs)
            vectors, logits = self.parallel(self._sized(shown.inputs))
        found = {"contrast": self._contrast(vectors.float(), shown)}
        loss = recipe.contrast * found["contrast"]
        if lesson is not None:
            ours = [vectors, *prefixes(vectors, recipe.lengths)]
            theirs = [lesson.directions, *prefixes(lesson.directions, recipe.lengths)]
            found["direction"] = torch.stack(list(map(direction_loss, ours, theirs))).sum()
            loss = loss + recipe.direction * found["direction"]
        if lesson is not None and lesson.logits is not None and logits is not None:
            found["classes"] = logit_loss(logits, lesson.logits.float(), recipe.logit_temperature)
            loss = loss + recipe.logits * found["classes"]
        return {"loss": loss, **found}

    def _contrast(self, vectors: Tensor, shown: Shown) -> Tensor:
        """The loss of pairs, summed over prefixes; every process sees the vectors of all."""
        recipe, batch = self.recipe, shown.batch
        own = vectors[recipe.mixtures // distributed.world() :]
        everyone = distributed.gathered(own)
        mine = distributed.share(len(batch.rows))
        relation = relation_of(batch.identities, batch.rows, batch.weights, mine, shown.known)
        total = distributed.averaged(relation.total)
        parts = []
        for anchors, others in zip(
            [own, *prefixes(own, recipe.lengths)],
            [everyone, *prefixes(everyone, recipe.lengths)],
            strict=True,
        ):
            if recipe.loss == "triplet":
                loss = triplet_loss(anchors, others, relation, recipe.margin, total=total)
            else:
                loss = contrastive_loss(anchors, others, relation, recipe.temperature, total=total)
            parts.append(loss)
        return torch.stack(parts).sum()

    @torch.no_grad()
    def _lesson(self, inputs: Tensor) -> Lesson | None:
        if self.teacher is None:
            return None
        lesson: Lesson = self.teacher(inputs)
        return lesson

    def _sized(self, inputs: Tensor) -> Tensor:
        """Pictures are drawn at the teacher's size; the student may be shown them smaller."""
        size = self.recipe.size
        if inputs.ndim != 4 or inputs.shape[-1] == size:
            return inputs
        with torch.no_grad():
            return nn.functional.interpolate(inputs, (size, size), mode="bilinear", antialias=True)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Exponential moving average; a short memory at first, when each step improves much."""
        horizon = self.recipe.average * self.recipe.steps
        keep = min(1 - 1 / (horizon + 1), self.step / (self.step + 10))
        ours, theirs = self.average.state_dict(), self.student.state_dict()
        floats = [name for name, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_([ours[n] for n in floats], [theirs[n] for n in floats], 1 - keep)

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "start": self.start,
            "axes": self.teacher.axes.state_dict() if self.teacher is not None else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.start = state["start"]
        if self.teacher is not None:
            self.teacher.axes.load_state_dict(state["axes"])


def keeps_statistics(recipe: Recipe) -> bool:
    """Are the batch statistics of the given weights kept as they are?"""
    if recipe.batch_norm == "auto":
        return recipe.weights != "none"
    return recipe.batch_norm == "frozen"


def parameter_groups(student: Student, recipe: Recipe) -> list[dict[str, Any]]:
    """Each block at its own highest rate; only matrices and kernels are drawn to zero.

    Biases, scales and GeM's exponent are not: they are few, and zero means nothing to them.
    """
    groups = []
    heads = [student.classify] if student.classify is not None else []
    blocks = student.encoder.blocks()
    for depth, block in enumerate(reversed([*blocks[:-1], nn.ModuleList([blocks[-1], *heads])])):
        rate = recipe.learning_rate * recipe.layer_decay**depth
        kernels = [p for p in block.parameters() if p.ndim > 1]
        others = [p for p in block.parameters() if p.ndim <= 1]
        groups.append({"params": kernels, "weight_decay": recipe.weight_decay, "highest": rate})
        groups.append({"params": others, "weight_decay": 0.0, "highest": rate})
    return [group for group in groups if group["params"]]


def schedule(progress: float) -> float:
    """Share of the full learning rate: up in a line, down in half a cosine."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
