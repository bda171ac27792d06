"""The loop that everybody writes first, run as a program of its own: decode, resize, encode.

Full decode by Pillow, torchvision's transforms, eager torch, one picture at a time, torch's own
choice of threads. The network is the one that the model card names, with random weights: they
take the same time. It says how many seconds the loop alone took, without start and loading.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from lookalike.cards import ModelCard
from training.model import EncoderNet, Pooling
from training.torchvision_shim import torchvision

WARM_UP = 3  # pictures


def main() -> None:
    model, listing, answer = map(Path, sys.argv[1:])
    files = listing.read_text().splitlines()
    card = ModelCard.read(model)
    pooling: Pooling = "gem" if "gem" in card.architecture.lower() else "average"
    network = EncoderNet(network_of(card), dimension=card.dimension, pooling=pooling).eval()
    side = card.preprocessing.size
    prepare = torchvision.transforms.Compose(
        [torchvision.transforms.Resize((side, side)), torchvision.transforms.ToTensor()]
    )

    def encode(file: str) -> Any:
        with torch.inference_mode():
            pixels = prepare(Image.open(file).convert("RGB"))
            return network(pixels[None])[0].numpy()

    for file in files[:WARM_UP]:
        encode(file)
    began = time.perf_counter()
    np.stack([encode(file) for file in files])
    answer.write_text(str(time.perf_counter() - began))


def network_of(card: ModelCard) -> str:
    """The torchvision name at the head of the card's architecture."""
    return card.architecture.partition(",")[0].strip()


if __name__ == "__main__":
    main()
