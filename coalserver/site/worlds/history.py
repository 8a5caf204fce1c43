"""The history of a world: pages of its log in both directions from any position or time."""

import math
from dataclasses import dataclass, replace
from typing import Any

from coalserver.core.ports import History, LineCategory, LineQuery, PageKey
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.world import World
from coalserver.domain.text_search import parse_query
from coalserver.site.worlds.line_rows import CHAT_TAGS, line_position, parse_position, render_row
from coalserver.web.context import RequestContext

#: Rows of one page.
PAGE_SIZE = 60
MAX_LENGTHS = {"q": 200, "player": 100}
#: Kind in the filter -> tags of its lines, and the categories that a text search covers.
KIND_FILTERS: dict[str, tuple[tuple[str, ...], tuple[LineCategory, ...]]] = {
    "": (CHAT_TAGS, (LineCategory.CHAT, LineCategory.DEATH, LineCategory.ACHIEVEMENT)),
    "chat": (("chat",), (LineCategory.CHAT,)),
    "visit": (("login", "logout"), ()),
    "death": (("death",), (LineCategory.DEATH,)),
    "achievement": (("achievement",), (LineCategory.ACHIEVEMENT,)),
}


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """A filter of a world's history; empty fields match everything."""

    world: int
    text: str = ""
    player: str = ""
    kind: str = ""

    async def find_lines(self, history: History, limit: int, **bounds: Any) -> list[LogLine]:
        """Return the first matching lines within the bounds of a LineQuery, in the order of the query."""
        tags, categories = KIND_FILTERS[self.kind]
        query = LineQuery(self.world, username=self.player or None, **bounds)
        if not self.text:
            return await history.lines(replace(query, tags=tags), limit)
        found: list[LogLine] = []
        for category in categories:
            found += await history.lines(replace(query, category=category, words=self.text), limit)
        found.sort(
            key=lambda line: (math.floor(line.at or 0), line.id), reverse=not query.ascending
        )
        return found[:limit]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Lines of the history, oldest first, and the positions for the pages before and after them."""

    lines: list[LogLine]
    older: str | None = None
    newer: str | None = None

    def render(self, history_filter: HistoryFilter, *, public: bool) -> dict[str, Any]:
        phrases_found = parse_query(history_filter.text) if history_filter.text else ()
        rows = [render_row(line, phrases_found, public=public) for line in self.lines]
        return {"rows": [row for row in rows if row], "older": self.older, "newer": self.newer}


def read_filter(ctx: RequestContext, world: World, *, strict: bool) -> HistoryFilter:
    """Return the filter in the address. If strict, invalid values raise INVALID_REQUEST; else they are ignored."""
    params = {name: ctx.query.get(name, "").strip() for name in ("q", "player", "kind")}
    if params["kind"] not in KIND_FILTERS:
        _check_strict(strict, "kind")
        params["kind"] = ""
    for name, max_length in MAX_LENGTHS.items():
        if len(params[name]) > max_length:
            _check_strict(strict, name)
            params[name] = params[name][:max_length]
    return HistoryFilter(world.id, params["q"], params["player"], params["kind"])


async def read_page(
    ctx: RequestContext, history_filter: HistoryFilter, *, strict: bool
) -> HistoryPage:
    """Return the page that the address names with `older`, `newer`, `at` or `line`; else the newest."""
    history = ctx.core.history
    for name, load in (("older", load_older), ("newer", load_newer)):
        if (text := ctx.query.get(name)) is not None:
            position = parse_position(text)
            if position is not None:
                return await load(history, history_filter, position)
            _check_strict(strict, name)
    if (text := ctx.query.get("at")) is not None:
        if text.isascii() and text.isdigit() and len(text) <= 12:
            return await load_around(history, history_filter, float(text))
        _check_strict(strict, "at")
    if (text := ctx.query.get("line")) is not None:
        line = (
            await history.line(int(text))
            if text.isascii() and text.isdigit() and len(text) <= 18
            else None
        )
        if line is not None and line.world == history_filter.world and line.at is not None:
            return await load_around(history, history_filter, math.floor(line.at))
        _check_strict(strict, "line")
    return await load_older(history, history_filter, None)


async def load_older(
    history: History, history_filter: HistoryFilter, position: PageKey | None
) -> HistoryPage:
    """Return the page before a position, or the newest page without one."""
    found = await history_filter.find_lines(history, PAGE_SIZE + 1, after=position)
    more, lines = len(found) > PAGE_SIZE, found[:PAGE_SIZE][::-1]
    return HistoryPage(lines, line_position(lines[0]) if more else None)


async def load_newer(
    history: History, history_filter: HistoryFilter, position: PageKey
) -> HistoryPage:
    """Return the page after a position."""
    found = await history_filter.find_lines(history, PAGE_SIZE + 1, after=position, ascending=True)
    lines = found[:PAGE_SIZE]
    return HistoryPage(lines, None, line_position(lines[-1]) if len(found) > PAGE_SIZE else None)


async def load_around(history: History, history_filter: HistoryFilter, at: float) -> HistoryPage:
    """Return a page around a time: half of its lines are before it."""
    half = PAGE_SIZE // 2
    before = await history_filter.find_lines(history, half + 1, before=at)
    after = await history_filter.find_lines(history, half + 1, since=at, ascending=True)
    lines = before[:half][::-1] + after[:half]
    return HistoryPage(
        lines,
        line_position(lines[0]) if len(before) > half else None,
        line_position(lines[-1]) if len(after) > half else None,
    )


def _check_strict(strict: bool, name: str) -> None:
    if strict:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["Not understood."]})
