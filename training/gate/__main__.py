"""python -m training.gate: see `command`."""

import sys

from training.gate.command import main

if __name__ == "__main__":
    sys.exit(main())
