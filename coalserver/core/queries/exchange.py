"""Questions about actions: what waits for whom, and what was answered."""

from coalserver.core.state import State
from coalserver.domain.play.actions import ANSWERED_SECONDS, Action, Progress


def pending_for(state: State, *, room: int, player: int) -> list[Action]:
    """What a member is asked for and has not begun, oldest first."""
    found = state.find(Action, "target", (room, player))
    return [action for action in found if action.progress is Progress.PENDING]


def answered_for(
    state: State, *, room: int, player: int, now: float, limit: int = 50
) -> list[Action]:
    """What a member asked for and was answered lately, newest answer first."""
    found = [
        (action.answered, action)
        for action in state.find(Action, "sender", (room, player))
        if action.answered is not None and now - action.answered < ANSWERED_SECONDS
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [action for _, action in found[:limit]]


def waiting_for(state: State, *, room: int, player: int, limit: int = 50) -> list[Action]:
    """What a member asked for and still waits for, newest first."""
    found = state.find(Action, "sender", (room, player))
    return [action for action in reversed(found) if not action.done][:limit]
