"""A trained network to learn from. None of its weights ends up in the student."""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from torch import Tensor, nn

from training.model import EncoderNet, read_weights

TEACHER_ARCH = "mobilenet_v2"
TEACHER_SIDE = 224
HALF = (0.5, 0.5, 0.5)  # its weights were trained on pixels between -1 and 1


class Lesson(NamedTuple):
    """directions: (n, dimension) unit vectors. logits: (n, classes), the teacher's classes."""

    directions: Tensor
    logits: Tensor


class Teacher(nn.Module):
    """MobileNetV2 trained on ImageNet, its pooled features turned to their principal axes.

    The student's dimensions copy these axes in order of their variance, so that a prefix of its
    vector is the best that so many dimensions can say.
    """

    centre: Tensor
    axes: Tensor

    def __init__(self, weights: Path, dimension: int, whitening: float) -> None:
        super().__init__()
        self.encoder = EncoderNet(
            TEACHER_ARCH, str(weights), dimension=None, pooling="average", mean=HALF, std=HALF
        )
        state = read_weights(TEACHER_ARCH, str(weights))
        classes, features = state["classifier.1.weight"].shape
        self.classify = nn.Linear(features, classes)
        self.classify.load_state_dict(
            {name: state[f"classifier.1.{name}"].float() for name in ("weight", "bias")}
        )
        self.whitening = whitening
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("axes", torch.zeros(features, dimension))
        self.requires_grad_(False).eval()

    @property
    def classes(self) -> int:
        return self.classify.out_features

    def fit_axes(self, features: Tensor) -> None:
        """features: (n, features) of pictures like those to be learnt from, n > dimension.

        Axis i is divided by (its standard deviation) ** whitening: 0 leaves the few strongest
        axes to decide everything, 1 lets the noise of the weakest count as much.
        """
        centred = features - features.mean(dim=0)
        _, spread, axes = torch.linalg.svd(centred, full_matrices=False)
        dimension = self.axes.shape[1]
        if len(spread) < dimension:
            raise ValueError(f"{len(features)} pictures are too few for {dimension} axes.")
        self.centre.copy_(features.mean(dim=0))
        self.axes.copy_(axes[:dimension].T / spread[:dimension] ** self.whitening)

    def features(self, pictures: Tensor) -> Tensor:
        """(n, 3, TEACHER_SIDE, TEACHER_SIDE) in 0–1 to (n, features)."""
        pooled: Tensor = self.encoder.pooled(pictures)
        return pooled.float()

    def forward(self, pictures: Tensor) -> Lesson:
        features = self.features(pictures)
        return Lesson(
            F.normalize((features - self.centre) @ self.axes, dim=1), self.classify(features)
        )
