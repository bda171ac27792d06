"""Nothing of this machine is told to anybody, by us or by what we use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LOADS = """
from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
Encoder(SHIPPED)
"""


@pytest.mark.parametrize("first", ["", "import training.gate"], ids=["serving", "training"])
def test_onnx_runtime_leaves_no_telemetry(first: str, tmp_path: Path) -> None:
    """It would write an id of the device and a data base of events below the home folder."""
    home = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORT_")}

    subprocess.run([sys.executable, "-c", first + LOADS], env={**kept, **home}, check=True)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
