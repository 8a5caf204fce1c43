"""Ban commands: shut a player out of a game, and let him in again."""

from coalserver.core import topics
from coalserver.core.commands.finding import ban_of, the_game, the_player
from coalserver.core.commands.presence import leave_everything
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.events import PlayerBanned, PlayerUnbanned
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Ban, Player, ban_until


def ban(unit: Unit, *, game: str, player: int, duration: str, reason: str = "") -> Ban:
    """Shut a player out, for one of the named durations: every seat he has in the game is freed.

    A new ban takes the place of an older one.
    """
    banned = _player_of(unit, game, player)
    until = ban_until(duration, unit.now)
    _lift(unit, game, player)
    leave_everything(unit, player=banned.id, how="banned", game=game)
    unit.say(PlayerBanned(game, player, reason, until), topics.player(player))
    id, code = unit.new_id(Ban), unit.new_code()
    return unit.put(Ban(id, code, game, player, duration, reason, unit.now, until))


def unban(unit: Unit, *, game: str, player: int) -> int:
    """Let a player in again; gives how many bans that lifted."""
    _player_of(unit, game, player)
    held = ban_of(unit, game, player) is not None
    _lift(unit, game, player)
    if held:
        unit.say(PlayerUnbanned(game, player), topics.player(player))
    return int(held)


def _player_of(unit: Unit, game: str, id: int) -> Player:
    """A player of the game, or one who has sat in it."""
    the_game(unit, game)
    player = the_player(unit, id)
    if not player.known_to(game):
        raise Refusal(Why.PLAYER_NOT_FOUND)
    return player


def _lift(unit: Unit, game: str, player: int) -> None:
    for old in unit.find(Ban, "player", (game, player)):
        unit.drop(old)
