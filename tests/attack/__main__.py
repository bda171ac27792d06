"""The long form: thousands of calls against a `lookalike up` of its own.

`make fuzz` = `python -m tests.attack --calls 20000`. Exit code 1: some answer broke a promise.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.attack.fuzz import PHASES, Tally, attack
from tests.attack.target import Target, under_attack

EXAMPLES = 150  # of each operation, in a round of the phases that draw at random
AGAIN = ("fuzzing", "stateful")  # what goes through values one by one has done so after a round


def main(arguments: list[str] | None = None) -> int:
    asked = _asked(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with under_attack(Path(folder), {**kept, "XDG_DATA_HOME": folder + "/xdg"}) as target:
            tally = rounds(target, asked.seed, asked.calls, asked.examples)
            well, megabytes = target.is_well(), memory(target.page.process.pid)
    report(tally, time.monotonic() - began, megabytes)
    return 0 if well and not tally.failures and not tally.server_errors else 1


def rounds(target: Target, seed: int, calls: int, examples: int) -> Tally:
    tally = Tally()
    while tally.calls < calls:
        phases = AGAIN if tally.calls else PHASES
        tally.add(attack(target.url, target.image_ids, seed, examples, phases))
        wrong = len(tally.failures)
        print(f"seed {seed}: {tally.calls:,} calls, {wrong} failures", flush=True)
        seed += 1
    return tally


def report(tally: Tally, seconds: float, megabytes: float) -> None:
    """A table by operation, then what was wrong."""
    for operation, statuses in sorted(tally.statuses.items()):
        told = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
        print(f"{operation:34} {told}")
    phases = ", ".join(f"{count:,} {phase}" for phase, count in tally.phases.items())
    print(
        f"{tally.calls:,} calls ({phases}) in {seconds:.0f} s; the server holds {megabytes:.0f} MB"
    )
    print(
        f"{tally.server_errors} answers of 5xx; {len(tally.failures)} failures; "
        f"{tally.excused:,} refusals by rules that the document says in words"
    )
    for failure in tally.failures:
        print(f"\n{failure}")


def memory(process_id: int) -> float:
    """Resident, in MB, where the system tells."""
    status = Path(f"/proc/{process_id}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
