"""Run the command line: `python -m coalserver`, and the console script `coalserver`."""

import sys


def _hide_interrupt(kind: type[BaseException], *details: object) -> None:
    """Print what ends the process, but for Ctrl-C: Python then ends as by its signal, which shells show as 130."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, *details)  # type: ignore[arg-type]


# Before anything else is imported.
sys.excepthook = _hide_interrupt


def main() -> int:
    """Run the command of this process and return the exit status."""
    from coalserver.cli.interrupts import ExitOnInterrupt

    with ExitOnInterrupt():
        from coalserver.cli.main import main
    return main()


if __name__ == "__main__":
    sys.exit(main())
