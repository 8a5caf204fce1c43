"""Questions about join requests."""

from coalserver.core.state import State
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.actions import JoinRequest


def request_coded(state: State, *, code: str) -> JoinRequest:
    """A join request, answered or not."""
    request = state.one(JoinRequest, "code", code)
    if request is None:
        raise Refusal(Why.REQUEST_NOT_FOUND)
    return request


def requests_to(state: State, *, lobby: int) -> list[JoinRequest]:
    """Who waits to be let into a lobby, newest first."""
    return [one for one in reversed(state.find(JoinRequest, "lobby", lobby)) if one.pending]


def requests_by(state: State, *, player: int) -> list[JoinRequest]:
    """Where a player waits to be let in, newest first."""
    return state.find(JoinRequest, "player", player)[::-1]
