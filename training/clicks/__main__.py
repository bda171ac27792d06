"""python -m training.clicks: see `command`."""

import sys

from training.clicks.command import main

if __name__ == "__main__":
    sys.exit(main())
