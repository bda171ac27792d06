"""Random views of pictures, a whole batch at a time on the device the pictures are on.

The teacher and the student are shown the same view, so a view may be as odd as it likes; the
ranges below are wide for that reason. Draws come from the given generator and nowhere else.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from torch import Generator, Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Ranges:
    """How far a view may go from its picture.

    area: share of the picture that is kept, drawn evenly. aspect: at most this ratio, either way.
    whole: probability that the picture is kept whole, as it is when it is indexed and queried.
    degrees: rotation, either way. light: brightness and contrast, ± this share.
    colour: saturation, ± this share; hue turns by at most `hue` of a full circle.
    grey, blurred: probabilities.
    """

    area: tuple[float, float]
    aspect: float = 1.5
    whole: float = 0.2
    degrees: float = 15.0
    light: float = 0.3
    colour: float = 0.3
    hue: float = 0.03
    grey: float = 0.05
    blurred: float = 0.2


# The student copies the teacher on anything: small crops and odd colours are more to learn from.
FOR_DISTILLATION = Ranges(area=(0.08, 1.0), light=0.4, colour=0.5, hue=0.06)
# Two views that must come out alike keep most of the picture, and its colours.
FOR_PAIRS = Ranges(area=(0.35, 1.0), light=0.25, colour=0.2, hue=0.015, grey=0.0)


def views(pixels: Tensor, side: int, ranges: Ranges, generator: Generator) -> Tensor:
    """(n, h, w, 3) uint8 to (n, 3, side, side) float in 0–1: one random view of each."""
    pictures = pixels.permute(0, 3, 1, 2).float() / 255
    seen = crops(pictures, side, ranges, generator)
    return blurs(colours(seen, ranges, generator), ranges.blurred, generator)


def uniform(n: int, low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(n, generator=generator, device=generator.device) * (high - low) + low


def crops(pictures: Tensor, side: int, ranges: Ranges, generator: Generator) -> Tensor:
    """A rotated, mirrored, stretched part of each picture; beyond the border it is mirrored."""
    n = len(pictures)
    area = uniform(n, *ranges.area, generator)
    stretch = (uniform(n, -1, 1, generator) * math.log(ranges.aspect) / 2).exp()
    angle = uniform(n, -1, 1, generator) ** 3 * math.radians(ranges.degrees)  # mostly small
    whole = uniform(n, 0, 1, generator) < ranges.whole
    width = torch.where(whole, 1.0, (area.sqrt() * stretch).clamp(max=1))
    height = torch.where(whole, 1.0, (area.sqrt() / stretch).clamp(max=1))
    angle = torch.where(whole, 0.0, angle)
    mirror = torch.where(uniform(n, 0, 1, generator) < 0.5, -1.0, 1.0)
    x = uniform(n, -1, 1, generator) * (1 - width)
    y = uniform(n, -1, 1, generator) * (1 - height)
    across = torch.stack([width * angle.cos() * mirror, -height * angle.sin(), x], dim=1)
    down = torch.stack([width * angle.sin() * mirror, height * angle.cos(), y], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), [n, 3, side, side], False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def colours(pictures: Tensor, ranges: Ranges, generator: Generator) -> Tensor:
    """Brightness, contrast, saturation and hue, each drawn anew for every picture.

    Brightness b, contrast c around the picture's mean m, then the matrix M of saturation and hue,
    which leaves grey alone: M (c b p + (1 - c) b m) = c b M p + (1 - c) b m, one product.
    """
    n, _, height, width = pictures.shape
    brightness = uniform(n, 1 - ranges.light, 1 + ranges.light, generator)
    contrast = uniform(n, 1 - ranges.light, 1 + ranges.light, generator)
    saturation = uniform(n, 1 - ranges.colour, 1 + ranges.colour, generator)
    saturation = torch.where(uniform(n, 0, 1, generator) < ranges.grey, 0.0, saturation)
    turn = uniform(n, -1, 1, generator) * ranges.hue * 2 * math.pi
    mean = pictures.mean(dim=(1, 2, 3))
    scale = (contrast * brightness).view(n, 1, 1) * colour_matrices(saturation, turn)
    shift = ((1 - contrast) * brightness * mean).view(n, 1, 1)
    mixed = torch.baddbmm(shift, scale, pictures.reshape(n, 3, -1))
    return mixed.clamp_(0, 1).view(n, 3, height, width)


def colour_matrices(saturation: Tensor, turn: Tensor) -> Tensor:
    """(n, 3, 3): scale and turn (radians) what is left of RGB once its luma is taken away.

    Grey stays grey whatever the turn, and the luma of a colour stays what it was.
    """
    device = saturation.device
    luma = torch.tensor([LUMA] * 3, device=device)  # each row maps RGB to its luma
    rest = torch.eye(3, device=device) - luma
    third = 1 / math.sqrt(3)
    axis = torch.tensor([[0, -third, third], [third, 0, -third], [-third, third, 0]], device=device)
    turn = turn.view(-1, 1, 1)
    around_grey = torch.eye(3, device=device) + turn.sin() * axis + (1 - turn.cos()) * axis @ axis
    return luma + saturation.view(-1, 1, 1) * rest @ around_grey @ rest


def blurs(pictures: Tensor, share: float, generator: Generator) -> Tensor:
    """Out of focus, for this share of the pictures and by a random degree. Changes its argument."""
    n = len(pictures)
    degree = uniform(n, 0, 1, generator)
    rows = (uniform(n, 0, 1, generator) < share).nonzero().flatten()
    sharp = pictures[rows]
    soft = F.avg_pool2d(sharp, 5, stride=1, padding=2, count_include_pad=False)
    pictures[rows] = torch.lerp(sharp, soft, degree[rows].view(-1, 1, 1, 1))
    return pictures


def mixtures(pictures: Tensor, generator: Generator) -> Tensor:
    """Each picture blended with another (half of them), or with a rectangle of another pasted in.

    Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019), without labels: the teacher is asked
    about the mixture itself.
    """
    n, _, height, width = pictures.shape
    others = pictures[torch.randperm(n, generator=generator, device=generator.device)]
    blend = uniform(n, 0, 1, generator).view(n, 1, 1, 1)
    inside = rectangles(n, height, width, generator)
    blended = uniform(n, 0, 1, generator).view(n, 1, 1, 1) < 0.5
    return torch.lerp(pictures, others, torch.where(blended, blend, inside))


def rectangles(n: int, height: int, width: int, generator: Generator) -> Tensor:
    """(n, 1, height, width): one inside a random rectangle, zero outside; any area is as likely."""
    half = uniform(n, 0, 1, generator).sqrt() / 2
    x, y = uniform(n, 0, 1, generator), uniform(n, 0, 1, generator)
    across = torch.arange(width, device=generator.device) / width
    down = torch.arange(height, device=generator.device) / height
    in_x = (across[None] - x[:, None]).abs() < half[:, None]
    in_y = (down[None] - y[:, None]).abs() < half[:, None]
    return (in_y[:, :, None] & in_x[:, None, :]).float().unsqueeze(1)
