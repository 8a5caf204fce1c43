"""Run the command line: `python -m coalserver`, and the console script `coalserver`."""

import sys

from coalserver.cli.interrupts import INTERRUPTED, ExitOnInterrupt


def main() -> int:
    """Run the command of this process and return the exit status."""
    try:
        with ExitOnInterrupt():
            from coalserver.cli.main import main
        return main()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
