"""`matchmaking.php`: join requests to lobbies whose host approves each member."""

from aiohttp import web

from coalserver.apis.multiplayer.idempotency import execute
from coalserver.apis.multiplayer.membership import (
    id_in_request,
    id_routes,
    limit_password_attempts,
    lobby_in_path,
)
from coalserver.apis.multiplayer.render import JSON, format_time, format_time_or_null, success
from coalserver.apis.multiplayer.schemas import ANSWER_JOIN, ANSWERS, JOIN, load_deferred
from coalserver.core.commands.join_requests import answer_join_request, request_to_join
from coalserver.core.queries.lobbies import join_request_by_code
from coalserver.core.queries.players import player_name
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby, LobbyState
from coalserver.web.context import RequestContext

#: Whether the host approved a request -> its status; None: not answered yet.
STATUSES = {None: "pending", True: "approved", False: "rejected"}


async def request_join(ctx: RequestContext) -> web.StreamResponse:
    """Ask the host of a lobby for a seat."""
    lobby, body = lobby_in_path(ctx), load_deferred(ctx)

    def render(request: JoinRequest) -> JSON:
        return {"request_id": request.code, "message": "Join request sent to host"}

    player = ctx.caller.player_id
    with limit_password_attempts(ctx, f"lobby {lobby.id}", lobby.password):
        return await execute(
            ctx, request_to_join, render, lobby_id=lobby.id, player_id=player, **body
        )


async def answer_request(ctx: RequestContext) -> web.StreamResponse:
    """Approve or reject a join request, as the host."""
    request_id, action = id_in_request(ctx, "requestId"), load_deferred(ctx)["action"]
    _, lobby = _get_request(ctx, request_id)
    if lobby.state is LobbyState.CLOSED:
        raise DomainError(ErrorCode.LOBBY_CLOSED)
    approve = ANSWERS[action]

    def render(_: JoinRequest) -> JSON:
        return {
            "message": f"Join request {STATUSES[approve]} successfully",
            "request_id": request_id,
            "action": action,
        }

    by = ctx.caller.player_id
    return await execute(ctx, answer_join_request, render, code=request_id, by=by, approve=approve)


async def get_status(ctx: RequestContext) -> web.StreamResponse:
    """Return the caller's join request. Raises JOIN_REQUEST_NOT_FOUND for another player's."""
    request, lobby = _get_request(ctx, id_in_request(ctx, "requestId"))
    if request.player != ctx.caller.player_id:
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    by = request.answered_by
    rendered = {
        **_render_request(lobby, request),
        "responded_by": by,
        "responder_name": None if by is None else ctx.core.query(player_name, id=by),
        "join_by_requests": lobby.requires_approval,
        "reason": None if request.end_reason is None else str(request.end_reason),
    }
    return success(ctx, {"request": rendered})


def _render_request(lobby: Lobby, request: JoinRequest) -> JSON:
    return {
        "request_id": request.code,
        "matchmaking_id": lobby.code,
        "status": STATUSES[request.approved],
        "requested_at": format_time(request.requested_at),
        "responded_at": format_time_or_null(request.answered_at),
    }


def render_pending_request(ctx: RequestContext, lobby: Lobby, request: JoinRequest) -> JSON:
    """Return a join request as the host of the lobby sees it."""
    return {
        **_render_request(lobby, request),
        "player_id": request.player,
        "player_name": ctx.core.query(player_name, id=request.player),
    }


def _get_request(ctx: RequestContext, request_id: str) -> tuple[JoinRequest, Lobby]:
    """Return a join request and its lobby. Raises JOIN_REQUEST_NOT_FOUND for another game's."""
    request = ctx.core.query(join_request_by_code, code=request_id)
    lobby = ctx.core.state.get(Lobby, request.lobby)
    if lobby is None or lobby.game != ctx.caller.get_game().tag:
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    return request, lobby


ROUTES = (
    *id_routes("POST", "request", request_join, JOIN),
    *id_routes("POST", "response", answer_request, ANSWER_JOIN),
    *id_routes("GET", "status", get_status),
)
