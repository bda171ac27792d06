"""How a run starts: the network, what it is shown, its teacher, and the axes of what it knows."""

from pathlib import Path

import torch
from torch import Tensor, nn

from lookalike.models import SHIPPED
from training import frozen, reopening, teacher
from training.learner import Learner
from training.model import NORMALISATIONS, EncoderNet
from training.options import Options, Recipe
from training.pool import Pool
from training.showing import Features, Show, Views, dice
from training.student import Encoder, Projection
from training.teacher import Axes, Teacher

FITTED = 4_096  # pictures that principal axes are found on


def encoder_of(recipe: Recipe) -> EncoderNet:
    torch.manual_seed(recipe.seed)  # of weights that are not given
    mean, std = NORMALISATIONS[recipe.normalisation]
    before = earlier_encoder(recipe)
    encoder = EncoderNet(
        recipe.arch,
        recipe.weights if before is None else "none",
        dimension=recipe.dimension,
        pooling=recipe.pooling,
        mean=mean,
        std=std,
    )
    return encoder if before is None else reopening.reopen(encoder, before)


def earlier_encoder(recipe: Recipe) -> Path | None:
    """The model folder that it goes on from, if any; its projection means something already."""
    if recipe.weights == "shipped":
        return SHIPPED
    return Path(recipe.weights) if Path(recipe.weights).is_dir() else None


def side(options: Options) -> int:
    """Pixels of a view: what the larger of student and teacher is shown."""
    taught = options.teacher not in {"none", "start"}
    return max(options.size, options.teacher_size) if taught else options.size


def shown_to(
    options: Options, encoder: EncoderNet, pool: Pool, cache: Path, precision: torch.dtype
) -> tuple[Show, Encoder]:
    """What is trained, and what it is shown: the network, views; its projection, features."""
    if options.train == "all":
        return Views(pool, side(options), encoder.mean.device), encoder
    features = frozen.features_of_views(encoder.eval(), pool, options, cache, precision)
    return Features(features, encoder.mean.device), Projection(encoder)


def teacher_of(options: Options, encoder: EncoderNet) -> Teacher | None:
    dimension, whitening = options.dimension, options.whitening
    if options.teacher == "none":
        return None
    if options.teacher == "start" and options.train == "projection":
        return Teacher(nn.Identity(), Axes(encoder.features, dimension, whitening))
    if options.teacher == "start":
        return teacher.itself(encoder, dimension, whitening)
    if Path(options.teacher).is_dir():
        return teacher.from_model_folder(Path(options.teacher), dimension, whitening)
    return teacher.from_weights(
        options.teacher_arch,
        options.teacher,
        options.teacher_normalisation,
        dimension,
        whitening,
    )


@torch.no_grad()
def turn_to_axes(learner: Learner, show: Show, pool: Pool) -> None:
    """Learning begins from what given weights know, and copies the teacher's axes."""
    recipe, mentor = learner.recipe, learner.teacher
    draw = dice(recipe.seed, 0)
    rows = torch.randperm(len(pool), generator=draw)[:FITTED].sort().values
    if recipe.weights != "none" and earlier_encoder(recipe) is None:
        axes = Axes(learner.student.encoder.features, recipe.dimension, recipe.whitening)
        axes.fit(features_of_start(learner, show, pool, rows))
        start = {"weight": axes.axes.T, "bias": -axes.centre @ axes.axes}
        for student in (learner.student, learner.average):
            student.encoder.project.load_state_dict(start)
    if mentor is not None and isinstance(show, Features):
        mentor.axes.fit(show.whole(rows))
    elif isinstance(show, Views) and mentor is not None:
        look = frozen.seen_by(mentor.features, learner.device, learner.precision)
        mentor.axes.fit(frozen.whole_features(look, pool, show.side, rows))
    learner.remember_start()


def features_of_start(learner: Learner, show: Show, pool: Pool, rows: Tensor) -> Tensor:
    if isinstance(show, Features):
        return show.whole(rows)
    encoder = learner.student.encoder.eval()
    look = frozen.seen_by(encoder.pooled, learner.device, learner.precision)
    return frozen.whole_features(look, pool, learner.recipe.size, rows)
