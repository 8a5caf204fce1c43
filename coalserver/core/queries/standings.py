"""Questions about who stands where in a ranking."""

from coalserver.core.leaderboards import Ranking
from coalserver.core.state import State
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Player


def standings(
    state: State, *, ranking: Ranking, start: int, limit: int, around: int | None = None
) -> tuple[list[Player], int]:
    """Players from a place on, the first place being 0; and which place the first of them has.

    `around` a player: he is in the middle, or as near to it as the end of the ranking lets him.
    """
    if around is not None:
        before = ranking.before(around)
        if before is None:
            raise Refusal(Why.PLAYER_NOT_FOUND)
        start = max(0, min(before - limit // 2, len(ranking) - limit))
    ids = ranking.players(start, limit)
    return [player for id in ids if (player := state.get(Player, id))], start
