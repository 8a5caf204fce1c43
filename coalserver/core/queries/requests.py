"""Questions about join requests."""

from coalserver.core.state import State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.join_requests import JoinRequest


def join_request_by_code(state: State, *, code: str) -> JoinRequest:
    """A join request, answered or not."""
    request = state.first(JoinRequest, "code", code)
    if request is None:
        raise DomainError(ErrorCode.JOIN_REQUEST_NOT_FOUND)
    return request


def join_requests_to_lobby(state: State, *, lobby: int) -> list[JoinRequest]:
    """Who waits to be let into a lobby, newest first."""
    return [one for one in reversed(state.find(JoinRequest, "lobby", lobby)) if one.pending]


def join_requests_of_player(state: State, *, player: int) -> list[JoinRequest]:
    """Where a player waits to be let in, newest first."""
    return state.find(JoinRequest, "player", player)[::-1]
