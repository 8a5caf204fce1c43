"""Questions about bans."""

from coalserver.core.state import State
from coalserver.domain.play.player import Ban


def find_active_ban(state: State, *, game: str, player: int, now: float) -> Ban | None:
    """The ban that keeps a player out of a game now."""
    for ban in state.find(Ban, "player", (game, player)):
        if ban.is_active(now):
            return ban
    return None
