"""SageMaker's side of a training: what it gives, and what it expects.

Contract: docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.errors import CallerError, LookalikeError

ROOT = Path("/opt/ml")
CHANNELS = ("pictures", "labels", "clicks")  # options that are folders or files to learn from
ON_PURPOSE = (None, 0, 130, 143)  # exit codes that are no failure: done, interrupt, SIGTERM

# CloudWatch's metrics are read from the log. A number only: nan and inf are no measurements.
NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)(?:[^0-9A-Za-z.]|$)"
METRICS = (
    "step",
    "loss",
    "contrast",
    "direction",
    "classes",
    "images_per_second",
    "step_share",
    "val_recall@1",
    "val_recall@10",
    "val_map@10",
)
METRIC_DEFINITIONS = [
    {"Name": name, "Regex": f"metric {re.escape(name)}={NUMBER}"} for name in METRICS
]


@dataclass(frozen=True)
class Places:
    """Where things lie in the container.

    channels: by name, the inputs of the job. model_dir is kept as model.tar.gz, output as
    output.tar.gz, once the job ends; checkpoints and tensorboard while it runs, if it says so.
    """

    channels: Mapping[str, Path]
    model_dir: Path
    checkpoints: Path
    output: Path
    tensorboard: Path


def inside(environ: Mapping[str, str], root: Path = ROOT) -> bool:
    """Whether this is a training container of SageMaker, or of its local mode."""
    return "TRAINING_JOB_NAME" in environ or (root / "input/config").is_dir()


def places(environ: Mapping[str, str], root: Path = ROOT) -> Places:
    """SM_* variables come from SageMaker's SDK, and win; the folders are there without it too."""
    data = root / "input/data"
    channels = {folder.name: folder for folder in sorted(data.glob("*")) if folder.is_dir()}
    for name, value in environ.items():
        if name.startswith("SM_CHANNEL_"):
            given = name.removeprefix("SM_CHANNEL_").lower()  # the variable has lost the case
            known = next((each for each in channels if each.lower() == given), given)
            channels[known] = Path(value)
    return Places(
        channels,
        model_dir=Path(environ.get("SM_MODEL_DIR", root / "model")),
        checkpoints=root / "checkpoints",
        output=Path(environ.get("SM_OUTPUT_DATA_DIR", root / "output/data")),
        tensorboard=root / "output/tensorboard",
    )


def defaults(environ: Mapping[str, str], root: Path = ROOT) -> dict[str, Path]:
    """Options that SageMaker answers unless the job does; none on a laptop.

    A channel named like an option is its value. The cache of decoded pictures is not among the
    checkpoints, which SageMaker would upload.
    """
    if not inside(environ, root):
        return {}
    here = places(environ, root)
    inputs = {name: here.channels[name] for name in CHANNELS if name in here.channels}
    return inputs | {
        "out": here.model_dir,
        "checkpoints": here.checkpoints,
        "tensorboard": here.tensorboard,
        "cache": root / "cache",
    }


def hyperparameters(root: Path = ROOT) -> list[str]:
    """The job's hyperparameters as command-line arguments; CallerError if the file is broken.

    All values are strings. SageMaker's SDK writes them as JSON, so "gem" may come with its quotes,
    and what was None comes as null: left out, as are the SDK's own entries.
    """
    arguments: list[str] = []
    for name, value in config("hyperparameters.json", root).items():
        if name.startswith(("sagemaker_", "_")):
            continue
        if not re.fullmatch(r"[A-Za-z][\w-]*", name):
            raise CallerError(f"{name!r} cannot be the name of a hyperparameter; rename it.")
        text = _unquoted(value if isinstance(value, str) else json.dumps(value))
        if text is None:
            continue
        flag = "--" + name.replace("_", "-")
        arguments += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    return arguments


def _unquoted(text: str) -> str | None:
    """Without the quotes of JSON; None for null. Any other text is passed on as it is."""
    if text == "null":
        return None
    if text.startswith('"'):
        with suppress(ValueError):
            value = json.loads(text)
            return value if isinstance(value, str) else text
    return text


def config(name: str, root: Path = ROOT) -> dict[str, Any]:
    """One of SageMaker's own files, a JSON object; empty if there is no such file."""
    file = root / "input/config" / name
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CallerError(f"{file} cannot be read as JSON ({error}); start the job anew.") from None
    if not isinstance(content, dict):
        raise CallerError(f"{file} must hold one JSON object, not a {type(content).__name__}.")
    return content


@contextmanager
def failures_reported(root: Path = ROOT) -> Iterator[None]:
    """Tell SageMaker why the training failed, and raise on. Does nothing where there is no root."""
    try:
        yield
    except SystemExit as ended:
        if ended.code not in ON_PURPOSE:
            report_failure(ended, root)
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        report_failure(error, root)
        raise


def report_failure(error: BaseException, root: Path = ROOT) -> None:
    """Write output/failure; DescribeTrainingJob shows its first 1,024 characters.

    The first report stays: a process that then loses this one as its peer knows less. Never
    raises, because the error itself matters more.
    """
    if not root.is_dir():
        return
    file = root / "output/failure"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), file.open("x", encoding="utf-8") as written:
            written.write(without_secrets(told(error), os.environ))
    except OSError as broken:
        print(f"{file} cannot be written: {broken}", file=sys.stderr, flush=True)


def told(error: BaseException) -> str:
    """One sentence; for a fault of ours the traceback too."""
    if isinstance(error, LookalikeError):
        return f"{error}\n"
    if isinstance(error, SystemExit):
        if isinstance(error.code, str):
            return f"{error.code}\n"
        return f"The training ended with exit code {error.code}; the end of its log says why.\n"
    frames = traceback.extract_tb(error.__traceback__)
    place = f", at {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}\n\n" + "".join(
        traceback.format_exception(error)
    )


def without_secrets(text: str, environ: Mapping[str, str]) -> str:
    """The values of variables that are named like secrets, and what addresses carry, left out."""
    for name, value in environ.items():
        if len(value) >= 8 and re.search("KEY|SECRET|TOKEN|PASSW|CREDENTIAL", name.upper()):
            text = text.replace(value, f"<{name}>")
    text = re.sub(r"(\w+://)[^\s/@'\"]+@", r"\1", text)  # user:password@
    return re.sub(r"(\w+://[^\s?'\"]+)\?[^\s'\"]*", r"\1?…", text)  # a signed query
