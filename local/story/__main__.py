"""python -m local.story …"""

import sys

from local.story.command import main

if __name__ == "__main__":
    sys.exit(main())
