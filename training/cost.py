"""Milliseconds a picture on one core, side by side: python -m training.cost FOLDER FOLDER."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lookalike.cards import ONNX_NAME, ModelCard
from lookalike.encoder import NO_OTHER_FILE

ROUNDS = 200  # the models take turns, so that a busy moment hits all of them


def milliseconds(folders: Sequence[Path], rounds: int = ROUNDS) -> dict[str, float]:
    """One inference at batch 1 on one thread, by model: the least of all rounds.

    Of the processor, not of the clock: it runs in this thread alone, and a machine that is busy
    with other programs lets it wait. What takes longer than the least is their work in the caches.
    """
    sessions = {ModelCard.read(folder).model: session_of(folder) for folder in folders}
    inputs = {ModelCard.read(folder).model: _noise(folder) for folder in folders}
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            given = {session.get_inputs()[0].name: inputs[name]}
            began = time.thread_time()
            session.run(None, given)
            taken[name].append(1000 * (time.thread_time() - began))
    return {name: min(times) for name, times in taken.items()}


def session_of(folder: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry(*NO_OTHER_FILE)
    path = str(folder / ONNX_NAME)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _noise(folder: Path) -> NDArray[np.uint8] | NDArray[np.float32]:
    preprocessing = ModelCard.read(folder).preprocessing
    size, draw = preprocessing.size, np.random.default_rng(0)
    if preprocessing.layout == "nhwc-uint8":
        return draw.integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    return draw.standard_normal((1, 3, size, size), dtype=np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="folders of model.onnx and card.json")
    taken = milliseconds(parser.parse_args(arguments).models)
    first = next(iter(taken.values()))
    for name, each in taken.items():
        print(f"{name}: {each:.2f} ms, {each / first:.2f} of the first")


if __name__ == "__main__":
    main()
