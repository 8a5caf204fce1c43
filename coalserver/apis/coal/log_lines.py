"""Log lines of a world as lists: deaths, achievements, all lines (document, 2.3.8 to 2.3.10)."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import SearchSchema, newest_first_page, read_filters
from coalserver.apis.coal.params import SearchField
from coalserver.apis.coal.players import PLAYER_PATH, player_in_path
from coalserver.apis.coal.render import JsonObject, opaque_keys, owner_fields, render_time
from coalserver.apis.coal.servers import SERVER_PATH, stored_in_path, world_in_path
from coalserver.core.engine import Core
from coalserver.core.ports import LineCategory, LineQuery
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.history import LogLine
from coalserver.security.opaque_keys import LINE, OpaqueKeys
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import RequestSchema


class TaggedSchema(SearchSchema):
    """Parameters of the list of all lines."""

    tag = SearchField()


SEARCH, TAGGED = SearchSchema(), TaggedSchema()


@dataclass(frozen=True, slots=True)
class LineList:
    """A list of log lines of one category, with its routes."""

    #: Also the last part of its path.
    name: str
    category: LineCategory
    #: Returns the members that only rows of this list have.
    extra_fields: Callable[[LogLine], JsonObject]
    schema: RequestSchema = SEARCH

    def includes(self, line: LogLine) -> bool:
        return self.category is LineCategory.LINE or self.category.value in line.tags

    def render_line(self, core: Core, keys: OpaqueKeys, line: LogLine) -> JsonObject:
        """Return a line as a row of this list, with the current owner of its username."""
        return {
            "key": keys.of(LINE, line.id),
            **owner_fields(core, keys, line.world, line.username, line.account),
            "timestamp": render_time(line.at, line.zone),
            "line": line.line,
            **self.extra_fields(line),
            "created": render_time(line.created),
            "updated": render_time(line.created),
        }

    @property
    def routes(self) -> tuple[Route, ...]:
        path = f"{SERVER_PATH}/{self.name}"
        return (
            Route("GET", path, self.list_all, auth=user),
            Route("GET", path + "/{line}", self.read_one, auth=user),
            Route("GET", f"{PLAYER_PATH}/{self.name}", self.list_of_player, auth=user),
        )

    async def list_all(self, ctx: RequestContext) -> web.StreamResponse:
        """Return the lines of a world, newest first."""
        size, filters = await read_filters(ctx, self.schema)
        return await self._page(
            ctx, size, LineQuery(world_in_path(ctx).id, self.category, **filters)
        )

    async def list_of_player(self, ctx: RequestContext) -> web.StreamResponse:
        """Return the lines of one player in a world, newest first."""
        size, filters = await read_filters(ctx, self.schema)
        visitor = player_in_path(ctx)
        return await self._page(
            ctx, size, LineQuery(visitor.world, self.category, username=visitor.name, **filters)
        )

    async def read_one(self, ctx: RequestContext) -> web.StreamResponse:
        """Return one line. Raises TARGET_NOT_FOUND if this list of the world has no such line."""
        line = await stored_in_path(ctx, LINE, "line", ctx.core.history.line)
        if not self.includes(line):
            raise DomainError(ErrorCode.TARGET_NOT_FOUND)
        return json_response(self._row(ctx, line))

    async def _page(self, ctx: RequestContext, size: int, query: LineQuery) -> web.StreamResponse:
        return await newest_first_page(
            ctx, self.name, size, ctx.core.history.lines, query, self._row, _position
        )

    def _row(self, ctx: RequestContext, line: LogLine) -> JsonObject:
        return self.render_line(ctx.core, opaque_keys(ctx), line)


def _position(line: LogLine) -> tuple[float | None, int]:
    return line.at, line.id


def _log_line_fields(line: LogLine) -> JsonObject:
    location = None if line.location is None else dict(zip("xyz", line.location, strict=True))
    return {
        "log_level": line.level or None,
        "ip": line.ip or None,
        "port": line.port or None,
        "location": location,
        "chat": line.chat or None,
        "tags": line.tags,
    }


DEATHS = LineList("deaths", LineCategory.DEATH, lambda line: {"message": line.message or None})
#: Since Minecraft 1.12 these are advancements, goals and challenges.
ACHIEVEMENTS = LineList(
    "achievements",
    LineCategory.ACHIEVEMENT,
    lambda line: {"name": line.title or None, "message": line.message or None},
)
LOGLINES = LineList("loglines", LineCategory.LINE, _log_line_fields, TAGGED)
ROUTES = (*DEATHS.routes, *ACHIEVEMENTS.routes, *LOGLINES.routes)
