"""`make synth ENV=…` as a newcomer runs it: no account, no Docker, the layer that is uploaded."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import bundling
from infra.environment import environments
from tests.infra.deployed import show

Synthesise = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def synthesise(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """With nothing on the PATH but Node, and nothing of AWS in the environment or at home."""
    home = tmp_path_factory.mktemp("home")
    node = shutil.which("node")
    assert node, "CDK needs Node.js"
    (home / "tools").mkdir()
    (home / "tools/node").symlink_to(node)

    def run(name: str, out: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "infra.app", name],
            cwd=bundling.ROOT,
            env={"PATH": str(home / "tools"), "HOME": str(home), "CDK_OUTDIR": str(out)},
            capture_output=True,
            text=True,
            timeout=280,
        )

    return run


@pytest.mark.parametrize("name", environments())
def test_an_environment_is_synthesised_without_an_account_and_without_docker(
    synthesise: Synthesise, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()

    done = synthesise(name, tmp_path)

    show(capsys, f"synth, {name}: {time.monotonic() - started:.1f} s with the rules of cdk-nag")
    assert done.returncode == 0, done.stdout + done.stderr
    assets = json.loads((tmp_path / f"Lookalike-{name}.assets.json").read_text())
    folders = [tmp_path / one["source"]["path"] for one in assets["files"].values()]
    (layer,) = (one for one in folders if (one / "python/lookalike").is_dir())
    assert (layer / "python/onnxruntime").is_dir()
    assert len(assets["dockerImages"]) == 2


def test_a_name_that_is_wrong_is_answered_with_the_choices_and_nothing_is_written(
    synthesise: Synthesise, tmp_path: Path
) -> None:
    done = synthesise("production", tmp_path / "out")

    assert done.returncode == 1
    assert done.stderr == (
        "No environment is called 'production'; choose one of dev, prod, staging: -c env=dev\n"
    )
    assert not (tmp_path / "out").exists()
