"""Events of a world: every line of its log as it is stored, how it is, its screenshots. All three transports."""

from typing import NamedTuple

import orjson
from aiohttp import web

from coalserver.apis.coal.auth import check_still_valid, user
from coalserver.apis.coal.chats import CHATS
from coalserver.apis.coal.log_lines import ACHIEVEMENTS, DEATHS, LOGLINES
from coalserver.apis.coal.render import JsonObject, opaque_keys
from coalserver.apis.coal.servers import SERVER_PATH, world_in_path
from coalserver.core import topics
from coalserver.core.caller import Caller
from coalserver.core.engine import Core
from coalserver.core.ports import Entry
from coalserver.core.queries.accounts import find_account
from coalserver.core.queries.worlds import get_world
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import (
    LineLogged,
    ScreenshotAdded,
    ScreenshotDeleted,
    WorldChanged,
)
from coalserver.security.opaque_keys import SCREENSHOT, SERVER, USER, OpaqueKeys
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.streaming.event_stream import serve_events
from coalserver.web.streaming.subscriptions import Subscription
from coalserver.web.streaming.tickets import TICKET_SECONDS

#: What a line is told as: the first list that it is in, and what one of it is called.
LINE_LISTS = (
    (CHATS, "chat"),
    (DEATHS, "death"),
    (ACHIEVEMENTS, "achievement"),
    (LOGLINES, "logline"),
)


class FeedTicket(NamedTuple):
    """What a ticket of this API stands for; one of another API is another thing."""

    caller: Caller


def listener(ctx: RequestContext) -> Caller:
    """A user; a feed also takes `?ticket=`, once, for browsers cannot set headers there."""
    ticket = ctx.query.get("ticket")
    if ticket is None or "Authorization" in ctx.request.headers:
        return user(ctx)
    feed_ticket = ctx.app.tickets.redeem(ticket)
    if not isinstance(feed_ticket, FeedTicket):
        raise DomainError(ErrorCode.INVALID_TOKEN)
    check_still_valid(ctx.core, feed_ticket.caller)
    return feed_ticket.caller


async def issue_ticket(ctx: RequestContext) -> web.StreamResponse:
    """A ticket that opens one feed, in place of a header."""
    value = ctx.app.tickets.issue(FeedTicket(ctx.caller))
    headers = {"Cache-Control": "no-store"}
    return json_response({"ticket": value, "expires_in": TICKET_SECONDS}, headers=headers)


async def events(ctx: RequestContext) -> web.StreamResponse:
    """What happens in a world, while it is one of ours and the caller may come in."""
    core, caller = ctx.core, ctx.caller
    world, renderer = world_in_path(ctx).id, EventRenderer(core, opaque_keys(ctx))
    topic = topics.world(world)
    # Each entry may be the last that this caller hears: whether his token holds is asked anew before it is told.
    subscription = Subscription((topic,), None, renderer.render, control_topic=topic)

    def subscribe() -> Subscription:
        check_still_valid(core, caller)
        core.query(get_world, id=world)
        return subscription

    return await serve_events(ctx, subscribe)


class EventRenderer:
    """How events sound in this dialect. An event without words here is not for these clients."""

    def __init__(self, core: Core, keys: OpaqueKeys) -> None:
        self._core = core
        self._keys = keys

    def render(self, entry: Entry) -> bytes | None:
        """`{"id", "event"}` as bytes; a line has the members of the list it is in."""
        payload = self._payload(entry.event)
        return None if payload is None else orjson.dumps({"id": entry.id, "event": payload})

    def _payload(self, event: object) -> JsonObject | None:
        match event:
            case LineLogged():
                return self._line(event)
            case WorldChanged():
                return self._world(event)
            case ScreenshotAdded():
                return self._screenshot(event)
            case ScreenshotDeleted(world, id):
                return {"type": "screenshot_removed", **self._screenshot_keys(world, id)}
        return None

    def _line(self, event: LineLogged) -> JsonObject:
        list, type = next(entry for entry in LINE_LISTS if entry[0].includes(event.line))
        row = list.render_line(self._core, self._keys, event.line)
        return {"type": type, "live": event.live, **row}

    def _world(self, event: WorldChanged) -> JsonObject:
        return {
            "type": "server",
            "key": self._keys.of(SERVER, event.world),
            "name": event.name,
            "running_version": event.version or None,
            "address": event.address or None,
            "status": event.status.upper(),
        }

    def _screenshot(self, event: ScreenshotAdded) -> JsonObject:
        owner = self._core.query(find_account, id=event.account)
        return {
            "type": "screenshot",
            **self._screenshot_keys(event.world, event.screenshot),
            "user_key": self._keys.of(USER, owner.id) if owner else None,
        }

    def _screenshot_keys(self, world: int, id: int) -> JsonObject:
        return {"key": self._keys.of(SCREENSHOT, id), "server_key": self._keys.of(SERVER, world)}


ROUTES = (
    Route("GET", SERVER_PATH + "/events", events, auth=listener),
    Route("POST", "/api/v1/ticket", issue_ticket, auth=user),
)
