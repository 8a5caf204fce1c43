"""`realtime.php` and the socket: what members of a room tell one another at once."""

from aiohttp import WSCloseCode, web

from coalserver.apis.multiplayer import auth, realtime_messages
from coalserver.apis.multiplayer.relay import TOKEN_INVALIDATED, Member, Relay
from coalserver.apis.multiplayer.render import well
from coalserver.core.queries.players import player_called
from coalserver.core.queries.rooms import room_with
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.room import Room
from coalserver.web.api import Call, Caller, Route
from coalserver.web.endpoint import heard
from coalserver.web.responses import Written
from coalserver.web.streaming.websocket import Socket

#: Bytes of one message.
MOST = 64 * 1024
REQUIRED = (WSCloseCode.POLICY_VIOLATION, "Token required")
INVALID = (WSCloseCode.POLICY_VIOLATION, "Invalid token")


async def token(call: Call) -> web.StreamResponse:
    """What opens the socket, once; the same until it is used."""
    room = call.core.see(room_with, player=call.caller.player)
    if room is None or not room.realtime:
        raise Refusal(Why.NOT_HERE)
    player = call.core.see(player_called, id=call.caller.player)
    return well(
        {
            "token": call.web.own(Relay).passes.issue(player, room),
            "player_info": {
                "player_id": player.id,
                "player_name": player.name,
                "room_id": room.code,
                "is_host": room.roster.host == player.id,
            },
        }
    )


async def validate(call: Call) -> web.StreamResponse:
    """Whether a token of this game would open the socket now."""
    held = call.web.own(Relay).passes.find(shown(call))
    room = None if held is None else call.core.state.get(Room, held.room)
    return well({"valid": room is not None and room.game == auth.game(call).tag})


async def revoke(call: Call) -> web.StreamResponse:
    """The caller's token opens nothing any more, and what it has opened is closed."""
    relay = call.web.own(Relay)
    had = relay.passes.revoke(call.caller.player)
    member = relay.member(call.caller.player)
    if member is not None:
        member.end(*TOKEN_INVALIDATED)
    done = "Realtime token revoked successfully"
    return well({"message": done if had or member else "There was no realtime token"})


async def socket(call: Call) -> web.StreamResponse:
    """The socket itself. Whoever may not have it is told so in the words of a close."""
    opened = Socket(MOST)
    await opened.open(call.request)
    relay, shows = call.web.own(Relay), shown(call)
    held = relay.passes.use(shows)
    if held is not None:
        await keep(call, relay.admit(held, form(call), opened))
    else:
        opened.end(*(_refused(relay, shows)))
    await opened.finish()
    return Written(keep_alive=False)


async def keep(call: Call, member: Member) -> None:
    """Let a member send and hear until it ends; its player is there for as long."""
    call.caller = Caller(member.player)
    presence = call.core.presence
    presence.hold(member.player)
    try:
        member.tell(hello(call, member))
        await heard(call)
        member.socket.hear(member)
        code, reason = await member.socket.ended
    finally:
        presence.release(member.player, call.now)
        member.end(WSCloseCode.GOING_AWAY, "")


def hello(call: Call, member: Member) -> bytes:
    """What a client is told first."""
    room = call.core.state.get(Room, member.room)
    player = call.core.see(player_called, id=member.player)
    return realtime_messages.connected(
        connection_id=member.code,
        player_id=player.id,
        player_name=player.name,
        room_id="" if room is None else room.code,
        client_type=member.form,
    )


async def door(call: Call) -> web.StreamResponse:
    """Where the socket is, for clients that look before they open it."""
    return well({"message": "Open a WebSocket here, with ?token= and ?client="})


def shown(call: Call) -> str:
    """The realtime token of a request; a header outranks the query."""
    header = call.request.headers.get("X-Realtime-Token", "").strip()
    return header or call.query.get("token", "").strip()


def form(call: Call) -> str:
    """What kind of client this is."""
    said = call.query.get("client", "").strip().lower()
    return said if said in realtime_messages.FORMS else realtime_messages.JSON


def _refused(relay: Relay, shows: str) -> tuple[int, str]:
    if not shows:
        return REQUIRED
    return TOKEN_INVALIDATED if relay.passes.spent(shows) else INVALID


FILE = "/api/realtime.php"
ROUTES = (
    Route("POST", f"{FILE}/token", token, who=auth.player),
    Route("GET", f"{FILE}/token/validate", validate, who=auth.game_only),
    Route("POST", f"{FILE}/token/revoke", revoke, who=auth.player),
    Route("GET", "/", socket, upgrade=True),
    Route("GET", "/realtime", socket, upgrade=True),
    Route("GET", "/realtime", door),
    Route("GET", "/realtime/", socket, upgrade=True),
    Route("GET", "/realtime/", door),
)
