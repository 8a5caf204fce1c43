"""Saving of a running world: its own saving stands still while its files are copied (hosting.md, section 9)."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from coalserver.hosting.keeper_client import KeeperError, KeeperGone
from coalserver.hosting.save_errors import SaveError, SaveFailed, WorldKilled

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Mark in the keeper's state.json: `save-on` is owed. Another process of coalserver that finds it sends it.
SAVE_OFF_MARK = "save_off"
SAVE_OFF_SECONDS, SAVE_ALL_SECONDS = 5.0, 120.0
#: What stands before a message of the game: a date, a time, groups in brackets. A line of chat has a name there.
_HEADER = r"^[\d:., /-]*(?:\[[^\]<>]*\] ?)*:? ?(?:System chat: )?"
#: Answers of 1.2.5, of 1.3 to 1.12, and of 1.13 and later.
SAVING_IS_OFF = re.compile(
    _HEADER
    + r"(?:Disabling level saving|Turned off world auto-saving|Automatic saving is now disabled"
    + r"|Saving is already turned off)"
)
SAVED = re.compile(_HEADER + r"(?:Save complete|Saved the game|Saved the world)")
NOT_SAVED = re.compile(_HEADER + r"(?:Unable to save the game|Saving failed)")
SAVE_ALL_ANSWER = re.compile(f"{SAVED.pattern}|{NOT_SAVED.pattern}")
#: What a console raises whose world or keeper is gone.
CONSOLE_ERRORS = (KeeperError, KeeperGone, SaveError, OSError)


class Console(Protocol):
    """The console of a running world, as far as a save needs it.

    All methods raise one of CONSOLE_ERRORS if the world or its keeper is gone.
    """

    async def send(self, text: str) -> None:
        """Write a line to the world."""

    async def wait_for(self, pattern: re.Pattern[str], seconds: float) -> str | None:
        """Return the first line after the last `send` in which a pattern is found; None if none comes in time."""

    async def mark(self, name: str, on: bool) -> None:
        """Set or remove a mark in state.json; it is on disk when this returns."""


async def saving_off(console: Console, copy: Callable[[], Awaitable[T]]) -> T:
    """Let the world write everything, keep it from saving while `copy` runs, and return its result (steps 2 to 6).

    Whatever happens, also if the caller is cancelled, `save-on` is sent; where that fails the mark stays. Raises
    SaveFailed, also for a world that has ended meanwhile and may have written while it was copied, and what `copy`
    raises.
    """
    try:
        await console.mark(SAVE_OFF_MARK, True)
    except CONSOLE_ERRORS as error:
        raise SaveFailed(_text(error)) from error
    try:
        await _flush(console)
        result = await copy()
    except BaseException:
        await _complete(_save_on(console))
        raise
    reason = await _complete(_save_on(console))
    if reason:
        raise SaveFailed(reason)
    return result


async def _flush(console: Console) -> None:
    try:
        await console.send("save-off")
        # Some programs do not answer; the next answer decides.
        await console.wait_for(SAVING_IS_OFF, SAVE_OFF_SECONDS)
        await console.send("save-all flush")
        answer = await console.wait_for(SAVE_ALL_ANSWER, SAVE_ALL_SECONDS)
    except CONSOLE_ERRORS as error:
        raise SaveFailed(_text(error)) from error
    if answer is None:
        raise SaveFailed("the game did not say in time that it has saved the world")
    if NOT_SAVED.search(answer):
        raise SaveFailed("the game could not save the world")


async def _save_on(console: Console) -> str:
    """Switch saving on again. Returns why the copy cannot be trusted, or an empty text."""
    try:
        await console.send("save-on")
        await console.mark(SAVE_OFF_MARK, False)
    except WorldKilled:
        log.warning("Saving was not switched on again: the world was killed.")
    except CONSOLE_ERRORS as error:
        log.warning("Saving could not be switched on again, since the world is gone: %s", error)
        return _text(error)
    return ""


async def _complete(work: Awaitable[T]) -> T:
    """Await work to its end although this task is cancelled meanwhile, and return its result."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return task.result()


def _text(error: Exception) -> str:
    return str(error).rstrip(".") or "the world is gone"
