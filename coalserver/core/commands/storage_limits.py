"""Limits of storage: what one player and one game may keep."""

from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Action
from coalserver.domain.play.game import StorageItem
from coalserver.domain.play.player import Player

#: Actions of one room that are kept at a time, and bytes of their requests and responses.
MAX_ROOM_ACTIONS, MAX_ROOM_ACTION_BYTES = 1000, 4 << 20
#: Actions of a room up to which their bytes are not summed: each has two payloads of at most 64 KiB.
FEW_ACTIONS = 32


def check_game_storage(uow: UnitOfWork, game: str) -> None:
    """Raise GAME_STORAGE_FULL if a game has as many bytes in the store as it may have."""
    maximum = uow.context.limits.game_bytes
    if maximum and uow.state.game_bytes.get(game, 0) >= maximum:
        raise DomainError(ErrorCode.GAME_STORAGE_FULL, limit="bytes_per_game", maximum=maximum)


def check_game_players(uow: UnitOfWork, game: str) -> None:
    """Raise GAME_FULL if a game has as many players as it may have. An empty tag: all guests."""
    maximum = uow.context.limits.game_players
    index, index_key = ("game", game) if game else ("guest", "")
    if maximum and len(uow.state.ids(Player, index, index_key)) >= maximum:
        raise DomainError(ErrorCode.GAME_FULL, limit="players_per_game", maximum=maximum)
    if game:
        check_game_storage(uow, game)


def check_player_storage(
    uow: UnitOfWork, game: str, player: Player, *, storage_key: str | None = None, size: int
) -> None:
    """Check that a player may store a value of some bytes under a key; None: the player's data.

    What the key had before is replaced. Raises TOO_MANY_STORAGE_KEYS, PLAYER_STORAGE_FULL or GAME_STORAGE_FULL.
    """
    limits = uow.context.limits
    others = [
        item
        for item in uow.find(StorageItem, "player", player.id)
        if item.game == game and item.storage_key != storage_key
    ]
    if storage_key is not None and limits.storage_keys and len(others) >= limits.storage_keys:
        raise DomainError(
            ErrorCode.TOO_MANY_STORAGE_KEYS, limit="keys_per_player", maximum=limits.storage_keys
        )
    total = size + sum(len(item.value) for item in others)
    if storage_key is not None and player.game == game:
        total += len(player.data)
    if limits.player_bytes and total > limits.player_bytes:
        raise DomainError(
            ErrorCode.PLAYER_STORAGE_FULL, limit="data_per_player", maximum=limits.player_bytes
        )
    check_game_storage(uow, game)


def check_room_actions(uow: UnitOfWork, room_id: int) -> None:
    """Raise TOO_MANY_ACTIONS if a room keeps as many actions, answered or not, as it may keep."""
    ids = uow.state.ids(Action, "room", room_id)
    if len(ids) <= FEW_ACTIONS:
        return
    actions = uow.find(Action, "room", room_id)
    size = sum(len(action.request) + len(action.response) for action in actions)
    if len(ids) >= MAX_ROOM_ACTIONS or size >= MAX_ROOM_ACTION_BYTES:
        raise DomainError(
            ErrorCode.TOO_MANY_ACTIONS, limit="actions_per_room", maximum=MAX_ROOM_ACTIONS
        )
