"""Game commands: make, find on first use, change tokens; what a game keeps for its players."""

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

from coalserver.core.commands.finding import may_play, the_game, the_player
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import Datum, Game, asked

TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def digest(secret: str) -> str:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def add_game(
    unit: Unit,
    *,
    tag: str,
    name: str = "",
    min_players: int = 1,
    max_players: int = 16,
    open: bool = True,
    listed: bool = True,
) -> dict[str, Any]:
    """Make a game; gives its `game_id`, `tag`, `api_token` and `private_token`, this once."""
    if not TAG.fullmatch(tag):
        raise Refusal(Why.MALFORMED, fields={"tag": "not_a_tag"})
    if not 1 <= min_players <= max_players <= 1000:
        raise Refusal(Why.MALFORMED, fields={"max": "not_a_range"})
    if unit.one(Game, "tag", tag) is not None:
        raise Refusal(Why.GAME_EXISTS, tag=tag)
    api, private = unit.new_code(20), unit.new_code(20)
    game = unit.put(
        Game(
            unit.new_id(Game),
            tag,
            name or tag.replace("-", " ").replace("_", " ").title(),
            min_players,
            max_players,
            digest(api),
            digest(private),
            unit.now,
            open=open,
            listed=listed,
        )
    )
    return {
        "game_id": game.id,
        "tag": tag,
        "api_token": api,
        "private_token": private,
    }


def rotate_game(unit: Unit, *, tag: str) -> dict[str, Any]:
    """Give a game new tokens; the old ones stop at once."""
    game = the_game(unit, tag)
    api, private = unit.new_code(20), unit.new_code(20)
    unit.put(replace(game, api_token=digest(api), private_token=digest(private)))
    return {
        "game_id": game.id,
        "tag": tag,
        "api_token": api,
        "private_token": private,
    }


def keep_datum(unit: Unit, *, game: str, player: int, by: int, key: str, value: bytes) -> Datum:
    """Keep a JSON value for a player of a game: he alone may, and the rules may refuse it."""
    played = the_game(unit, game)
    keeper = the_player(unit, player)
    if by != player:
        raise Refusal(Why.NOT_YOURS)
    may_play(unit, played, keeper)
    rules = unit.rules(game)
    if rules is not None:
        asked(rules.datum, key, json.loads(value))
    old = unit.one(Datum, "slot", (game, player, key))
    id = unit.new_id(Datum) if old is None else old.id
    return unit.put(Datum(id, game, player, key, value))
