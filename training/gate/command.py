"""May this challenger serve? python -m training.gate --challenger V --live V --models … --out …"""

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime

from lookalike.errors import CallerError, LookalikeError
from training.gate import checks, file_checks, gathering, held_out
from training.gate.judging import Asked, Judged, judged
from training.gate.measurements import Check, Measurements, Slice
from training.gate.paired import Difference
from training.gate.soundness import Inspection

VERDICT_NAME, PAGE_NAME = "verdict.json", "model-diff.html"
FAILED, USAGE, REFUSED, INTERRUPTED = 1, 2, 4, 130
SEED = 0


class Unusable(CallerError):
    """The command cannot be done as given."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 accepted, 1 failed, 2 usage, 4 refused; with --exit-zero a refusal is 0 too."""
    options = parsed(arguments)
    try:
        accepted, said = run(options)
    except LookalikeError as error:
        print(f"gate: {error}", file=sys.stderr)
        return USAGE if isinstance(error, CallerError) else FAILED
    except OSError as error:
        print(f"gate: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    print(said)
    return 0 if accepted or options.exit_zero else REFUSED


def run(options: argparse.Namespace) -> tuple[bool, str]:
    """Measure, check, and write verdict.json and the page; the verdict goes last."""
    if options.challenger == options.live:
        raise Unusable(f"{options.live} serves already; name another challenger.")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / VERDICT_NAME).unlink(missing_ok=True)  # an older one is not about this run
    beside = options.out.absolute().parent  # the disk that was asked for: a job's /tmp may be small
    with TemporaryDirectory(prefix=".gate-", dir=beside) as made:
        here = Path(made)
        asked = Asked(
            options.challenger,
            options.live,
            gathering.model_folder(options.models, options.challenger, here),
            gathering.model_folder(options.models, options.live, here),
            options.images,
            options.clicks,
            options.gold or gathering.gold_beside(options.models),
            here,
            options.seed,
        )
        found = judged(asked)
        told = checks.every(found.measured)
        said = verdict(options.challenger, options.live, found.measured, told, options.seed)
        page(said, found, told, options.out / PAGE_NAME)
    text = json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (options.out / VERDICT_NAME).write_text(text, encoding="utf-8")
    return bool(said["accepted"]), text_of(said, told)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.gate", description=__doc__)
    parser.add_argument("--challenger", required=True, metavar="VERSION")
    parser.add_argument("--live", required=True, metavar="VERSION", help="the model that serves")
    parser.add_argument("--models", required=True, metavar="WHERE", help="s3://bucket or a folder")
    parser.add_argument("--images", required=True, metavar="WHERE", help="s3://bucket or a folder")
    parser.add_argument(
        "--clicks", type=Path, required=True, metavar="FOLDER", help=f"with {held_out.NAME}"
    )
    parser.add_argument(
        "--gold",
        default="",
        metavar="WHERE",
        help="one folder per label, here or in S3; else `gold` in the model store; where neither "
        "is, pictures look for themselves",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--exit-zero", action="store_true", help=f"exit with 0, not {REFUSED}, when refused"
    )
    return parser.parse_args(arguments)


def verdict(
    challenger: str, live: str, found: Measurements, told: list[Check], seed: int
) -> dict[str, Any]:
    """What goes to verdict.json: `accepted` and `reason` are what the learning machine reads."""
    return {
        "accepted": checks.accepted(told),
        "reason": checks.reason(told),
        "model": challenger,
        "live": live,
        "checks": [check._asdict() for check in told],
        "figures": figures(found),
        "margins": margins(),
        "versions": {
            "challenger": _version(found.challenger),
            "live": _version(found.live),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        "seed": seed,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def figures(found: Measurements) -> dict[str, Any]:
    """Scores from 0 to 1; None for what could not be measured."""
    ours, live = found.spread or (None, None)
    return {
        "clicks": _difference(found.on_clicks),
        "gold": {"metric": found.gold_metric, **_difference(found.on_gold)}
        if found.on_gold
        else None,
        "evidence": found.clicks and found.clicks._asdict(),
        "slices": [_slice(one) for one in found.slices],
        "milliseconds": found.cost and found.cost._asdict(),
        "bytes": {"challenger": found.challenger.bytes, "live": found.live.bytes},
        "spread": ours and live and {"challenger": ours._asdict(), "live": live._asdict()},
        "hidden_by_thresholds": found.hidden and found.hidden._asdict(),
    }


def margins() -> dict[str, float]:
    """Every number that a check compares with, by its name."""
    return {
        name.lower(): value
        for module in (checks, file_checks)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | float)
    }


def page(said: dict[str, Any], found: Judged, told: list[Check], path: Path) -> None:
    """Imported here alone: the report package is not needed to judge."""
    from training.report import model_diff

    model_diff.write(path, said, found, told)


def text_of(said: dict[str, Any], told: list[Check]) -> str:
    lines = [f"{check.outcome:>12}  {check.name}: {check.said}" for check in told]
    word = "accepted" if said["accepted"] else "REFUSED"
    return "\n".join([*lines, f"{said['model']} is {word}."])


def _difference(one: Difference | None) -> dict[str, Any]:
    return {**asdict(one), "difference": one.value} if one else {}


def _slice(one: Slice) -> dict[str, Any]:
    return {"exam": one.exam, "slice": one.name, **_difference(one.found)}


def _version(found: Inspection) -> dict[str, Any]:
    return {
        "sha256": found.sha256,
        "bytes": found.bytes,
        "training_data": list(found.card.training_data) if found.card else [],
        "created_at": found.card.created_at if found.card else "",
    }
