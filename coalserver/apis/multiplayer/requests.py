"""`matchmaking.php`, by request: ask the host to be let in, look how it stands, answer."""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.membership import code, guarded, lobby_in_path, named
from coalserver.apis.multiplayer.render import JSON, stamp, stamp_or_null, well
from coalserver.apis.multiplayer.schemas import BODY, Said, missing
from coalserver.core.commands.join_requests import answer_join, ask_to_join
from coalserver.core.queries.players import name_of
from coalserver.core.queries.requests import request_coded
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.actions import JoinRequest
from coalserver.domain.play.lobby import Lobby, Phase
from coalserver.web.api import Call

FILE = "/api/matchmaking.php"
#: What the host says -> whether that lets the player in, and how it is confirmed.
ANSWERS = {"approve": (True, "approved"), "reject": (False, "rejected")}
STATES = {None: "pending", True: "approved", False: "rejected"}


async def ask(call: Call) -> web.StreamResponse:
    """Ask the host of a lobby to be let in."""
    lobby, said = lobby_in_path(call), call.body["said"]
    data = said.brought()
    tried = guarded(call, f"lobby {lobby.id}", bool(lobby.password))
    try:
        request = await call.core.do(
            ask_to_join,
            lobby_id=lobby.id,
            player=call.caller.player,
            password=said.secret("password"),
            data=data,
        )
    except Refusal as refusal:
        if refusal.why is Why.WRONG_PASSWORD:
            call.web.failures.note(tried)
        raise
    return well({"request_id": request.code, "message": "Join request sent to host"})


async def answer(call: Call) -> web.StreamResponse:
    """The host lets a player in, or does not."""
    request_id = code(call, "requestId")
    said: Said = call.body["said"]
    action = said.text("action").lower()
    if not action:
        raise missing("action")
    if action not in ANSWERS:
        raise missing("unknown_action")
    _, lobby = _found(call, request_id)
    if lobby.phase is Phase.GONE:
        raise Refusal(Why.LOBBY_GONE)
    approve, done = ANSWERS[action]
    await call.core.do(answer_join, code=request_id, by=call.caller.player, approve=approve)
    return well(
        {
            "message": f"Join request {done} successfully",
            "request_id": request_id,
            "action": action,
        }
    )


async def status(call: Call) -> web.StreamResponse:
    """How one's request stands."""
    request, lobby = _found(call, code(call, "requestId"))
    if request.player != call.caller.player:
        raise Refusal(Why.REQUEST_NOT_FOUND)
    by = request.answered_by
    shown = {
        **request_row(lobby, request),
        "responded_by": by,
        "responder_name": None if by is None else call.core.see(name_of, id=by),
        "join_by_requests": lobby.by_request,
    }
    return well({"request": shown})


def request_row(lobby: Lobby, request: JoinRequest) -> JSON:
    """What both sides see of a request."""
    return {
        "request_id": request.code,
        "matchmaking_id": lobby.code,
        "status": STATES[request.approved],
        "requested_at": stamp(request.asked),
        "responded_at": stamp_or_null(request.answered),
    }


def pending_row(call: Call, lobby: Lobby, request: JoinRequest) -> JSON:
    """What the host sees of it: also who asks."""
    return {
        **request_row(lobby, request),
        "player_id": request.player,
        "player_name": call.core.see(name_of, id=request.player),
    }


def _found(call: Call, request_id: str) -> tuple[JoinRequest, Lobby]:
    """A request and its lobby, if that is of the caller's game."""
    request = call.core.see(request_coded, code=request_id)
    lobby = call.core.state.get(Lobby, request.lobby)
    if lobby is None or lobby.game != auth.game(call).tag:
        raise Refusal(Why.REQUEST_NOT_FOUND)
    return request, lobby


ROUTES = (
    *named("POST", FILE, "request", ask, BODY),
    *named("POST", FILE, "response", answer, BODY),
    *named("GET", FILE, "status", status),
)
