"""`make conformance ENV=dev` against a deployment that is none, so that it is known to work."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lookalike import wiring
from lookalike.models import SHIPPED, ServingState
from tests.conftest import jpeg
from tests.infra.small_cloud import SmallCloud, bucket, small_cloud

# moto lets in whoever S3 would refuse.
ONLY_ON_AWS = "not signed_link_only and not grant_is_for"
# As `make` does, but for the pauses between two looks.
SUITE = """
import sys, pytest
from tests.conformance.cloud import Cloud
Cloud.patience, Cloud.pause, Cloud.settling = 30, 0.1, 0.1
sys.exit(pytest.main(sys.argv[1:]))
"""


def conformance(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    told = ["tests/conformance", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        [sys.executable, "-c", SUITE, *told],
        env={**kept, "PYTHONPATH": ".", "AWS_EC2_METADATA_DISABLED": "true", **environ},
        capture_output=True,
        text=True,
        timeout=150,
    )


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCloud]:
    with small_cloud(tmp_path_factory.mktemp("cloud")) as made:
        yield made


def test_every_promise_is_kept_by_a_small_deployment_and_nothing_is_left_behind(
    cloud: SmallCloud,
) -> None:
    live = json.loads((SHIPPED / "card.json").read_text())["model"]
    cloud.s3.put_object(Bucket=bucket("images"), Key="others/1.jpg", Body=jpeg("teal"))

    done = conformance(cloud.environ, "--env", "dev", "-k", ONLY_ON_AWS)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " skipped" not in done.stdout
    assert "searchable" in done.stdout
    assert cloud.left("images") == {"others/1.jpg"}
    models = {key.split("/")[0] for key in cloud.left("models")}
    assert models <= {live, "serving.json", "learning"}
    assert wiring.serving().read()[0] == ServingState(live=live)
    assert list(wiring.index().models()) == [live]
    assert wiring.index().count(live) == 1


def test_what_is_not_there_is_told_in_one_sentence(cloud: SmallCloud) -> None:
    alone = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_CONFIG_FILE": "/dev/null"}
    asked = {
        "No environment is called 'nowhere'": ("nowhere", alone),
        "Unable to locate credentials": ("dev", alone),
        "There is no stack Lookalike-staging": ("staging", cloud.environ),
    }

    told = {words: conformance(environ, "--env", name) for words, (name, environ) in asked.items()}

    for words, done in told.items():
        assert words in done.stdout
        assert done.returncode == 2
        assert "Traceback" not in done.stdout + done.stderr
