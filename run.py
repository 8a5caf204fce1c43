"""Starts coalserver from a checkout: the same as the console script `coalserver`."""

import sys

from coalserver.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
