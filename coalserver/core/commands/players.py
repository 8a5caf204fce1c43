"""Player commands: those who belong to one game and prove themselves with a key of their own."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.finding import the_game, the_player
from coalserver.core.commands.games import digest
from coalserver.core.commands.presence import mark_away
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.events import SignedOut, TokenEnded
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import Game
from coalserver.domain.play.player import Player

#: Random bytes in a private key: 36 hex digits.
KEY_BYTES = 18


def register_player(unit: Unit, *, game: str, name: str, data: bytes = b"{}") -> tuple[Player, str]:
    """Make a player of one game; gives it and its private key, this once."""
    the_game(unit, game)
    secret = unit.new_code(KEY_BYTES)
    id = unit.new_id(Player)
    player = Player(id, name, unit.now, unit.now, game=game, key=digest(secret), data=data)
    return unit.put(player), secret


def rotate_key(unit: Unit, *, player: int) -> str:
    """Give a player of one game a new private key; the old one stops at once."""
    found = the_player(unit, player)
    if not found.key:
        raise Refusal(Why.BAD_TOKEN)
    secret = unit.new_code(KEY_BYTES)
    unit.put(replace(found, key=digest(secret), updated=unit.now))
    unit.say(TokenEnded(player, 0), topics.player(player))
    return secret


def rename_player(unit: Unit, *, player: int, name: str) -> Player:
    """Call a player something else from now on."""
    return unit.put(the_player(unit, player).rename(name, unit.now))


def note_login(unit: Unit, *, player: int) -> Player:
    """A player has come."""
    return unit.put(replace(the_player(unit, player), last_login=unit.now))


def note_logout(unit: Unit, *, player: int) -> Player:
    """A player has gone: away at once for the others; his seats wait as for anyone silent."""
    found = unit.put(replace(the_player(unit, player), last_logout=unit.now))
    mark_away(unit, player=player)
    unit.say(SignedOut(player), topics.player(player))
    return found


def keep_player_data(
    unit: Unit, *, player: int, data: bytes, expected: int | None = None
) -> Player:
    """Replace what is kept for a player; `expected` is the version the caller last saw."""
    return unit.put(the_player(unit, player).keep(data, expected, unit.now))


def keep_game_data(unit: Unit, *, game: str, data: bytes, expected: int | None = None) -> Game:
    """Replace the shared data of a game; `expected` is the version the caller last saw."""
    return unit.put(the_game(unit, game).keep(data, expected, unit.now))
