"""Events of a world: stored log lines, status changes and screenshots, over all three transports."""

import orjson
from aiohttp import web

from coalserver.apis.coal.auth import get_valid_account, user
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
from coalserver.domain.minecraft.events import (
    LineLogged,
    ScreenshotAdded,
    ScreenshotDeleted,
    WorldChanged,
)
from coalserver.security.opaque_keys import SCREENSHOT, SERVER, USER, OpaqueKeys
from coalserver.web.api import Route
from coalserver.web.bearer import find_ticket_caller, issue_ticket
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.streaming.event_stream import serve_events
from coalserver.web.streaming.subscriptions import Subscription
from coalserver.web.streaming.tickets import TICKET_SECONDS
from coalserver.web.throttling import UseLimit

#: Lists and event types; a line has the type of the first list that includes it.
LINE_LISTS = (
    (CHATS, "chat"),
    (DEATHS, "death"),
    (ACHIEVEMENTS, "achievement"),
    (LOGLINES, "logline"),
)


def listener(ctx: RequestContext) -> Caller:
    """Return the caller of the bearer token, or of `?ticket=`, since browsers cannot set headers.

    Raises what `user` raises, or INVALID_TOKEN for a ticket that is unknown, used or of another API.
    """
    caller = find_ticket_caller(ctx)
    if caller is None:
        return user(ctx)
    get_valid_account(ctx.core, caller)
    return caller


async def create_ticket(ctx: RequestContext) -> web.StreamResponse:
    """Issue a ticket for one feed: browsers cannot set headers on a WebSocket."""
    headers = {"Cache-Control": "no-store"}
    return json_response(
        {"ticket": issue_ticket(ctx), "expires_in": TICKET_SECONDS}, headers=headers
    )


async def events(ctx: RequestContext) -> web.StreamResponse:
    """Return the events of a world, until it is archived or the caller loses access."""
    core, caller = ctx.core, ctx.caller
    world, renderer = world_in_path(ctx).id, EventRenderer(core, opaque_keys(ctx))
    topic = topics.world(world)
    # As control topic, it makes `subscribe` check the token again before each entry is sent.
    subscription = Subscription((topic,), None, renderer.render, control_topic=topic)

    def subscribe() -> Subscription:
        get_valid_account(core, caller)
        core.query(get_world, id=world)
        return subscription

    return await serve_events(ctx, subscribe)


class EventRenderer:
    """Renders events for this API. Other events are skipped."""

    def __init__(self, core: Core, keys: OpaqueKeys) -> None:
        self._core = core
        self._keys = keys

    def render(self, entry: Entry) -> bytes | None:
        """Return `{"id", "event"}` as JSON, or None; a line has the members of its list."""
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
        list, type = next((list, type) for list, type in LINE_LISTS if list.includes(event.line))
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
    Route("POST", "/api/v1/ticket", create_ticket, auth=user, limit=UseLimit.MESSAGES),
)
