"""Questions about actions: what waits for whom, and what was answered."""

from coalserver.core.state import State
from coalserver.domain.play.actions import FINISHED_ACTION_SECONDS, Action, ActionStatus


def pending_actions(state: State, *, room: int, player: int) -> list[Action]:
    """What a member is asked for and has not begun, oldest first."""
    found = state.find(Action, "target", (room, player))
    return [action for action in found if action.status is ActionStatus.PENDING]


def answered_actions(
    state: State, *, room: int, player: int, now: float, limit: int = 50
) -> list[Action]:
    """What a member asked for and was answered lately, newest answer first."""
    found = [
        (action.finished_at, action)
        for action in state.find(Action, "sender", (room, player))
        if action.finished_at is not None and now - action.finished_at < FINISHED_ACTION_SECONDS
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [action for _, action in found[:limit]]


def waiting_actions(state: State, *, room: int, player: int, limit: int = 50) -> list[Action]:
    """What a member asked for and still waits for, newest first."""
    found = state.find(Action, "sender", (room, player))
    return [action for action in reversed(found) if not action.finished][:limit]
