"""python -m local.shoppers …"""

import sys

from local.shoppers.crowd import main

if __name__ == "__main__":
    sys.exit(main())
