"""How much Qdrant a catalogue needs."""

from dataclasses import dataclass
from typing import Literal

# For a million images of 256 dimensions, payload on disk. int8 with the originals on disk: measured
# with Qdrant Edge. Floats in memory: Qdrant's own rule, 4 bytes x dimensions x 1.5.
RAM_GB = {"int8": 0.44, "none": 1.54}
SIZES_GB = (1, 2, 4, 8, 16, 32, 64)
FREE_GB = 1  # Qdrant Cloud's free cluster: one node, no backups, suspended when unused


@dataclass(frozen=True)
class Cluster:
    """serving_gb: RAM of one collection; node_gb: the smallest node that holds two."""

    serving_gb: float
    node_gb: int
    replicas: int

    @property
    def ram_gb(self) -> int:
        return self.node_gb * self.replicas


def cluster(images: float, quantisation: Literal["int8", "none"], replicas: int = 1) -> Cluster:
    """Room for two collections: a new model is filled beside the one that serves."""
    serving = images / 1e6 * RAM_GB[quantisation]
    node = next(size for size in SIZES_GB if size >= 2 * serving)
    return Cluster(serving, node, replicas)
