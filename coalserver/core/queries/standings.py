"""Questions about who stands where in a ranking."""

from coalserver.core.leaderboards import Leaderboard
from coalserver.core.state import State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Player


def leaderboard_page(
    state: State, *, leaderboard: Leaderboard, start: int, limit: int, around: int | None = None
) -> tuple[list[Player], int]:
    """Players from a place on, the first place being 0; and which place the first of them has.

    `around` a player: he is in the middle, or as near to it as the end of the ranking lets him.
    """
    if around is not None:
        rank = leaderboard.rank_of(around)
        if rank is None:
            raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
        start = max(0, min(rank - limit // 2, len(leaderboard) - limit))
    ids = leaderboard.players(start, limit)
    return [player for id in ids if (player := state.get(Player, id))], start
