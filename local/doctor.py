"""`lookalike doctor`: one line for each thing that can be wrong, and what to do about it."""

import argparse
import hashlib
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local.console import say
from local.data_folder import DataFolder, last
from local.trouble import Trouble

NEEDED = ("numpy", "onnxruntime", "PIL", "pydantic", "aws_lambda_powertools", "boto3")
NEEDED_LOCALLY = ("qdrant_edge", "starlette", "uvicorn", "watchfiles", "multipart", "rich")
FREE_BYTES = 1_000_000_000  # an index of a large folder with its thumbnails
INOTIFY = Path("/proc/sys/fs/inotify/max_user_watches")
FOLDERS_OF_A_LARGE_COLLECTION = 20_000  # one watch each


@dataclass(frozen=True, slots=True)
class Finding:
    well: bool
    about: str
    said: str


Check = Callable[[], Finding]


def doctor(asked: argparse.Namespace) -> int:
    """0 when all is well. With --redrive, what was given up gets another three attempts."""
    data = DataFolder(asked.data) if asked.data else _last()
    findings = list(_of_the_machine()) + (list(_of_the_data(data, asked.redrive)) if data else [])
    for finding in findings:
        say(f"{'ok ' if finding.well else 'BAD'}  {finding.about:13} {finding.said}")
    return 0 if all(finding.well for finding in findings) else 1


def _last() -> DataFolder | None:
    recent = last()
    return DataFolder(recent) if recent else None


def _of_the_machine() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(sys.version_info >= (3, 11), "python", f"{version}; 3.11 or later is needed")
    missing = [name for name in NEEDED + NEEDED_LOCALLY if not importlib.util.find_spec(name)]
    advice = f"missing: {', '.join(missing)}; run: pip install 'lookalike[local]'"
    yield Finding(not missing, "dependencies", advice if missing else "all there")
    if not missing:
        yield _shipped_model()
    if INOTIFY.exists():
        yield _watches(int(INOTIFY.read_text()))


def _shipped_model() -> Finding:
    from lookalike.cards import ONNX_NAME, ModelCard
    from lookalike.models import SHIPPED

    if not SHIPPED.exists():
        return Finding(False, "model", "the shipped encoder is missing; install Lookalike again")
    card = ModelCard.read(SHIPPED)
    same = hashlib.sha256((SHIPPED / ONNX_NAME).read_bytes()).hexdigest() == card.sha256
    trouble = f"{card.model} differs from its card; install Lookalike again"
    return Finding(same, "model", f"{card.model}, as its card says" if same else trouble)


def _watches(allowed: int) -> Finding:
    enough = allowed >= FOLDERS_OF_A_LARGE_COLLECTION
    advice = f"{allowed} folders at most, then changes are found by looking; for more: "
    command = "sudo sysctl fs.inotify.max_user_watches=524288"
    return Finding(True, "watching", f"{allowed} folders at most" if enough else advice + command)


def _of_the_data(data: DataFolder, redrive: bool) -> Iterator[Finding]:
    try:
        pictures = data.pictures
    except Trouble as trouble:
        yield Finding(False, "data", str(trouble))
        return
    yield Finding(True, "data", f"{data.path} for {pictures}")
    there = pictures.is_dir()
    gone = f"{pictures} is not there; connect its disk, or: lookalike clean --data {data.path}"
    yield Finding(there, "pictures", str(pictures) if there else gone)
    free = shutil.disk_usage(data.path).free
    low = f"{free / 1e9:.1f} GB free; indexing a large folder needs {FREE_BYTES / 1e9:.0f}"
    yield Finding(free >= FREE_BYTES, "disk", low if free < FREE_BYTES else f"{free / 1e9:.0f} GB")
    running = data.running()
    busy = f"in use by process {running.pid} {running.url}" if running else "not in use"
    yield Finding(True, "lock", busy)
    yield _dead_letters(data, redrive)


def _dead_letters(data: DataFolder, redrive: bool) -> Finding:
    from local.queue import Queue

    if not data.queue.exists():
        return Finding(True, "given up", "none")
    queue = Queue(data.queue)
    try:
        if redrive:
            return Finding(True, "given up", f"{queue.redrive()} pictures will be tried again")
        keys = [letter.key for letter in queue.dead_letters()]
    finally:
        queue.close()
    if not keys:
        return Finding(True, "given up", "none")
    named = ", ".join(json.dumps(key, ensure_ascii=False) for key in keys[:5])
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return Finding(False, "given up", f"{named}{more}; try again: lookalike doctor --redrive")
