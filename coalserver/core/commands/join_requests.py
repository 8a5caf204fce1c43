"""Join request commands: request to join a lobby, and answer as its host."""

from collections.abc import Iterable
from itertools import islice

from coalserver.core import topics
from coalserver.core.commands.lobbies import add_member
from coalserver.core.commands.members import (
    check_can_join,
    check_can_play,
    check_not_in,
    emit_join_request_answered,
    end_join_requests,
)
from coalserver.core.queries.games import get_game
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import JoinRequested
from coalserver.domain.play.join_requests import EndReason, JoinRequest
from coalserver.domain.play.lobby import Lobby, LobbyState

#: Requests ended by one command: few enough that others do not have to wait.
CHUNK_SIZE = 500


def request_to_join(
    uow: UnitOfWork, *, lobby_id: int, player_id: int, password: str = "", data: bytes = b"null"
) -> JoinRequest:
    """Create a request to join a lobby and emit JoinRequested.

    Raises LOBBY_NOT_FOUND, PLAYER_NOT_FOUND, GAME_CLOSED, BANNED, ALREADY_IN_LOBBY, TOO_MANY_SEATS,
    JOIN_REQUEST_PENDING and what Lobby.check_can_request raises.
    """
    lobby = get_lobby(uow, lobby_id)
    newcomer = get_player(uow, player_id)
    check_can_play(uow, get_game(uow, lobby.game), newcomer)
    check_can_join(uow, newcomer, Lobby)
    pending = uow.first(JoinRequest, "pending", (lobby_id, player_id))
    if pending is not None and not pending.is_expired(uow.now):
        raise DomainError(ErrorCode.JOIN_REQUEST_PENDING)
    lobby.check_can_request(player_id, uow.password_digest(password))
    if pending is not None:
        end_join_requests(uow, (pending,), EndReason.EXPIRED)
    id = uow.new_id(JoinRequest)
    request = JoinRequest(id, uow.new_code(), lobby_id, player_id, uow.now, data)
    event = JoinRequested(lobby.game, lobby_id, player_id, newcomer.name, request.code)
    uow.emit(event, topics.lobby_host(lobby_id))
    return uow.save(request)


def withdraw_requests(uow: UnitOfWork, *, player_id: int, game: str = "") -> None:
    """Reject all pending requests of a player, in one game or in all; emit JoinRequestAnswered."""
    requests = [
        request
        for request in uow.find(JoinRequest, "player", player_id)
        if game in ("", get_lobby(uow, request.lobby).game)
    ]
    end_join_requests(uow, requests, EndReason.WITHDRAWN)


def answer_join_request(
    uow: UnitOfWork, *, code: str, by: int, approve: bool, lobby_id: int | None = None
) -> JoinRequest:
    """Approve or reject a join request as the lobby's host; emit JoinRequestAnswered.

    An approved player becomes a member, which emits LobbyMemberJoined. Raises
    JOIN_REQUEST_NOT_FOUND, with `lobby_id` also for requests to other lobbies, JOIN_REQUEST_ANSWERED,
    LOBBY_CLOSED, LOBBY_STARTED, NOT_MEMBER, NOT_HOST and, for an approval, what
    `lobbies.add_member` raises; the request then stays pending. ALREADY_IN_LOBBY is raised also for a
    request that ended because its sender took the seat in the other lobby.
    """
    request = uow.first(JoinRequest, "code", code)
    if request is None or lobby_id not in (None, request.lobby):
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    if request.answered_by is not None:
        raise DomainError(ErrorCode.JOIN_REQUEST_ANSWERED)
    lobby = get_lobby(uow, request.lobby)
    if lobby.state is LobbyState.CLOSED:
        raise DomainError(ErrorCode.LOBBY_CLOSED, lobby=lobby.id)
    lobby.roster.check_host(by)
    lobby.check_open()
    if approve and request.end_reason is EndReason.SEATED:
        check_not_in(uow, get_player(uow, request.player), Lobby)
    answered = uow.save(request.answer(by, approve, uow.now))
    if approve:
        add_member(uow, lobby, request.player, approved=True, data=request.data)
    emit_join_request_answered(uow, answered)
    return answered


def expire_join_requests(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """End join requests that were not answered in time, of those with these ids or of all; return their number.

    Handles a bounded number. Emits JoinRequestAnswered.
    """
    requests = (
        uow.state.all(JoinRequest)
        if ids is None
        else filter(None, (uow.get(JoinRequest, id) for id in ids))
    )
    expired = (one for one in requests if one.is_expired(uow.now))
    chunk = list(islice(expired, CHUNK_SIZE))
    end_join_requests(uow, chunk, EndReason.EXPIRED)
    return len(chunk)
