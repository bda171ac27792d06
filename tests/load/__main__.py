"""`python -m tests.load`, at the size that docs/reliability.md says; `events`, `overload`: one."""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.load import killing, overload
from tests.load.changes import Plan


def main() -> int:
    everything = [["events"], ["events", "--whole", "--events", "5000"], ["overload"]]
    parts = [sys.argv[1:]] if sys.argv[1:] else everything
    kept = [_run(_parser().parse_args(part)) for part in parts]
    return 0 if all(kept) else 1


def _run(asked: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="lookalike-load-") as folder:
        os.environ["XDG_DATA_HOME"] = folder  # where it is remembered which pictures were last
        kept: bool = asked.run(asked, Path(folder))
    say("kept" if kept else "BROKEN")
    return kept


def events(asked: argparse.Namespace, folder: Path) -> bool:
    plan = Plan(asked.seed, asked.events, asked.kills, asked.pictures, hasty=asked.hasty)
    say(f"seed {plan.seed}")
    found = (killing.WholeRun if asked.whole else killing.Run)(plan, folder, say)()
    say(killing.told(found))
    return found.is_whole


def overloaded(asked: argparse.Namespace, folder: Path) -> bool:
    with overload.a_laptop(folder) as laptop:
        found = overload.overloaded(laptop, overload.Size(loading=asked.seconds, times=asked.times))
    say(overload.told(found))
    broken = list(found.broken())
    for promise in broken:
        say(f"broken: {promise}")
    return not broken


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.load")
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("events", help="events for a process that is killed again and again")
    part.add_argument("--events", type=int, default=20_000)
    part.add_argument("--kills", type=int, default=5)
    part.add_argument("--pictures", type=int, default=500)
    part.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    part.add_argument("--whole", action="store_true", help="`lookalike up`, which is sent nothing")
    part.add_argument("--hasty", action="store_true", help="with a bug that has to be found")
    part.set_defaults(run=events)
    part = parts.add_parser("overload", help="more requests than can be answered")
    part.add_argument("--seconds", type=float, default=overload.Size().loading)
    part.add_argument("--times", type=float, default=overload.Size().times)
    part.set_defaults(run=overloaded)
    return parser


if __name__ == "__main__":
    sys.exit(main())
