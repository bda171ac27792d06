"""How a run ends: batch statistics, validation, export, thresholds."""

from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from lookalike.cards import ModelCard, Preprocessing, Thresholds
from training import frozen
from training.export import ParityError, export
from training.learner import Learner, keeps_statistics
from training.material import Material
from training.measured import measure
from training.model import EncoderNet
from training.options import Options, given
from training.pictures import Labelled
from training.pool import Pool, gather
from training.protocols import across
from training.student import Projection

SETTLED = 4_096  # pictures that batch statistics are measured on
CHECKED = 8  # pictures on which the exported file must agree with torch
AT_ONCE = 256
REPORTED = ("recall@1", "recall@10", "map@10")


def finish(
    learner: Learner,
    encoder: EncoderNet,
    found: Material,
    options: Options,
    measured: dict[str, float],
) -> None:
    """Writes options.out/model, of the averaged weights; its thresholds are still to be found."""
    encoder = snapshot(learner, encoder, found.pool)
    card = card_of(options, found, measured)
    first = np.arange(min(CHECKED, len(found.pool)))
    shown = [Image.fromarray(square) for square in gather(found.pool, first)]
    try:
        export(encoder.cpu(), card, options.out / "model", check=shown, half_weights=True)
    except ParityError:  # a network that 16 bits are too few for; half the file is not worth it
        export(encoder.cpu(), card, options.out / "model", check=shown)


def snapshot(learner: Learner, encoder: EncoderNet, pool: Pool) -> EncoderNet:
    """The averaged weights as an encoder of their own, ready to be measured or to ship.

    encoder: the network as built; it lends its backbone where only the projection is trained.
    """
    own = learner.blended()
    if isinstance(own, Projection):
        whole = deepcopy(encoder)
        whole.project.load_state_dict(own.project.state_dict())
        return whole.eval()
    if not keeps_statistics(learner.recipe):
        settle(own, pool, learner.recipe.size)
    return own.eval()


@torch.no_grad()
def settle(encoder: EncoderNet, pool: Pool, size: int) -> None:
    """Measure the batch statistics anew on whole pictures, as the encoder will be shown them.

    Training saw mixtures and crops, and MobileNetV3's own running statistics (momentum 0.01) still
    remember the network of hundreds of steps ago.
    """
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all that is seen
    encoder.train()
    rows = torch.arange(len(pool))[:: -(-len(pool) // SETTLED)]
    for some in rows.split(AT_ONCE):
        encoder.pooled(frozen.whole(pool, some, size).to(encoder.mean.device))
    encoder.eval()


def validated(
    encoder: EncoderNet, found: Material, size: int, precision: torch.dtype = torch.float32
) -> dict[str, float]:
    """Held-out pictures look for their label among those learnt from; nothing without any.

    By the network, on pixels as the pool keeps them: for curves and choices. `training.evaluate`
    measures the file that serves.
    """
    if found.held_out is None:
        return {}
    look = frozen.seen_by(encoder.eval(), encoder.mean.device, precision)
    vectors = {}
    for pool in (found.pool, found.held_out):
        rows = torch.tensor([row for row, file in enumerate(pool.files) if file.label])
        own = frozen.whole_features(look, pool, size, rows).numpy()
        vectors.update({pool.files[int(row)].path: own[i] for i, row in enumerate(rows)})
    protocol = across("held out", "val", list(found.held_out.files), found.labelled)
    scores = measure(protocol, "", vectors).scores
    return {f"val_{name}": float(scores[name].mean()) for name in REPORTED}


def card_of(options: Options, found: Material, validation: dict[str, float]) -> ModelCard:
    return ModelCard(
        model=options.model,
        sha256="",
        dimension=options.dimension,
        preprocessing=Preprocessing(size=options.size),
        thresholds=Thresholds(duplicate=1.0, floor=-1.0),
        architecture=f"{options.arch} of torchvision, {options.pooling} pooling, linear projection",
        licence="that of the pictures and weights it was made from",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        training_data=told(options, found),
        metrics={name: round(value, 4) for name, value in validation.items()},
    )


def told(options: Options, found: Material) -> tuple[str, ...]:
    """What the encoder was made from, one line each."""
    names = {file.label for file in found.labelled}
    lines = [f"{len(found.pool)} pictures"]
    if names:
        lines.append(
            f"labels: {len(names)}, of {len(found.labelled)} of the pictures, from "
            f"{options.labels.name}"
        )
    if given(options.clicks):
        lines.append(f"clicks: {options.clicks.name}")
    if options.weights != "none":
        lines.append(f"started from weights: {Path(options.weights).name}")
    if options.teacher not in {"none", "start"}:
        lines.append(f"teacher, not part of the model: {Path(options.teacher).name}")
    return tuple(lines)


def questions(found: Material) -> tuple[list[Labelled], list[Labelled]]:
    """What thresholds are found on: pictures that were not trained on, where there are any."""
    if found.held_out is None:
        return found.labelled, found.labelled
    return list(found.held_out.files), found.labelled
