"""Game commands: add games, rotate their tokens, store values for their players."""

import json
import re
from dataclasses import replace
from typing import Any

from coalserver.core.commands.members import check_can_play
from coalserver.core.commands.storage_limits import check_player_storage
from coalserver.core.queries.games import get_game
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game, StorageItem, call_rule
from coalserver.domain.text import secret_digest

TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def add_game(
    uow: UnitOfWork,
    *,
    tag: str,
    name: str = "",
    min_players: int = 1,
    max_players: int = 16,
    open: bool = True,
    listed: bool = True,
    typed: bool = False,
) -> dict[str, Any]:
    """Create a game; return its `game_id`, `tag`, `api_token` and `private_token`.

    Only digests of the tokens are stored. Raises INVALID_REQUEST or GAME_EXISTS.
    """
    if not TAG.fullmatch(tag):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"tag": "not_a_tag"})
    if not 1 <= min_players <= max_players <= 1000:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"max": "not_a_range"})
    if uow.first(Game, "tag", tag) is not None:
        raise DomainError(ErrorCode.GAME_EXISTS, tag=tag)
    api, private = uow.new_code(20), uow.new_code(20)
    game = uow.save(
        Game(
            uow.new_id(Game),
            tag,
            name or tag.replace("-", " ").replace("_", " ").title(),
            min_players,
            max_players,
            secret_digest(api),
            secret_digest(private),
            uow.now,
            open=open,
            listed=listed,
            typed=typed,
        )
    )
    return {
        "game_id": game.id,
        "tag": tag,
        "api_token": api,
        "private_token": private,
    }


def rotate_game_tokens(uow: UnitOfWork, *, tag: str) -> dict[str, Any]:
    """Replace a game's tokens; return what `add_game` returns. Raises GAME_NOT_FOUND."""
    game = get_game(uow, tag)
    api, private = uow.new_code(20), uow.new_code(20)
    uow.save(replace(game, api_token=secret_digest(api), private_token=secret_digest(private)))
    return {
        "game_id": game.id,
        "tag": tag,
        "api_token": api,
        "private_token": private,
    }


def save_storage_item(
    uow: UnitOfWork, *, game: str, player_id: int, by: int, storage_key: str, value: bytes
) -> StorageItem:
    """Store a JSON value for a player of a game under a key.

    Raises GAME_NOT_FOUND, PLAYER_NOT_FOUND, PERMISSION_DENIED for others than the player, GAME_CLOSED,
    BANNED, what `check_player_storage` raises, and STORAGE_ITEM_REFUSED or RULES_FAILED by the game's rules.
    """
    played = get_game(uow, game)
    owner = get_player(uow, player_id)
    if by != player_id:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    check_can_play(uow, played, owner)
    rules = uow.rules(game)
    if rules is not None:
        call_rule(rules.datum, storage_key, json.loads(value))
    check_player_storage(uow, game, owner, storage_key=storage_key, size=len(value))
    old = uow.first(StorageItem, "owner_and_key", (game, player_id, storage_key))
    id = uow.new_id(StorageItem) if old is None else old.id
    return uow.save(StorageItem(id, game, player_id, storage_key, value))
