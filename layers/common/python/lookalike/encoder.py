"""The CNN: upright RGB pictures to unit vectors, through ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike import images
from lookalike.cards import ONNX_NAME, ModelCard, Preprocessing
from lookalike.errors import ModelUnavailable

if TYPE_CHECKING:
    import onnxruntime

# ONNX may keep weights in further files, which no sha256 of ours covers, and ONNX Runtime would
# look for them wherever the process works. Told to look below this one, it finds nothing.
NO_OTHER_FILE = ("session.model_external_initializers_file_folder_path", os.devnull)


class Encoder:
    """One model, loaded. Safe to use from several threads.

    Raises ModelUnavailable for a file whose sha256, input or dimension is not what its card says:
    vectors of an unknown origin must never meet those in an index.
    """

    def __init__(self, folder: Path) -> None:
        self.card = ModelCard.read(folder)
        data = (folder / ONNX_NAME).read_bytes()
        if hashlib.sha256(data).hexdigest() != self.card.sha256:
            raise ModelUnavailable(f"The file of model {self.card.model} differs from its card.")
        self._session = _session(data, self.card.model)
        self._input = self._session.get_inputs()[0].name
        self._output = self.card.output or self._session.get_outputs()[0].name
        blank = Image.new("RGB", (self.card.preprocessing.size,) * 2, "grey")
        dimension = self.encode([blank]).shape[1]  # the first run is slow; it belongs here
        if dimension != self.card.dimension:
            raise ModelUnavailable(
                f"Model {self.card.model} answers {dimension} numbers; its card says "
                f"{self.card.dimension}."
            )

    def encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Unit vectors, shape (n, dimension), of upright RGB pictures of any size.

        One picture at a time: on a CPU a batch is no faster, and its memory grows with it.
        """
        return np.stack([self._encode(picture) for picture in pictures])

    def _encode(self, picture: Image.Image) -> NDArray[np.float32]:
        pixels = encoder_input(picture, self.card.preprocessing)
        try:
            (answer,) = self._session.run([self._output], {self._input: pixels})
        except Exception as error:  # ONNX Runtime's errors share no base of their own
            raise ModelUnavailable(f"Model {self.card.model} failed: {error}") from error
        vector = np.asarray(answer, np.float32).reshape(-1)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise ModelUnavailable(f"Model {self.card.model} answered no direction (NaN or zero).")
        return vector / np.float32(length)


def encoder_input(
    picture: Image.Image, preprocessing: Preprocessing
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """A batch of one: (1, size, size, 3) uint8, or (1, 3, size, size) float32 if foreign."""
    pixels = images.fit(picture, preprocessing)[None]
    if preprocessing.layout == "nhwc-uint8":
        return pixels
    mean = np.asarray(preprocessing.mean, np.float32)
    std = np.asarray(preprocessing.std, np.float32)
    normal = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    planes: NDArray[np.float32] = np.ascontiguousarray(normal.transpose(0, 3, 1, 2))
    return planes


def _session(data: bytes, model: str) -> onnxruntime.InferenceSession:
    import onnxruntime  # 20 MB that most functions, which load no model, go without

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # below two vCPUs more only wait for each other
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry(*NO_OTHER_FILE)
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise ModelUnavailable(f"Model {model} cannot be loaded: {error}") from error
