"""`realtime.php` and the WebSocket: messages relayed between the members of a room."""

from aiohttp import WSCloseCode, web

from coalserver.apis.multiplayer import auth, realtime_messages
from coalserver.apis.multiplayer.relay import TOKEN_INVALIDATED, Member, Relay
from coalserver.apis.multiplayer.render import success
from coalserver.core.caller import Caller
from coalserver.core.queries.players import get_player
from coalserver.core.queries.rooms import room_of_player
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.room import Room
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import record_activity
from coalserver.web.streaming.websocket import WebSocketConnection
from coalserver.web.throttling import UseLimit

#: Bytes of one message from a client.
MAX_MESSAGE_BYTES = 64 * 1024
TOKEN_REQUIRED = (WSCloseCode.POLICY_VIOLATION, "Token required")
TOKEN_INVALID = (WSCloseCode.POLICY_VIOLATION, "Invalid token")


async def issue_token(ctx: RequestContext) -> web.StreamResponse:
    """Return the caller's token for one connection; the same until it is used.

    Raises NOT_MEMBER if the caller is in no room with realtime.
    """
    room = ctx.core.query(room_of_player, player=ctx.caller.player_id)
    if room is None or not room.realtime:
        raise DomainError(ErrorCode.NOT_MEMBER)
    player = ctx.core.query(get_player, id=ctx.caller.player_id)
    return success(
        ctx,
        {
            "token": ctx.app.per_process(Relay).tokens.issue(player, room),
            "player_info": {
                "player_id": player.id,
                "player_name": player.name,
                "room_id": room.code,
                "is_host": room.roster.host == player.id,
            },
        },
    )


async def validate_token(ctx: RequestContext) -> web.StreamResponse:
    """Return whether a token of this game is valid."""
    realtime_token = ctx.app.per_process(Relay).tokens.find(token_param(ctx))
    room = None if realtime_token is None else ctx.core.state.get(Room, realtime_token.room)
    return success(ctx, {"valid": room is not None and room.game == ctx.caller.get_game().tag})


async def revoke_token(ctx: RequestContext) -> web.StreamResponse:
    """Revoke the caller's token and close the caller's connection."""
    relay = ctx.app.per_process(Relay)
    revoked = relay.tokens.revoke(ctx.caller.player_id)
    member = relay.find_member(ctx.caller.player_id)
    if member is not None:
        member.close(*TOKEN_INVALIDATED)
    message = "Realtime token revoked successfully"
    return success(
        ctx, {"message": message if revoked or member else "There was no realtime token"}
    )


async def open_socket(ctx: RequestContext) -> web.StreamResponse:
    """Open a WebSocket and relay until it closes. An invalid token closes it with a reason.

    The player is online for as long.
    """
    connection = WebSocketConnection(MAX_MESSAGE_BYTES)
    connection.accept(ctx.request)
    with connection.ended_by_failure():
        relay, secret = ctx.app.per_process(Relay), token_param(ctx)
        realtime_token = relay.tokens.use(secret)
        if realtime_token is None:
            connection.end(*_close_reason(relay, secret))
        else:
            member = relay.add_member(realtime_token, client_type_param(ctx), connection)
            ctx.caller = Caller(player_id=member.player)
            member.send(render_connected(ctx, member))
            await record_activity(ctx)
    return await connection.receive_messages(ctx.request)


def render_connected(ctx: RequestContext, member: Member) -> bytes:
    """Return the first message to a client."""
    room = ctx.core.state.get(Room, member.room)
    player = ctx.core.query(get_player, id=member.player)
    return realtime_messages.connected_frame(
        connection_id=member.code,
        player_id=player.id,
        player_name=player.name,
        room_id="" if room is None else room.code,
        client_type=member.client_type,
    )


async def describe_socket(ctx: RequestContext) -> web.StreamResponse:
    """Return a hint for clients that request the address before they connect."""
    return success(ctx, {"message": "Open a WebSocket here, with ?token= and ?client="})


def token_param(ctx: RequestContext) -> str:
    """Return the realtime token from the header or the query; the header takes precedence."""
    header = ctx.request.headers.get("X-Realtime-Token", "").strip()
    return header or ctx.query.get("token", "").strip()


def client_type_param(ctx: RequestContext) -> str:
    """Return the client type from the query; `json` unless it is valid."""
    requested = ctx.query.get("client", "").strip().lower()
    return requested if requested in realtime_messages.CLIENT_TYPES else realtime_messages.JSON


def _close_reason(relay: Relay, secret: str) -> tuple[int, str]:
    if not secret:
        return TOKEN_REQUIRED
    return TOKEN_INVALIDATED if relay.tokens.was_used(secret) else TOKEN_INVALID


FILE = "/api/realtime.php"
ROUTES = (
    Route("POST", f"{FILE}/token", issue_token, auth=auth.player, limit=UseLimit.MESSAGES),
    Route("GET", f"{FILE}/token/validate", validate_token, auth=auth.game_only),
    Route("POST", f"{FILE}/token/revoke", revoke_token, auth=auth.player),
    Route("GET", "/", open_socket, upgrade=True),
    Route("GET", "/realtime", open_socket, upgrade=True),
    Route("GET", "/realtime", describe_socket),
    Route("GET", "/realtime/", open_socket, upgrade=True),
    Route("GET", "/realtime/", describe_socket),
)
