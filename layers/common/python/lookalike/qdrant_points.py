"""Points of a Qdrant server as images, vectors and candidates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lookalike.catalogue import IndexedImage
from lookalike.index import Candidate, PointId, Vector, is_ours


def images_of(points: Sequence[Any]) -> list[IndexedImage]:
    """Of those points that hold an image."""
    return [image for image in map(_image, points) if image is not None]


def ours(points: Sequence[Any]) -> list[IndexedImage]:
    return [image for point in points if (image := _image(point)) and is_ours(point.id, image)]


def strangers(points: Sequence[Any]) -> list[PointId]:
    return [point.id for point in points if not is_ours(point.id, _image(point))]


def vectors_of(points: Sequence[Any]) -> Vector:  # (n, dim)
    return np.array([point.vector for point in points], dtype=np.float32)


def candidates_of(points: Sequence[Any]) -> list[Candidate]:
    rows = zip(map(_image, points), points, vectors_of(points), strict=True)
    return [Candidate(image, point.score, vector) for image, point, vector in rows if image]


def _image(point: Any) -> IndexedImage | None:
    """None for a stranger's point."""
    try:
        return IndexedImage.from_payload(point.payload)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
