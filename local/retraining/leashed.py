"""A module run as a process of its own, which ends when the process that asked for it does."""

import os
import runpy
import signal
import sys
import threading

NICENESS = 10  # queries that are answered meanwhile come first


def main() -> None:
    """LEASH MODULE ARGUMENTS…, where LEASH is the reading end of a pipe that the other holds.

    However that one ends, kill -9 included, its end of the pipe closes: then this one is sent
    SIGTERM, so that a training keeps its last step and nothing works on that nobody waits for.
    """
    leash, module, *arguments = sys.argv[1:]
    os.nice(NICENESS)
    threading.Thread(target=_watch, args=(int(leash),), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _watch(leash: int) -> None:
    os.read(leash, 1)  # nothing is ever written: this returns when nobody could any more
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
