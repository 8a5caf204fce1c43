"""Ticks per second of a hosted world, from the answer to `tick query` (Minecraft 1.20.3 and later).

The answer has several lines: a status, the target rate with the average time of a tick, and percentiles, which end it.
"""

import re
from collections.abc import Sequence

from coalserver.domain.minecraft.hosting.minecraft_versions import compare, find_version

COMMAND = "tick query"
#: The first Minecraft version that has the command.
FIRST_VERSION = "1.20.3"
#: Seconds within which the answer is looked for.
ANSWER_SECONDS = 10.0
_NUMBER = r"([0-9]{1,9}(?:[.,][0-9]{1,9})?)"
_STATUS = re.compile(
    r"The game is (?:running normally|running, but can't keep up|sprinting|frozen)"
)
_FROZEN = "The game is frozen"
_RATE = re.compile(rf"Target tick rate: {_NUMBER} per second")
_AVERAGE = re.compile(rf".{{0,200}}Average time per tick: {_NUMBER} ?ms")
_END = re.compile(r"Percentiles: P50: ")
#: The second line of the answer of a server that does not know the command.
_UNKNOWN = re.compile(r"tick(?: query)?<--\[HERE\]")
#: After so many questions without an answer it is not asked any more.
MAX_UNANSWERED = 3


class TickQuery:
    """Reads the answers to our own `tick query` of one process. Times are monotonic."""

    def __init__(self) -> None:
        #: What the last answer says; None: unknown.
        self.ticks_per_second: float | None = None
        self._unanswered = 0
        self._until = 0.0
        self._rate = 0.0
        self._frozen = False

    @property
    def is_answered(self) -> bool:
        """Whether the process answers, as far as is known."""
        return self._unanswered < MAX_UNANSWERED

    def ask(self, now: float) -> None:
        """Expect an answer from now on."""
        if self._unanswered:
            # What the answer before the last one said is no longer true.
            self.ticks_per_second = None
        self._unanswered += 1
        self._until, self._rate, self._frozen = now + ANSWER_SECONDS, 0.0, False

    def see(self, text: str, now: float) -> bool:
        """Look at the text of a line. Returns whether it is a part of the answer, and is to be hidden."""
        if now > self._until:
            return False
        if _UNKNOWN.match(text):
            self._unanswered, self._until = MAX_UNANSWERED, 0.0
            return True
        if _END.match(text):
            self._until = 0.0
            return True
        if _STATUS.match(text):
            self._frozen = text.startswith(_FROZEN)
            return True
        return self._see_rate(text)

    def _see_rate(self, text: str) -> bool:
        rate, average = _RATE.match(text), _AVERAGE.match(text)
        if rate:
            self._rate = _number(rate[1])
        if average:
            self._set(_number(average[1]))
        return bool(rate or average)

    def _set(self, milliseconds: float) -> None:
        """Take the average time of a tick: no more ticks than the target are made."""
        fastest = 1000 / milliseconds if milliseconds else self._rate
        found = min(self._rate or 20.0, fastest)
        self.ticks_per_second = 0.0 if self._frozen else round(found, 2)
        self._unanswered = 0


def has_tick_query(minecraft: str, newest_first: Sequence[str] = ()) -> bool:
    """Return whether a Minecraft version has the command; an unknown one counts as not having it."""
    return bool(find_version(minecraft)) and compare(minecraft, FIRST_VERSION, newest_first) >= 0


def is_tick_answer(text: str) -> bool:
    """Return whether a text is a line of an answer to `tick query`, or to a program that does not know it."""
    return any(one.match(text) for one in (_STATUS, _RATE, _AVERAGE, _END, _UNKNOWN))


def _number(text: str) -> float:
    return float(text.replace(",", "."))
