"""Cheats at full length: python -m tests.cheats tokens|replays|lift|models (and --help)."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every promise held, 1 when one was broken."""
    asked = parsed(arguments)
    say(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory(prefix="cheats-") as here:
        folder = asked.folder or Path(here)
        return int(
            {"tokens": tokens, "replays": replays, "lift": lift, "models": models}[asked.part](
                asked, folder
            )
        )


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cheats", description=__doc__)
    parser.add_argument("part", choices=("tokens", "replays", "lift", "models"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--replays", type=int, default=1_000)
    parser.add_argument("--pictures", type=int, help="of a shop: 240 for lift, else 160")
    parser.add_argument("--answers", type=int, default=8_000, help="that honest people see")
    parser.add_argument("--shops", type=int, default=5, help="that are attacked")
    parser.add_argument("--targets", type=int, default=4, help="in each shop, attacked at once")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.05, 0.1])
    parser.add_argument("--shapes", nargs="+", help="of attack; all")
    parser.add_argument("--unguarded", action="store_true", help="learn from whatever is clicked")
    parser.add_argument(
        "--judged-by", type=int, default=12_000, help="answers whose clicks the gate has"
    )
    parser.add_argument("--honest", type=int, default=60, help="challengers, of three kinds")
    parser.add_argument("--folder", type=Path, help="to keep what is made; a passing one")
    return parser.parse_args(arguments)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tokens(asked: argparse.Namespace, folder: Path) -> bool:
    from tests.cheats.tokens import table, tried

    found = tried(asked.tokens, asked.seed)
    say(table(found))
    say(f"{found.forged:,} forged, {len(found.believed)} believed; of {found.valid} valid ones")
    say(f"among them {found.accepted} were believed. {'; '.join(found.broken) or 'All held.'}")
    return bool(found.broken)


def replays(asked: argparse.Namespace, folder: Path) -> bool:
    from tests.cheats.replays import replayed

    say("| way | sent again | known at the door | written again | counted |")
    say("|---|---|---|---|---|")
    broken = False
    for one in replayed(asked.replays):
        counted = "once" if one.once else "MORE THAN ONCE"
        say(f"| {one.way} | {one.sent:,} | {one.duplicate:,} | {one.rows:,} | {counted} |")
        broken |= not one.once
    return broken


def lift(asked: argparse.Namespace, folder: Path) -> bool:
    from contextlib import nullcontext

    from tests.cheats.attacks import SHAPES
    from tests.cheats.lift import HIGHEST, Asked, School, row, strangers_let_in, trials
    from tests.cheats.lift import lift as lift_of
    from tests.cheats.world import drawn

    # Kinds of 13 pictures: a page of ten has no places left over for whoever is a little near.
    school = School(drawn(folder / "pictures", asked.pictures or 240), folder)
    seeds = range(asked.seed, asked.seed + asked.shops)
    shapes = asked.shapes or list(SHAPES)
    broken = []
    with strangers_let_in() if asked.unguarded else nullcontext():
        todo = Asked(seeds, asked.answers, asked.targets, shapes, asked.shares)
        for some in trials(school, todo, say):
            say(row(some, asked.targets))
            if lift_of(some) > HIGHEST:
                broken.append(f"{some[0].shape} at {some[0].share:.0%}")
    say(f"Above {HIGHEST}: {', '.join(broken) or 'none'}.")
    return bool(broken)


def models(asked: argparse.Namespace, folder: Path) -> bool:
    from tests.cheats.models import honest, sabotaged
    from tests.cheats.world import drawn

    world = drawn(folder / "pictures", asked.pictures or 160)
    passed = list(sabotaged(world, folder / "sabotaged", asked.seed, asked.judged_by, say))
    shares = list(honest(world, folder / "honest", asked.seed, asked.judged_by, asked.honest, say))
    return bool(passed) or any(shares)


if __name__ == "__main__":
    sys.exit(main())
