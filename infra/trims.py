"""What the layer leaves out of its packages, each with the reason."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Trim(NamedTuple):
    pattern: str
    reason: str


TRIMS = (
    Trim("bin", "commands for a shell, each naming the Python of the machine that built it"),
    Trim("*.dist-info/RECORD", "pip's list for uninstalling; the rest is what scanners read"),
    Trim("*-stubs", "for type checkers"),
    Trim("**/*.pyi", "for type checkers"),
    Trim("**/tests", "the packages' own tests"),
    Trim("numpy/_core/include", "C headers, for building extensions"),
    Trim("numpy/_core/lib", "static libraries, for building extensions"),
    Trim("numpy/f2py", "compiles Fortran"),
    Trim("onnxruntime/backend", "an adapter for the onnx package, which is not here"),
    Trim("onnxruntime/datasets", "sample models"),
    Trim("onnxruntime/quantization", "makes models smaller; training's business"),
    Trim("onnxruntime/tools", "converts models; training's business"),
    Trim("onnxruntime/transformers", "optimises language models"),
    Trim("boto3/data", "boto3.resource(), which nothing here calls"),
    Trim("boto3/examples", "documentation"),
)

SERVICES = "botocore/data"
# The X-Ray SDK makes a client of it wherever it does not see Lambda's own variables.
CALLED_BY_PACKAGES = ("xray",)
CLIENT = re.compile(r"""\b(?:client|aws)\(\s*["']([a-z0-9-]+)["']""")


def services(sources: Iterable[Path]) -> list[str]:
    """The AWS services that the code below these folders, or a package, builds clients of."""
    files = (file for source in sources for file in source.rglob("*.py"))
    ours = {name for file in files for name in CLIENT.findall(file.read_text())}
    return sorted({*ours, *CALLED_BY_PACKAGES})


def trim(packages: Path, called: Iterable[str]) -> None:
    """Leave out TRIMS, and botocore's description of every service that is not called."""
    for pattern, _ in TRIMS:
        for path in sorted(packages.glob(pattern)):
            _remove(path)
    kept = set(called)
    for path in (packages / SERVICES).iterdir():
        if path.is_dir() and path.name not in kept:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # it may have gone with a folder above it
