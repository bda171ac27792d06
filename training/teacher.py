"""A trained encoder to learn from. None of its weights ends up in the student."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from PIL import Image
from torch import Tensor, nn

from lookalike.encoder import Encoder
from lookalike.errors import CallerError
from training.model import NORMALISATIONS, EncoderNet, read_weights

WEAKEST = 1e-4  # of the strongest axis: what spreads less is rounding, not to be made larger

Features = Callable[[Tensor], Tensor]


class UnusableTeacher(CallerError):
    """The teacher cannot be read, or has less to say than is asked for."""


class Lesson(NamedTuple):
    """directions: (n, dimension) unit vectors. logits: (n, classes) or None without any."""

    directions: Tensor
    logits: Tensor | None


class Axes(nn.Module):
    """Features turned to their principal axes, the strongest first.

    A prefix of such a vector is the best that so many dimensions can say.
    """

    centre: Tensor
    axes: Tensor

    def __init__(self, features: int, dimension: int, whitening: float) -> None:
        super().__init__()
        if features < dimension:
            raise UnusableTeacher(
                f"There are {features} features, too few for vectors of {dimension}; "
                f"ask for --dimension {features} or less."
            )
        self.whitening = whitening
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("axes", torch.eye(features, dimension))

    def fit(self, features: Tensor) -> None:
        """features: (n, features) of pictures like those to be learnt from.

        Axis i is divided by (its standard deviation) ** whitening: 0 leaves the few strongest
        axes to decide everything, 1 lets the noise of the weakest count as much. Of fewer pictures
        than axes there are no axes: the features stay as they are.
        """
        centre = features.mean(dim=0)
        _, spread, axes = torch.linalg.svd(features - centre, full_matrices=False)
        dimension = self.axes.shape[1]
        if len(spread) > dimension:
            self.centre.copy_(centre)
            least = max(WEAKEST * float(spread[0]), torch.finfo(spread.dtype).tiny)
            self.axes.copy_(axes[:dimension].T / spread[:dimension].clamp(least) ** self.whitening)

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.centre) @ self.axes


class Teacher(nn.Module):
    """Anything that has features of a picture, and perhaps classes, seen along its axes.

    features: (n, 3, side, side) in 0–1 to (n, features).
    """

    def __init__(self, features: Features, axes: Axes, classify: nn.Linear | None = None) -> None:
        super().__init__()
        self.features, self.axes, self.classify = features, axes, classify
        self.requires_grad_(False).eval()

    @property
    def classes(self) -> int:
        return self.classify.out_features if self.classify is not None else 0

    def forward(self, pictures: Tensor) -> Lesson:
        features = self.features(pictures).float()
        logits = self.classify(features) if self.classify is not None else None
        return Lesson(F.normalize(self.axes(features), dim=1), logits)


def from_weights(
    arch: str, weights: str, normalisation: str, dimension: int, whitening: float
) -> Teacher:
    """A classifier of torchvision, and its classes where its last layer sees what we pool."""
    mean, std = NORMALISATIONS[normalisation]
    network = EncoderNet(arch, weights, dimension=None, pooling="average", mean=mean, std=std)
    state = read_weights(arch, weights)
    last = [name for name, value in state.items() if value.ndim == 2]
    classify = None
    if last and state[last[-1]].shape[1] == network.features:
        weight, bias = state[last[-1]], state[last[-1].replace("weight", "bias")]
        classify = nn.Linear(weight.shape[1], weight.shape[0])
        classify.load_state_dict({"weight": weight.float(), "bias": bias.float()})
    axes = Axes(network.features, dimension, whitening)
    return Teacher(Pooled(network), axes, classify)


def itself(encoder: EncoderNet, dimension: int, whitening: float) -> Teacher:
    """The network as it is now: what it knows already is not to be forgotten."""
    return Teacher(Pooled(deepcopy(encoder)), Axes(encoder.features, dimension, whitening))


class Pooled(nn.Module):
    """The features that a network's projection would see."""

    def __init__(self, network: EncoderNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network.pooled(pictures)


def from_model_folder(folder: Path, dimension: int, whitening: float) -> Teacher:
    """Any encoder that can serve (model.onnx and card.json), run by ONNX Runtime."""
    encoder = Encoder(folder)

    def features(pictures: Tensor) -> Tensor:
        pixels = (pictures.permute(0, 2, 3, 1) * 255).round().clamp(0, 255).byte().cpu().numpy()
        vectors = encoder.encode([Image.fromarray(one) for one in pixels])
        return torch.from_numpy(vectors).to(pictures.device)

    axes = Axes(encoder.card.dimension, dimension, whitening)
    return Teacher(features, axes)
