"""Log lines of a world as lists: deaths, achievements, all lines (document, 2.3.8 to 2.3.10); chats adds its own."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import SearchSchema, decode_page_key, render_list
from coalserver.apis.coal.params import SearchField, read_params
from coalserver.apis.coal.players import PLAYER_PATH, player_in_path
from coalserver.apis.coal.render import JsonObject, opaque_keys, owner_fields, render_time
from coalserver.apis.coal.servers import SERVER_PATH, world_in_path
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
    """A list of lines of any kind."""

    tag = SearchField()


@dataclass(frozen=True, slots=True)
class LineList:
    """One of the lists that a log is shown as."""

    #: Also the last part of its path.
    name: str
    category: LineCategory
    #: What its lines have besides what all lines have.
    extra_fields: Callable[[LogLine], JsonObject]
    schema: type[RequestSchema] = SearchSchema

    def includes(self, line: LogLine) -> bool:
        return self.category is LineCategory.LINE or self.category.value in line.tags

    def render_line(self, core: Core, keys: OpaqueKeys, line: LogLine) -> JsonObject:
        """A line as this list shows it; whose it is may change after it was written."""
        return {
            "key": keys.of(LINE, line.id),
            **owner_fields(core, keys, line.world, line.username),
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
        """The lines of a world, newest first."""
        params = await read_params(ctx, self.schema())
        after = decode_page_key(params["cursor"])
        query = LineQuery(world_in_path(ctx).id, self.category, **_filters(params), after=after)
        return await self._page(ctx, params["size"], query)

    async def list_of_player(self, ctx: RequestContext) -> web.StreamResponse:
        """The lines of one player in a world, newest first."""
        params = await read_params(ctx, self.schema())
        after = decode_page_key(params["cursor"])
        visitor = player_in_path(ctx)
        filters = _filters(params) | {"username": visitor.name}
        return await self._page(
            ctx, params["size"], LineQuery(visitor.world, self.category, **filters, after=after)
        )

    async def read_one(self, ctx: RequestContext) -> web.StreamResponse:
        """One line, if it is one of this list's and of this world's."""
        world = world_in_path(ctx)
        id = opaque_keys(ctx).id(LINE, ctx.path["line"])
        line = await ctx.core.history.line(id) if id != -1 else None
        if line is None or line.world != world.id or not self.includes(line):
            raise DomainError(ErrorCode.TARGET_NOT_FOUND)
        return json_response(self.render_line(ctx.core, opaque_keys(ctx), line))

    async def _page(self, ctx: RequestContext, size: int, query: LineQuery) -> web.StreamResponse:
        # First: who listens from here on misses nothing that is not in the answer.
        head = ctx.core.feed.head
        found = await ctx.core.history.lines(query, size + 1)
        return render_list(
            self.name,
            found,
            size,
            lambda line: self.render_line(ctx.core, opaque_keys(ctx), line),
            lambda line: (line.at, line.id),
            head,
        )


def _filters(params: JsonObject) -> JsonObject:
    """Which lines are asked for; an empty word or tag is none."""
    return {
        "words": params.get("q") or None,
        "tag": params.get("tag") or None,
        "since": params.get("since"),
        "before": params.get("before"),
    }


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
LOGLINES = LineList("loglines", LineCategory.LINE, _log_line_fields, TaggedSchema)
ROUTES = (*DEATHS.routes, *ACHIEVEMENTS.routes, *LOGLINES.routes)
