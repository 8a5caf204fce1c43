"""Ctrl-C while the program is imported: it ends at once and says nothing, since nothing has begun yet.

This module is imported first, so it imports next to nothing itself. `coalserver.__main__` hides what comes before it.
"""

import os
import signal

#: Exit status after Ctrl-C: 128 and the number of the signal.
INTERRUPTED = 130


class ExitOnInterrupt:
    """A context in which Ctrl-C ends the process, where Python would raise KeyboardInterrupt.

    Python prints such an exception where it cannot be raised, as in the callbacks of its own imports. A signal that
    is ignored, or handled in another way, stays so.
    """

    def __enter__(self) -> None:
        self._is_set = _replace(signal.default_int_handler, _exit)

    def __exit__(self, *_: object) -> None:
        if self._is_set:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C from now on: the work is done, and Python takes a moment to exit."""
    _replace(signal.default_int_handler, signal.SIG_IGN)


def _replace(before: object, after: "signal._HANDLER") -> bool:
    """Replace the handler if it is this one; return whether it was. Only the main thread may."""
    if signal.getsignal(signal.SIGINT) is not before:
        return False
    try:
        signal.signal(signal.SIGINT, after)
    except ValueError:
        return False
    return True


def _exit(*_: object) -> None:
    os._exit(INTERRUPTED)
