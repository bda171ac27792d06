"""What is uploaded: the shared layer, one folder per function, and what the image's build sees.

Everything built lies in build/lambda/<hash>, named for the hash of all that it was made from.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

from infra import packages, trims
from infra.packages import LAMBDA, Target

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "build/lambda"
PACKAGE = ROOT / "layers/common/python/lookalike"
FUNCTIONS = ROOT / "functions"

# What Lambda allows of a function's code and its layers, unpacked.
UNPACKED_LIMIT = 250 * 2**20
MEBIBYTE = 2**20

WITHOUT_BYTECODE = "functions will take two to three times as long to start"  # 1.1 s → 2.6 s

# For DockerImageCode.from_image_asset: directory=ROOT, file=IMAGE_FILE, exclude=these,
# ignore_mode=IgnoreMode.DOCKER. One list for `docker build` and for CDK.
IMAGE_FILE = "functions/embed/Dockerfile"
IMAGE_CONTEXT_EXCLUDES = [
    line
    for line in (ROOT / f"{IMAGE_FILE}.dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]

_NOT_CODE = shutil.ignore_patterns("__pycache__", "Dockerfile*", ".DS_Store")


def layer(target: Target = LAMBDA) -> Path:
    """The unpacked layer: python/ with every third-party package and `lookalike`.

    Built once for each content, and at once when it is there. The first build of a lock asks the
    package index; a changed `lookalike` does not.
    """
    third_party = _third_party(target)

    def build(folder: Path) -> None:
        # Linked, not copied: nobody writes to what was built, and each layer would take its
        # hundreds of megabytes again.
        shutil.copytree(third_party / "python", folder / "python", copy_function=os.link)
        shutil.copytree(PACKAGE, folder / "python/lookalike", ignore=_NOT_CODE)
        _compile(target, folder / "python/lookalike")
        if size(folder) > UNPACKED_LIMIT:
            raise ValueError(f"The layer is too large for Lambda: {size(folder)} bytes unpacked.")

    made_of = _named("layer", RECIPE, third_party.name, asset_hash(PACKAGE))
    return _once(made_of, "layer", build)


def function(name: str, target: Target = LAMBDA) -> Path:
    """functions/__init__.py and functions/<name>/, and nothing else."""
    sources = [FUNCTIONS / "__init__.py", FUNCTIONS / name]

    def build(folder: Path) -> None:
        shutil.copytree(FUNCTIONS / name, folder / "functions" / name, ignore=_NOT_CODE)
        shutil.copy(FUNCTIONS / "__init__.py", folder / "functions")
        _compile(target, folder)

    made_of = _named("function", RECIPE, name, asset_hash(*sources), made_with(target))
    return _once(made_of, "", build)


def asset_hash(*sources: Path) -> str:
    """Of names and bytes in these files and folders; never of a file's times, owner or bytecode.

    What was built here already bears its hash as its name, which also says for which Python its
    bytecode is, if it has any.
    """
    if len(sources) == 1 and sources[0].parent == BUILT:
        return sources[0].name
    digest = sha256()
    for source in sources:
        for file in _files(source):
            digest.update(f"{file.relative_to(source.parent).as_posix()}\0".encode())
            digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def size(folder: Path) -> int:
    """Bytes, as unpacked."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _third_party(target: Target) -> Path:
    called = trims.services([PACKAGE, FUNCTIONS])

    def build(folder: Path) -> None:
        if not _python_for(target):
            print(f"There is no python{target.python} here, so no bytecode: {WITHOUT_BYTECODE}.")
        packages.install(target, folder / "python")
        trims.trim(folder / "python", called)
        _compile(target, folder / "python")

    text = packages.requirements(target)
    made_of = _named("packages", RECIPE, text, *called, made_with(target))
    return _once(made_of, f"packages for Python {target.python}, {target.platform}", build)


def _files(source: Path) -> Iterator[Path]:
    found = [source] if source.is_file() else sorted(source.rglob("*"))
    ignored = {"__pycache__", ".DS_Store"}
    yield from (file for file in found if file.is_file() and not ignored & {*file.parts})


def _named(*made_of: str) -> str:
    return sha256(json.dumps(made_of).encode()).hexdigest()


@cache
def _python_for(target: Target) -> str | None:
    return packages.python_for(target)


def made_with(target: Target) -> str:
    """What, besides sources, decides what is built."""
    bytecode = "with" if _python_for(target) else "without"
    return f"{target.python} {target.platform} {bytecode} bytecode"


def _compile(target: Target, folder: Path) -> None:
    if python := _python_for(target):
        packages.compile_all(python, folder)


def _once(name: str, what: str, build: Callable[[Path], None]) -> Path:
    """build/lambda/<name>; built beside it and renamed, so that what is there is whole.

    what: to be told of; "" for what takes no time.
    """
    finished = BUILT / name
    if finished.exists():
        return finished
    BUILT.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=BUILT, prefix="unfinished-") as scratch:
        folder = Path(scratch) / "built"
        folder.mkdir()
        build(folder)
        try:
            folder.rename(finished)
        except OSError:  # somebody else finished first
            if not finished.exists():
                raise
    if what:
        seconds = time.perf_counter() - started
        print(f"Built {what}: {size(finished) / MEBIBYTE:.1f} MB unpacked, {seconds:.1f} s")
    return finished


# How things are built is part of what they are made of.
RECIPE = asset_hash(*(Path(str(one)) for one in (__file__, packages.__file__, trims.__file__)))
