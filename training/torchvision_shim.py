"""torchvision, also beside a torch build that its C++ operators were not compiled for.

Import `torchvision` from here, nowhere else: `from training.torchvision_shim import torchvision`.

torchvision's wheel is compiled against CUDA builds of torch. Beside a CPU build its library does
not load, and `import torchvision` fails with "operator torchvision::nms does not exist", because it
describes operators that nobody declared. Declaring their schemas is enough: no network or transform
used here calls them. This module can go once CPU wheels of torchvision are on the main index.
"""

import importlib.util
from pathlib import Path

import torch

OPERATORS = ("nms", "qnms")  # those that torchvision describes while it is imported
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _operators_load() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("torchvision is not installed: pip install 'lookalike[train]'")
    for library in Path(spec.submodule_search_locations[0]).glob("_C*.so"):
        try:
            torch.ops.load_library(library)
        except OSError:
            return False
        return True
    return False


if not _operators_load():
    for operator in OPERATORS:
        torch.library.define(f"torchvision::{operator}", SCHEMA)

import torchvision  # noqa: E402  (the declarations above must come first)

__all__ = ["torchvision"]
