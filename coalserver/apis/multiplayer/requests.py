"""`matchmaking.php`, by request: ask the host to be let in, look how it stands, answer."""

from aiohttp import web

from coalserver.apis.multiplayer.membership import (
    id_in_request,
    id_routes,
    limit_password_attempts,
    lobby_in_path,
)
from coalserver.apis.multiplayer.render import JSON, format_time, format_time_or_null, success
from coalserver.apis.multiplayer.schemas import PARAMS, Params, invalid_request
from coalserver.core.commands.join_requests import answer_join_request, request_to_join
from coalserver.core.queries.lobbies import join_request_by_code
from coalserver.core.queries.players import player_name
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby, LobbyState
from coalserver.web.context import RequestContext

FILE = "/api/matchmaking.php"
#: What the host says -> whether that lets the player in, and how it is confirmed.
ANSWERS = {"approve": (True, "approved"), "reject": (False, "rejected")}
STATUSES = {None: "pending", True: "approved", False: "rejected"}


async def request_join(ctx: RequestContext) -> web.StreamResponse:
    """Ask the host of a lobby to be let in."""
    lobby, params = lobby_in_path(ctx), ctx.body["params"]
    data = params.player_data()
    with limit_password_attempts(ctx, f"lobby {lobby.id}", lobby.password):
        request = await ctx.core.execute(
            request_to_join,
            lobby_id=lobby.id,
            player_id=ctx.caller.player_id,
            password=params.secret("password"),
            data=data,
        )
    return success({"request_id": request.code, "message": "Join request sent to host"})


async def answer_request(ctx: RequestContext) -> web.StreamResponse:
    """The host lets a player in, or does not."""
    request_id = id_in_request(ctx, "requestId")
    params: Params = ctx.body["params"]
    action = params.text("action").lower()
    if not action:
        raise invalid_request("action")
    if action not in ANSWERS:
        raise invalid_request("unknown_action")
    _, lobby = _get_request(ctx, request_id)
    if lobby.state is LobbyState.CLOSED:
        raise DomainError(ErrorCode.LOBBY_CLOSED)
    approve, outcome = ANSWERS[action]
    await ctx.core.execute(
        answer_join_request, code=request_id, by=ctx.caller.player_id, approve=approve
    )
    return success(
        {
            "message": f"Join request {outcome} successfully",
            "request_id": request_id,
            "action": action,
        }
    )


async def get_status(ctx: RequestContext) -> web.StreamResponse:
    """How one's request stands."""
    request, lobby = _get_request(ctx, id_in_request(ctx, "requestId"))
    if request.player != ctx.caller.player_id:
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    by = request.answered_by
    rendered = {
        **request_row(lobby, request),
        "responded_by": by,
        "responder_name": None if by is None else ctx.core.query(player_name, id=by),
        "join_by_requests": lobby.requires_approval,
    }
    return success({"request": rendered})


def request_row(lobby: Lobby, request: JoinRequest) -> JSON:
    """What both sides see of a request."""
    return {
        "request_id": request.code,
        "matchmaking_id": lobby.code,
        "status": STATUSES[request.approved],
        "requested_at": format_time(request.requested_at),
        "responded_at": format_time_or_null(request.answered_at),
    }


def pending_row(ctx: RequestContext, lobby: Lobby, request: JoinRequest) -> JSON:
    """What the host sees of it: also who asks."""
    return {
        **request_row(lobby, request),
        "player_id": request.player,
        "player_name": ctx.core.query(player_name, id=request.player),
    }


def _get_request(ctx: RequestContext, request_id: str) -> tuple[JoinRequest, Lobby]:
    """A request and its lobby, if that is of the caller's game."""
    request = ctx.core.query(join_request_by_code, code=request_id)
    lobby = ctx.core.state.get(Lobby, request.lobby)
    if lobby is None or lobby.game != ctx.caller.get_game().tag:
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    return request, lobby


ROUTES = (
    *id_routes("POST", FILE, "request", request_join, PARAMS),
    *id_routes("POST", FILE, "response", answer_request, PARAMS),
    *id_routes("GET", FILE, "status", get_status),
)
