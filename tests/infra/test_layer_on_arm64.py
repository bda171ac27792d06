"""The very layer that is uploaded, run under qemu by an arm64 Python; only where there is one.

LOOKALIKE_TEST_ARM64 names a folder with the root of an arm64 Linux whose /usr/bin has Python 3.13,
for example the unpacked packages of Debian 13. `qemu-aarch64` of version 10 or newer is on PATH:
version 7 dies during the imports.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.bundling import function, layer
from infra.packages import LAMBDA
from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.images import decode
from tests.conftest import event, jpeg
from tests.infra.deployed import Deployed, deployed

ROOT = os.environ.get("LOOKALIKE_TEST_ARM64", "")
QEMU = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
SLOW_SECONDS = 280  # qemu takes tens of times as long

pytestmark = [
    pytest.mark.skipif(not (ROOT and QEMU), reason="LOOKALIKE_TEST_ARM64 or qemu is not there"),
    pytest.mark.filterwarnings("ignore:Auth token provider is used with an insecure"),
]

HANDLE = """
import json, platform, sys

class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "test"
    def get_remaining_time_in_millis(self):
        return 60_000

from functions.search.handler import lambda_handler
print(json.dumps([platform.machine(), lambda_handler(json.load(sys.stdin), Context())]))
"""

ENCODE = """
import json, platform, sys
from lookalike import wiring
from lookalike.images import decode

encoder = wiring.models().encoder(sys.argv[1])
(vector,) = encoder.encode([decode(sys.stdin.buffer.read()).pixels])
print(json.dumps([platform.machine(), vector.tolist()]))
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed(tmp_path, monkeypatch) as made:
        yield made


def on_arm64(world: Deployed, program: str, given: bytes) -> list[Any]:
    """What the program prints last, as JSON."""
    path = [function("search"), layer() / "python"]
    environ = {
        **world.environ,
        "PYTHONPATH": ":".join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_TASK_ROOT": str(path[0]),
        "POWERTOOLS_TRACE_DISABLED": "1",
        "POWERTOOLS_SERVICE_NAME": "search",
    }
    python = f"{ROOT}/usr/bin/python{LAMBDA.python}"
    ran = subprocess.run(
        [str(QEMU), "-L", ROOT, python, "-S", "-s", "-c", program, world.model],
        input=given,
        env=environ,
        cwd=world.folder,  # or this repository would be on the path
        capture_output=True,
        timeout=SLOW_SECONDS,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    told: list[Any] = json.loads(ran.stdout.decode().splitlines()[-1])
    return told


def test_the_layers_search_answers_on_lambdas_processor(world: Deployed) -> None:
    for name in ("red", "tomato"):
        world.drop(f"{name}.jpg", jpeg(name))
    image_id = image_id_of("red.jpg")
    path = f"/v1/images/{image_id}/similar"
    asked = {**event("similar_images"), "path": path, "pathParameters": {"image_id": image_id}}

    machine, answer = on_arm64(world, HANDLE, json.dumps(asked).encode())

    assert machine == "aarch64"
    assert answer["statusCode"] == 200, answer
    assert [one["key"] for one in json.loads(answer["body"])["results"]] == ["tomato.jpg"]


def test_a_picture_is_the_same_vector_on_lambdas_processor(world: Deployed) -> None:
    """Or what is indexed there would not be found by what is trained and calibrated here."""
    picture = jpeg("red", dot="blue")
    (here,) = wiring.models().encoder(world.model).encode([decode(picture).pixels])

    machine, vector = on_arm64(world, ENCODE, picture)

    assert machine == "aarch64"
    assert float(here @ np.array(vector, dtype=np.float32)) > 0.9999
