"""Sessions: launch, join, and take part without a WebSocket."""

from aiohttp import web

from coalserver.apis.hosts import messages, render
from coalserver.apis.hosts.auth import (
    HostsApiSettings,
    check_is_host,
    get_host,
    player,
)
from coalserver.apis.hosts.event_payloads import (
    is_departure,
    prepare_snapshot,
    snapshot_of,
    subscription_for,
)
from coalserver.apis.hosts.schemas import JOIN, LAUNCH, MESSAGE
from coalserver.core import topics
from coalserver.core.caller import check_token_valid
from coalserver.core.commands import hosts
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState
from coalserver.web.api import Route
from coalserver.web.body import read_body
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import record_activity
from coalserver.web.idempotency import execute_idempotent
from coalserver.web.responses import json_response
from coalserver.web.streaming.event_stream import serve_events
from coalserver.web.streaming.subscriptions import CURSOR_HEADER, Subscription, parse_cursor
from coalserver.web.throttling import UseLimit

SESSION = "/sessions/{session}"


async def launch(ctx: RequestContext) -> web.StreamResponse:
    """Launch a session and return the key of its source of truth."""
    host = get_host(ctx, ctx.body["host"])
    check_is_host(ctx.caller, host)
    room, secret = await ctx.core.execute(hosts.launch_room, host_id=host.id)
    payload = {"session_id": room.id, "source_of_truth_key": render.format_key(secret)}
    return json_response(payload, 201, render.location(ctx, room.id))


async def join(ctx: RequestContext) -> web.StreamResponse:
    """Join the session of a host. A guest without a uuid gets a name and a token."""
    try:
        body, _ = await read_body(ctx, JOIN, ctx.route.media)
    except DomainError:
        # A missing or invalid token takes precedence over an invalid body.
        player(ctx)
        raise
    if body["guest"].strip().upper() == render.NONAME:
        return await _join_as_noname(ctx, body["host"])
    ctx.caller = player(ctx)
    await record_activity(ctx)
    check_is_host(ctx.caller, get_host(ctx, body["guest"], ErrorCode.PERMISSION_DENIED))
    host = get_host(ctx, body["host"])
    room = await ctx.core.execute(hosts.join_host, host_id=host.id, guest_id=ctx.caller.player_id)
    return json_response({"session_id": room.id}, headers=render.location(ctx, room.id))


async def _join_as_noname(ctx: RequestContext, uuid: str) -> web.StreamResponse:
    """Join the session of a host as a new guest without a uuid."""
    host = get_host(ctx, uuid)
    ctx.take(UseLimit.GUESTS)
    room, guest, token = await ctx.core.execute(hosts.join_host_unnamed, host_id=host.id)
    ctx.core.record_activity(guest.id)
    payload = {
        "session_id": room.id,
        "player": render.name_of(ctx.core.state, guest.id),
        "token": token,
    }
    return json_response(payload, headers=render.location(ctx, room.id))


def get_room(ctx: RequestContext, session: int) -> Room:
    """Return the committed session, running or ended.

    Raises ROOM_NOT_FOUND, also for a room that another API created.
    """
    room = ctx.core.committed(Room, session)
    if room is None or room.game != ctx.app.service(HostsApiSettings).game or not room.authority:
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    return room


async def get(ctx: RequestContext) -> web.StreamResponse:
    """Return a session with its state, and the cursor from which to listen. Members only."""
    room = get_room(ctx, ctx.int_param("session"))
    room.check_open()
    room.roster.get_seat(ctx.caller.player_id)
    cursor = {CURSOR_HEADER: str(ctx.core.feed.head)}
    synced = ctx.core.committed(SyncedState, room.id) or SyncedState(room.id)
    cache = ctx.app.render_cache
    await prepare_snapshot(cache, synced)
    payload = render.session(ctx.core.state, room, synced, snapshot_of(cache, synced))
    return json_response(payload, headers=cursor)


async def events(ctx: RequestContext) -> web.StreamResponse:
    """Serve the events of a session to its members.

    After the end, or after leaving, only events after the cursor are served; with none left it
    raises ROOM_ENDED or NOT_MEMBER.
    """
    session, core, caller = get_room(ctx, ctx.int_param("session")).id, ctx.core, ctx.caller
    # An open stream keeps `subscribe`, and with `ctx` its request.
    render_cache = ctx.app.render_cache

    def subscribe() -> Subscription:
        check_token_valid(core, caller)
        return subscription_for(core, render_cache, session, caller, binary=False)

    await core.writer.flushed()
    subscription = subscribe()
    if subscription.ended:
        await _check_has_unread(ctx, session, subscription)
    return await serve_events(ctx, subscribe)


async def _check_has_unread(ctx: RequestContext, session: int, subscription: Subscription) -> None:
    """Raise ROOM_ENDED or NOT_MEMBER if no event of an ended subscription is after the cursor."""
    cursor, player_id = parse_cursor(ctx), ctx.caller.player_id
    is_member = topics.room(session) in subscription.topics
    while True:
        found, next_cursor = await ctx.core.entries(subscription.topics, cursor, 100)
        if any(is_member or is_departure(entry, session, player_id) for entry in found):
            return
        if len(found) < 100:
            raise DomainError(ErrorCode.ROOM_ENDED if is_member else ErrorCode.NOT_MEMBER)
        cursor = next_cursor


async def send_message(ctx: RequestContext) -> web.StreamResponse:
    """Handle a message as on the sync WebSocket, and return its result."""
    kind, members = messages.parse_message(ctx.body["value"])
    room = get_room(ctx, ctx.int_param("session"))
    command_call = messages.command_for(ctx.core, room.id, ctx.caller.player_id, kind, members)
    if command_call is None:
        return json_response({"type": "pong"})
    command, kwargs = command_call
    await messages.prepare_update(ctx.core, command, kwargs)
    return json_response(
        messages.render_result(kind, await execute_idempotent(ctx, command, **kwargs))
    )


ROUTES = (
    Route("POST", "/sessions", launch, LAUNCH, player, limit=UseLimit.ROOMS),
    Route("POST", "/sessions/players", join, reads_body=True),
    Route("GET", SESSION, get, auth=player, name="session"),
    Route("GET", SESSION + "/events", events, auth=player),
    Route("POST", SESSION + "/messages", send_message, MESSAGE, player, limit=UseLimit.MESSAGES),
)
