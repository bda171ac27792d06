"""What a training takes over from the model folder that it goes on from: the network itself."""

import re
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from lookalike.cards import ONNX_NAME, ModelCard
from lookalike.errors import ModelUnavailable
from lookalike.models import SHIPPED
from training.model import NORMALISATIONS
from training.reopening import arrays, has_constant

# As `finishing` and `import_model` write it, and the card of the encoder that ships.
ARCHITECTURE = re.compile(r"(?P<arch>\w+)(?: of torchvision)?, (?P<pooling>\w+) pooling, ")


def network_of(weights: str) -> dict[str, Any]:
    """The options that describe the network of these weights, if they are a model folder.

    Nothing for a folder that does not say: then what was given must do, and `reopening`, which
    holds it against the file, says what is wrong.
    """
    folder = SHIPPED if weights == "shipped" else Path(weights)
    try:
        card = ModelCard.read(folder)
        graph = onnx.load(folder / ONNX_NAME, load_external_data=False).graph
        known = arrays(graph)
    except (OSError, ValueError, ModelUnavailable, DecodeError):
        return {}
    said = ARCHITECTURE.match(card.architecture)
    if said is None:
        return {}
    found = {
        "arch": said["arch"],
        "pooling": said["pooling"].lower(),
        "size": card.preprocessing.size,
        "dimension": card.dimension,
    }
    for name, triples in NORMALISATIONS.items():
        if all(has_constant(known, triple) for triple in triples):
            found["normalisation"] = name
    return found
