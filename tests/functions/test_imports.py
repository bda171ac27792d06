"""What a function loads before its first request: memory, and a longer cold start."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("onnxruntime", "qdrant_client", "duckdb", "torch")
NO_MODEL = ("catalogue", "interactions", "reconcile")


@pytest.mark.parametrize("function", NO_MODEL)
def test_a_function_that_encodes_nothing_loads_no_runtime_for_it(
    function: str, tmp_path: Path
) -> None:
    asks = f"import sys, functions.{function}.handler; print(*sys.modules, sep='\\n')"
    environ = {"POWERTOOLS_TRACE_DISABLED": "1", "AWS_DEFAULT_REGION": "eu-west-1"}

    done = subprocess.run(
        [sys.executable, "-c", asks], cwd=tmp_path, env=environ, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "lookalike.wiring" in loaded
    assert loaded & set(HEAVY) == set()
