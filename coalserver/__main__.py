"""Run the command line with `python -m coalserver`."""

import sys

from coalserver.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
