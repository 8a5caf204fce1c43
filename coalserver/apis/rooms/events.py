"""Event feeds of one room, of all rooms of a game and of one session, on all transports."""

from dataclasses import replace

from aiohttp import web

from coalserver.apis.rooms.auth import listener
from coalserver.apis.rooms.event_payloads import (
    render_host_event,
    render_room_event,
    session_event_renderer,
)
from coalserver.apis.rooms.render import find_seat_number
from coalserver.apis.rooms.rooms import ROOM, ROOMS, room_in_path
from coalserver.apis.rooms.sessions import SESSION, visible_session_in_path
from coalserver.core import topics
from coalserver.core.caller import check_token_valid, token_end
from coalserver.core.engine import Core
from coalserver.core.ports import Topic
from coalserver.core.queries.games import get_listed_game
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.streaming.event_stream import serve_events
from coalserver.web.streaming.subscriptions import Subscription, parse_cursor


async def all_room_events(ctx: RequestContext) -> web.StreamResponse:
    """Serve the events of all rooms of a game, without chat."""
    game = ctx.core.query(get_listed_game, tag=ctx.path["game"])
    core, caller = ctx.core, ctx.caller
    subscription = Subscription(
        (topics.lobbies(game.tag),),
        None,
        render_room_event,
        topics.player(caller.player_id),
        still_valid=_always,
        valid_until=token_end(core, caller),
    )

    def subscribe() -> Subscription:
        check_token_valid(core, caller)
        return subscription

    return await serve_events(ctx, subscribe)


async def room_events(ctx: RequestContext) -> web.StreamResponse:
    """Serve the events of a room, for members with its chat, for its host with the join requests.

    A closed room serves the events after the cursor; with none left it raises LOBBY_CLOSED. A started one has its
    members still, who also receive the chat that they have not read.
    """
    lobby = room_in_path(ctx)
    room = lobby.id
    core, caller = ctx.core, ctx.caller
    with_chat = (topics.lobby(room), topics.lobby_chat(room))
    if not lobby.open:
        # The event of the close may not be in the feed yet.
        await core.writer.flushed()
        readable = with_chat if caller.player_id in lobby.roster else with_chat[:1]
        unread, _ = await core.entries(readable, parse_cursor(ctx), 1)
        if not unread:
            lobby.check_open()

    def still_valid() -> bool:
        lobby = core.state.get(Lobby, room)
        return lobby is not None and lobby.open

    for_others = Subscription(
        (topics.lobby(room),),
        None,
        render_room_event,
        topics.player(caller.player_id),
        still_valid=still_valid,
        valid_until=token_end(core, caller),
    )
    for_members = replace(for_others, topics=with_chat)
    for_host: Subscription | None = None

    def subscribe() -> Subscription:
        nonlocal for_host
        check_token_valid(core, caller)
        lobby = core.state.get(Lobby, room)
        if lobby is None:
            return replace(for_others, ended=True)
        if not lobby.open:
            is_member = caller.player_id in lobby.roster
            return replace(for_members if is_member else for_others, ended=True)
        if caller.player_id == lobby.roster.host:
            if for_host is None:
                host_topics = (*for_members.topics, topics.lobby_host(room))
                for_host = replace(
                    for_members, topics=host_topics, audience="host", render=render_host_event
                )
            return for_host
        return for_members if caller.player_id in lobby.roster else for_others

    return await serve_events(ctx, subscribe)


async def session_events(ctx: RequestContext) -> web.StreamResponse:
    """Serve the events of a session as the caller may see them, for members with its chat."""
    session = visible_session_in_path(ctx).id
    core, caller = ctx.core, ctx.caller

    def subscribe() -> Subscription:
        check_token_valid(core, caller)
        room = core.state.get(Room, session)
        if room is None:
            raise DomainError(ErrorCode.ROOM_NOT_FOUND)
        seat = find_seat_number(room, caller.player_id)
        if room.password and seat is None:
            raise DomainError(ErrorCode.PERMISSION_DENIED)
        subscription = subscription_for_seat(core, room, seat, caller.player_id)
        return replace(subscription, valid_until=token_end(core, caller))

    return await serve_events(ctx, subscribe)


def subscription_for_seat(core: Core, room: Room, seat: int | None, player: int) -> Subscription:
    """Return the subscription of a seat of a session, or of a spectator (None).

    Only members receive chat, and the updates and actions that are sent to them.
    """
    rules = core.context.rules.get(room.game)
    subscribed_topics: tuple[Topic, ...] = (topics.room(room.id),)
    if seat is not None:
        subscribed_topics = (
            *subscribed_topics,
            topics.room_chat(room.id),
            topics.updates(room.id, player),
            topics.actions(room.id, player),
        )
    audience = ("seat", room.id, seat)
    password = room.password

    def still_valid() -> bool:
        # A lost seat is published on the member's own topic.
        room_now = core.state.get(Room, room.id)
        return room_now is not None and room_now.password == password

    return Subscription(
        subscribed_topics,
        audience,
        session_event_renderer(rules, seat),
        topics.player(player),
        still_valid=still_valid,
    )


def _always() -> bool:
    """Return True: who may read these events changes for each caller alone."""
    return True


ROUTES = (
    Route("GET", ROOMS + "/events", all_room_events, auth=listener),
    Route("GET", ROOM + "/events", room_events, auth=listener),
    Route("GET", SESSION + "/events", session_events, auth=listener),
)
