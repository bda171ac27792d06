"""The encoder as a torch module: backbone → pooling → projection → unit vector."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from torch import Tensor, nn

from lookalike.errors import CallerError
from training.options import Pooling
from training.torchvision_shim import torchvision

Triple = tuple[float, float, float]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
NORMALISATIONS: dict[str, tuple[Triple, Triple]] = {  # mean and std, by what weights expect
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),  # pixels between -1 and 1
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
HEADS = {"avgpool", "classifier", "fc", "head", "heads", "dropout"}  # what follows the feature map
PROBE_SIDE = 64  # pixels; large enough for every CNN of torchvision but Inception


class WrongWeights(CallerError):
    """The weights cannot be had, or belong to another network."""


class GeM(nn.Module):
    """Generalised mean over positions: p = 1 is the average, p → ∞ the maximum. Learnt p.

    (mean of x^p)^(1/p), Radenović et al. 2018. Negative features count as zero. By logarithms:
    ONNX Runtime's Pow takes a tenth of the whole network's time, its Log and Exp next to none.
    """

    def __init__(self, p: float = 3.0, smallest: float = 1e-5) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p))
        self.smallest = smallest  # keeps x^p and its gradient finite at zero

    def forward(self, maps: Tensor) -> Tensor:
        with torch.autocast(maps.device.type, enabled=False):  # cubes overflow half precision
            logs = maps.float().clamp(min=self.smallest).log()
            return ((self.p * logs).exp().mean(dim=(2, 3)).log() / self.p).exp()


class AveragePooling(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean(dim=(2, 3))


class EncoderNet(nn.Module):
    """Pictures to unit vectors.

    pictures: (n, 3, height, width), RGB between 0 and 1; normalisation is inside.
    dimension: length of the vectors; None leaves out the projection.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        arch: str,
        weights: str = "none",
        *,
        dimension: int | None = 256,
        pooling: Pooling = "gem",
        mean: Triple = IMAGENET_MEAN,
        std: Triple = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.backbone = feature_maps(arch, weights)
        self.pool = GeM() if pooling == "gem" else AveragePooling()
        self.features = channels_of(self.backbone, arch)
        self.project: nn.Module = (
            nn.Linear(self.features, dimension) if dimension else nn.Identity()
        )
        self.dimension = dimension or self.features

    def pooled(self, pictures: Tensor) -> Tensor:
        """(n, features): what the projection sees."""
        pooled: Tensor = self.pool(self.backbone((pictures - self.mean) / self.std))
        return pooled

    def vectors(self, pooled: Tensor) -> Tensor:
        """(n, features) to (n, dimension) of unit length."""
        return F.normalize(self.project(pooled).float(), dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.vectors(self.pooled(pictures))

    def blocks(self) -> list[nn.Module]:
        """The parts that may learn at rates of their own, from the pixels to the vector."""
        parts = list(self.backbone)
        while len(parts) == 1 and isinstance(parts[0], nn.Sequential):
            parts = list(parts[0])
        return [*parts, nn.ModuleList([self.pool, self.project])]


def feature_maps(arch: str, weights: str) -> nn.Sequential:
    """The network up to its last feature map.

    weights: DEFAULT (torchvision downloads its own), "none" (random), or a file of a state dict.
    """
    try:
        network = torchvision.models.get_model(arch, weights=None, **_quiet(arch))
    except ValueError as error:
        raise WrongWeights(f"torchvision has no network called {arch}.") from error
    if weights != "none":
        load_weights(network, read_weights(arch, weights), arch)
    return nn.Sequential(*(child for name, child in network.named_children() if name not in HEADS))


def _quiet(arch: str) -> dict[str, Any]:
    """Two old networks warn about a slow default unless it is spelt out."""
    return {"init_weights": True} if arch in {"googlenet", "inception_v3"} else {}


def channels_of(backbone: nn.Sequential, arch: str) -> int:
    """How many features a position has; refuses networks that are not a plain chain of maps."""
    try:
        with torch.inference_mode():
            maps = backbone.eval()(torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE))
    except Exception as error:  # whatever a network raises when its parts are chained
        raise WrongWeights(f"{arch} is not a CNN that this project can take apart.") from error
    finally:
        backbone.train()
    if not isinstance(maps, Tensor) or maps.ndim != 4:
        raise WrongWeights(f"{arch} does not end in feature maps; choose a CNN.")
    return int(maps.shape[1])


def read_weights(arch: str, weights: str) -> dict[str, Tensor]:
    if weights == "DEFAULT":
        return _download(arch)
    path = Path(weights)
    if not path.is_file():
        raise WrongWeights(f"There is no file {path}. Weights are DEFAULT, none, or a file.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the unpickler met
        raise WrongWeights(f"{path.name} is not a file of torch weights.") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    return state


def _download(arch: str) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = torchvision.models.get_model_weights(
            arch
        ).DEFAULT.get_state_dict()
    except OSError as error:  # URLError and its kin
        raise WrongWeights(
            f"The weights of {arch} could not be downloaded ({error}). "
            "Fetch them elsewhere and give the file with --weights FILE."
        ) from error
    return state


def load_weights(network: nn.Module, state: dict[str, Tensor], arch: str) -> None:
    """Copy the weights in, or say which one shows that they belong to another network."""
    wanted = network.state_dict()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    if not isinstance(state, dict):
        raise WrongWeights(f"The weights file holds no state dict for {arch}.")
    for name in wanted.keys() - counters:
        if name not in state:
            raise WrongWeights(f"These are not weights of {arch}: {name} is missing.")
        if state[name].shape != wanted[name].shape:
            raise WrongWeights(
                f"These are not weights of {arch}: {name} is {tuple(state[name].shape)}, "
                f"not {tuple(wanted[name].shape)}."
            )
    for name in state.keys() - wanted.keys():
        raise WrongWeights(f"These are not weights of {arch}: it has no {name}.")
    network.load_state_dict(state, strict=False)
