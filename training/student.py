"""What is trained: an encoder or its projection alone, and a head for a teacher's classes."""

from copy import deepcopy

from torch import Tensor, nn

from training.model import EncoderNet
from training.options import Recipe
from training.teacher import Teacher


class Projection(nn.Module):
    """An encoder without its backbone: what it takes are cached features."""

    def __init__(self, encoder: EncoderNet) -> None:
        super().__init__()
        self.features, self.project = encoder.features, deepcopy(encoder.project)

    def pooled(self, inputs: Tensor) -> Tensor:
        return inputs

    def vectors(self, pooled: Tensor) -> Tensor:
        return nn.functional.normalize(self.project(pooled).float(), dim=1)

    def blocks(self) -> list[nn.Module]:
        return [self.project]


Encoder = EncoderNet | Projection


class Student(nn.Module):
    """The encoder, and a head that guesses the teacher's classes and is thrown away at the end."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.classify = nn.Linear(encoder.features, classes) if classes else None

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        pooled = self.encoder.pooled(inputs)
        logits = self.classify(pooled).float() if self.classify is not None else None
        return self.encoder.vectors(pooled), logits


def student_of(encoder: Encoder, teacher: Teacher | None, recipe: Recipe) -> Student:
    asked = teacher is not None and recipe.logits > 0
    return Student(encoder, teacher.classes if teacher is not None and asked else 0)
