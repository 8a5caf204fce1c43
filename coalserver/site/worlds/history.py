"""History: what was said and done in a world, page by page, in both directions from any moment."""

import math
from dataclasses import dataclass, replace
from typing import Any

from coalserver.core.ports import About, History, Lines, Place
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.world import World
from coalserver.domain.text_search import phrases
from coalserver.site.worlds.line_rows import SHOWN, place_named, place_of, row_of
from coalserver.web.api import Call

#: Rows of one page.
SIZE = 60
LONGEST = {"q": 200, "player": 100}
#: What a reader may choose to see: tags, and the lists in which words are looked for.
KINDS: dict[str, tuple[tuple[str, ...], tuple[About, ...]]] = {
    "": (SHOWN, (About.CHAT, About.DEATH, About.ACHIEVEMENT)),
    "chat": (("chat",), (About.CHAT,)),
    "visit": (("login", "logout"), ()),
    "death": (("death",), (About.DEATH,)),
    "achievement": (("achievement",), (About.ACHIEVEMENT,)),
}


@dataclass(frozen=True, slots=True)
class Sieve:
    """What of a world's history somebody wants to see."""

    world: int
    words: str = ""
    player: str = ""
    kind: str = ""

    async def lines(self, history: History, limit: int, **bounds: Any) -> list[LogLine]:
        """The first lines within these bounds, in the order in which the history gives them."""
        tags, abouts = KINDS[self.kind]
        wanted = Lines(self.world, username=self.player or None, **bounds)
        if not self.words:
            return await history.lines(replace(wanted, tags=tags), limit)
        found: list[LogLine] = []
        for about in abouts:
            found += await history.lines(replace(wanted, about=about, words=self.words), limit)
        found.sort(key=lambda line: (math.floor(line.at or 0), line.id), reverse=not wanted.rising)
        return found[:limit]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the history, oldest first; where it goes on, if it does."""

    lines: list[LogLine]
    older: str | None = None
    newer: str | None = None

    def told(self, sieve: Sieve, *, public: bool) -> dict[str, Any]:
        sought = phrases(sieve.words) if sieve.words else ()
        rows = [row_of(line, sought, public=public) for line in self.lines]
        return {"rows": [row for row in rows if row], "older": self.older, "newer": self.newer}


def sieve_of(call: Call, world: World, *, strict: bool) -> Sieve:
    """What an address asks for. A person's address may have anything in it, a script's may not."""
    asked = {name: call.query.get(name, "").strip() for name in ("q", "player", "kind")}
    if asked["kind"] not in KINDS:
        _malformed(strict, "kind")
        asked["kind"] = ""
    for name, most in LONGEST.items():
        if len(asked[name]) > most:
            _malformed(strict, name)
            asked[name] = asked[name][:most]
    return Sieve(world.id, asked["q"], asked["player"], asked["kind"])


async def piece_asked(call: Call, sieve: Sieve, *, strict: bool) -> Piece:
    """The piece an address asks for: what is older or newer than a place, or around a moment; else the newest."""
    history = call.core.history
    for name, read in (("older", older), ("newer", newer)):
        if (text := call.query.get(name)) is not None:
            place = place_named(text)
            if place is not None:
                return await read(history, sieve, place)
            _malformed(strict, name)
    if (text := call.query.get("at")) is not None:
        if text.isascii() and text.isdigit() and len(text) <= 12:
            return await around(history, sieve, float(text))
        _malformed(strict, "at")
    if (text := call.query.get("line")) is not None:
        line = (
            await history.line(int(text))
            if text.isascii() and text.isdigit() and len(text) <= 18
            else None
        )
        if line is not None and line.world == sieve.world and line.at is not None:
            return await around(history, sieve, math.floor(line.at))
        _malformed(strict, "line")
    return await older(history, sieve, None)


async def older(history: History, sieve: Sieve, place: Place | None) -> Piece:
    """What was before a place; of none, the newest there is."""
    found = await sieve.lines(history, SIZE + 1, after=place)
    more, lines = len(found) > SIZE, found[:SIZE][::-1]
    return Piece(lines, place_of(lines[0]) if more else None)


async def newer(history: History, sieve: Sieve, place: Place) -> Piece:
    """What was after a place."""
    found = await sieve.lines(history, SIZE + 1, after=place, rising=True)
    lines = found[:SIZE]
    return Piece(lines, None, place_of(lines[-1]) if len(found) > SIZE else None)


async def around(history: History, sieve: Sieve, at: float) -> Piece:
    """What was just before a moment, and from it on."""
    half = SIZE // 2
    before = await sieve.lines(history, half + 1, before=at)
    after = await sieve.lines(history, half + 1, since=at, rising=True)
    lines = before[:half][::-1] + after[:half]
    return Piece(
        lines,
        place_of(lines[0]) if len(before) > half else None,
        place_of(lines[-1]) if len(after) > half else None,
    )


def _malformed(strict: bool, name: str) -> None:
    if strict:
        raise Refusal(Why.MALFORMED, fields={name: ["Not understood."]})
