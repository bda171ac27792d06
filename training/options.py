"""One set of options: the command line on a laptop, hyperparameters.json in SageMaker."""

import argparse
from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

Pooling = Literal["gem", "average"]
NORMALISED = ("imagenet", "half", "none")  # see training.model
NOWHERE = Path()  # a location that was not given


def option(default: Any, words: str, *choices: str) -> Any:
    return field(default=default, metadata={"help": words, "choices": choices or None})


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, but the pictures. A checkpoint belongs to one recipe."""

    # The network
    arch: str = option("mobilenet_v3_large", "any CNN of torchvision, by name")
    weights: str = option(
        "none",
        "none, DEFAULT (torchvision downloads its own), a file of torch weights, a model folder "
        "that training made, or shipped (the default encoder)",
    )
    normalisation: str = option("imagenet", "of pixels, as the weights expect", *NORMALISED)
    size: int = option(160, "pixels, each side of the encoder's input")
    dimension: int = option(256, "length of the vectors")
    pooling: Pooling = option("gem", "of the feature maps", "gem", "average")
    train: str = option(
        "all", "the whole network, or the projection on cached features", "all", "projection"
    )
    batch_norm: str = option(
        "auto",
        "batch statistics, or frozen ones; auto freezes those of given weights",
        "auto",
        "batch",
        "frozen",
    )
    # How long, how fast
    steps: int = option(2_000, "optimiser steps")
    batch: int = option(128, "pictures a step that are compared, over all processes")
    each: int = option(4, "pictures of one label in a batch")
    learning_rate: float = option(1e-3, "of the projection and the last layers, at its highest")
    layer_decay: float = option(1.0, "learning rate of a block, relative to the one after it")
    weight_decay: float = option(0.05, "of matrices and kernels")
    average: float = option(0.01, "share of the steps that the averaged weights look back over")
    start_share: float = option(0.0, "of the given weights in the final ones, see training.learner")
    seed: int = option(1, "of the first weights and of every draw")
    # What is asked for
    loss: str = option("contrastive", "of pairs", "contrastive", "triplet")
    temperature: float = option(0.1, "of the contrastive loss")
    margin: float = option(0.2, "of the triplet loss, in cosine distance")
    contrast: float = option(1.0, "weight of the loss of pairs")
    prefixes: str = option("64,128", "first dimensions that must search well on their own")
    # A teacher
    teacher: str = option(
        "none", "none, start (the network as it began), a file of weights, or a model folder"
    )
    teacher_arch: str = option("mobilenet_v2", "of a teacher given as a file of weights")
    teacher_normalisation: str = option("half", "what its weights expect", *NORMALISED)
    teacher_size: int = option(224, "pixels, each side of such a teacher's input")
    direction: float = option(1.0, "weight of copying the teacher's vectors")
    logits: float = option(0.0, "weight of copying the teacher's class probabilities")
    logit_temperature: float = option(2.0, "of those probabilities")
    mixtures: int = option(0, "blended pictures a step, on which the teacher alone is copied")
    whitening: float = option(0.25, "of principal axes: 0 keeps their spread, 1 evens it out")

    @property
    def lengths(self) -> list[int]:
        """Of the prefixes that are shorter than the whole vector."""
        given = [int(part) for part in self.prefixes.split(",") if part.strip()]
        return [length for length in given if 0 < length < self.dimension]


@dataclass(frozen=True)
class Options(Recipe):
    """The recipe, and what belongs to this run alone."""

    # What to learn from: any of these, together
    pictures: Path = option(NOWHERE, "a folder of pictures; two views of one look alike")
    labels: Path = option(NOWHERE, "a folder of folders, or a CSV with path and label")
    label_by: str = option(
        "folder",
        "of a folder: the folder a picture is in, or its sidecar's group",
        "folder",
        "group",
    )
    clicks: Path = option(NOWHERE, "weighted pairs, one JSON object a line")
    validation_share: float = option(0.1, "of the labelled pictures, held out to measure on")
    # Where
    out: Path = option(Path("artifacts/encoder"), "the model folder and the report go here")
    checkpoints: Path = option(NOWHERE, "checkpoints; beside the model if not given")
    cache: Path = option(NOWHERE, "decoded pixels; beside the checkpoints if not given")
    tensorboard: Path = option(NOWHERE, "TensorBoard's logs; none if not given")
    # This run
    model: str = option("trained", "the version written into the model card")
    limit: int = option(0, "pictures of each kind, for a quick try; 0 is all")
    minutes: float = option(0.0, "stop after so long, to be continued; 0 is no limit")
    save_every: float = option(60.0, "seconds between checkpoints")
    report_every: int = option(50, "steps between two lines of metrics")
    validate_every: int = option(0, "steps between two validations; 0 is at the end")
    precision: str = option("auto", "of the arithmetic", "auto", "bf16", "fp32")

    @classmethod
    def from_command_line(cls, arguments: Sequence[str] | None = None, **defaults: Any) -> Self:
        """Names with hyphens or underscores; anything else ends the program with 2, and says why.

        defaults: of options that this place knows better, such as SageMaker's folders.
        """
        parser = argparse.ArgumentParser(
            prog="python -m training.train",
            description="Train an encoder from pictures, labels, clicks or a teacher.",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        for each in fields(cls):
            _add(parser, each, defaults.get(each.name, each.default))
        options = cls(**vars(parser.parse_args(arguments)))
        for wrong, sentence in options.problems().items():
            parser.error(f"--{wrong.replace('_', '-')} {sentence}")
        return options

    def problems(self) -> dict[str, str]:
        """What cannot work, by the option to change."""
        least = {"steps": 1, "batch": 2, "each": 2, "size": 32, "dimension": 2, "report_every": 1}
        found = {
            name: f"must be at least {value}"
            for name, value in least.items()
            if getattr(self, name) < value
        }
        if not all(part.strip().isdecimal() for part in self.prefixes.split(",") if part):
            found["prefixes"] = "are numbers with commas between, such as 64,128"
        for name in ("validation_share", "start_share"):
            if not 0 <= getattr(self, name) < 1:
                found[name] = "is a share, from 0 to below 1"
        if self.mixtures and self.teacher == "none":
            found["mixtures"] = "are learnt from a teacher alone; give --teacher, or leave them out"
        if self.start_share and self.weights == "none":
            found["start_share"] = "needs a start worth keeping; give --weights"
        return found

    def recipe(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(Recipe)}


def _add(parser: argparse.ArgumentParser, option: "Field[Any]", default: Any) -> None:
    parser.add_argument(
        *dict.fromkeys(["--" + option.name.replace("_", "-"), "--" + option.name]),
        dest=option.name,
        type=type(option.default),
        default=default,
        choices=option.metadata["choices"],
        help=option.metadata["help"],
    )


def given(location: Path) -> bool:
    return location != NOWHERE
