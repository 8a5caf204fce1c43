"""Join request commands: request to join a lobby, and answer as its host."""

from coalserver.core import topics
from coalserver.core.commands.lobbies import add_member
from coalserver.core.commands.members import check_can_join, check_can_play
from coalserver.core.queries.games import get_game
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import JoinRequestAnswered, JoinRequested
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby, LobbyState


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
    if uow.first(JoinRequest, "pending", (lobby_id, player_id)) is not None:
        raise DomainError(ErrorCode.JOIN_REQUEST_PENDING)
    lobby.check_can_request(player_id, uow.password_digest(password))
    id = uow.new_id(JoinRequest)
    request = JoinRequest(id, uow.new_code(), lobby_id, player_id, uow.now, data)
    event = JoinRequested(lobby.game, lobby_id, player_id, newcomer.name, request.code)
    uow.emit(event, topics.lobby(lobby_id))
    return uow.save(request)


def withdraw_requests(uow: UnitOfWork, *, player_id: int, game: str = "") -> None:
    """Reject all pending requests of a player, in one game or in all; emit JoinRequestAnswered."""
    for request in uow.find(JoinRequest, "player", player_id):
        lobby = get_lobby(uow, request.lobby)
        if game in ("", lobby.game):
            _emit_answered(uow, lobby, uow.save(request.reject(uow.now)))


def answer_join_request(uow: UnitOfWork, *, code: str, by: int, approve: bool) -> JoinRequest:
    """Approve or reject a join request as the lobby's host; emit JoinRequestAnswered.

    An approved player becomes a member, which emits LobbyMemberJoined. Raises
    JOIN_REQUEST_NOT_FOUND, JOIN_REQUEST_ANSWERED, LOBBY_CLOSED, LOBBY_STARTED, NOT_MEMBER, NOT_HOST
    and, for an approval, what `lobbies.add_member` raises; the request then stays pending.
    """
    request = uow.first(JoinRequest, "code", code)
    if request is None:
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    answered = request.answer(by, approve, uow.now)
    lobby = get_lobby(uow, request.lobby)
    if lobby.state is LobbyState.CLOSED:
        raise DomainError(ErrorCode.LOBBY_CLOSED)
    lobby.roster.check_host(by)
    lobby.check_open()
    if approve:
        add_member(uow, lobby, request.player, approved=True, data=request.data)
    _emit_answered(uow, lobby, answered)
    return uow.save(answered)


def _emit_answered(uow: UnitOfWork, lobby: Lobby, request: JoinRequest) -> None:
    event = JoinRequestAnswered(
        lobby.game, lobby.id, request.player, request.code, bool(request.approved)
    )
    uow.emit(event, topics.lobby(lobby.id), topics.player(request.player))
