"""The story that `make demo` tells: shoppers click, the encoder learns, and they click more.

python -m local.story [PICTURES] [--data DIR] [--fresh] [--seeds 1 2 3 --exit --json FILE]
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from local.console import tell
from local.data_folder import DataFolder, data_folder_of
from local.fabrics import draw_catalogue
from local.opening import for_pictures, stop_on_sigterm
from local.retraining.steps import REFUSED
from local.shoppers.takings import Share, mean
from local.story.chapters import Answers, Story
from local.story.stage import laptop
from local.story.telling import Telling
from local.trouble import INTERRUPTED, Trouble

FABRICS = Path("data/fabrics")
ANY_PORT = "0"
AWAKE_SECONDS = 3600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """0 told, 4 when a gate refused, 1 or 2 in trouble, 130 on Ctrl-C."""
    asked = _parser().parse_args(arguments)
    try:
        stop_on_sigterm()
        draw_catalogue(asked.pictures)
        found = [told(asked, seed) for seed in asked.seeds]
        if asked.json is not None:
            asked.json.write_text(json.dumps(summed_up(found), indent=1) + "\n", encoding="utf-8")
    except Trouble as trouble:
        tell(f"story: {trouble}")
        return trouble.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if all(one["accepted"] for one in found) else REFUSED


def told(asked: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One telling; where it is not to exit, Lookalike serves on until Ctrl-C."""
    telling = Telling()
    with place(asked) as data, laptop(data, *_options(asked)) as url:
        answers = Answers(*asked.answers)
        found = Story(data, url, telling, seed, answers).tell()
        if not asked.exit:
            telling.line()
            telling.line(f"{url} goes on, with your own clicks too; Ctrl-C stops it.", "bold")
            while True:
                time.sleep(AWAKE_SECONDS)
    return found


@contextmanager
def place(asked: argparse.Namespace) -> Iterator[DataFolder]:
    """The data folder of these pictures; for several seeds an empty one each, gone afterwards."""
    if asked.data is None and asked.exit:
        with TemporaryDirectory(prefix="lookalike-story-") as folder:
            data = DataFolder(Path(folder) / "data")
            data.claim(asked.pictures.resolve())
            yield data
        return
    if asked.fresh:
        _forget(asked)
    yield for_pictures(asked.pictures, asked.data)


def _forget(asked: argparse.Namespace) -> None:
    data = DataFolder(asked.data) if asked.data else data_folder_of(asked.pictures.resolve())
    if not data.path.exists():
        return
    if data.running() is not None:
        raise data.taken()
    if data.pictures == asked.pictures.resolve():
        data.remove()


def _options(asked: argparse.Namespace) -> tuple[str, ...]:
    if asked.exit:
        return ("--no-browser", "--port", ANY_PORT)
    return ("--no-browser",) if asked.no_browser else ()


def summed_up(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Every telling, and their means: seeds count alike."""
    tried = [one["trial"] for one in found if "trial" in one]
    trial = {
        name: mean(
            Share(**(one[name]["ctr"] if "ctr" in one[name] else one[name])) for one in tried
        )
        for name in ("live", "challenger", "difference")
        if tried
    }
    taste = {
        name: {
            figure: sum(one["taste"][name][figure] for one in found) / len(found)
            for figure in ("mean_precision", "first")
        }
        for name in ("live", "counted", "debiased")
    }
    return {
        "tellings": list(found),
        "all": {"trial": {name: one._asdict() for name, one in trial.items()}, "taste": taste},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.story", description=__doc__)
    parser.add_argument(
        "pictures", nargs="?", type=Path, default=FABRICS, help="where fabrics are drawn"
    )
    parser.add_argument("--data", type=Path, help="where Lookalike keeps what it knows")
    parser.add_argument("--fresh", action="store_true", help="forget what it knows, clicks too")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    usual = Answers()
    parser.add_argument(
        "--answers",
        type=int,
        nargs=2,
        default=[usual.before, usual.trial],
        metavar=("BEFORE", "TRIAL"),
        help="that shoppers see before it learns, and while both models answer",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="of the shoppers")
    parser.add_argument("--exit", action="store_true", help="do not serve on when all is told")
    parser.add_argument("--json", type=Path, metavar="FILE", help="with --exit: what came of it")
    return parser
