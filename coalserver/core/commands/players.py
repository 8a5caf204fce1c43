"""Player commands: register players of one game, private keys, logins, data of players and games."""

from coalserver.core import topics
from coalserver.core.commands.presence import mark_overdue
from coalserver.core.commands.storage_limits import check_game_players, check_player_storage
from coalserver.core.queries.games import get_game
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.events import PlayerLoggedOut, TokenRevoked
from coalserver.domain.construction import replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import LobbyMemberRenamed, RoomMemberRenamed
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room
from coalserver.domain.text import secret_digest

#: Random bytes in a private key: 36 hex digits.
PRIVATE_KEY_BYTES = 18


def register_player(
    uow: UnitOfWork, *, game: str, name: str, data: bytes = b"{}"
) -> tuple[Player, str]:
    """Create a player of one game; return it and its private key, of which only the digest is stored.

    Raises GAME_NOT_FOUND, GAME_FULL or GAME_STORAGE_FULL.
    """
    get_game(uow, game)
    check_game_players(uow, game)
    secret = uow.new_code(PRIVATE_KEY_BYTES)
    id = uow.new_id(Player)
    player = Player(
        id, name, uow.now, uow.now, game=game, secret_digest=secret_digest(secret), data=data
    )
    return uow.save(player), secret


def rotate_private_key(uow: UnitOfWork, *, player_id: int) -> str:
    """Replace the private key of a player of one game, return it, and emit TokenRevoked.

    Raises PLAYER_NOT_FOUND, and INVALID_TOKEN for a player without a private key.
    """
    player = get_player(uow, player_id)
    if not player.secret_digest:
        raise DomainError(ErrorCode.INVALID_TOKEN)
    secret = uow.new_code(PRIVATE_KEY_BYTES)
    uow.save(replace(player, secret_digest=secret_digest(secret), updated=uow.now))
    uow.emit(TokenRevoked(player_id, 0), topics.player(player_id))
    return secret


def rename_player(uow: UnitOfWork, *, player_id: int, name: str) -> Player:
    """Change a player's name. Emits LobbyMemberRenamed and RoomMemberRenamed.

    Raises PLAYER_NOT_FOUND.
    """
    player = get_player(uow, player_id)
    renamed = uow.save(player.rename(name, uow.now))
    if renamed.name != player.name:
        for lobby in uow.find(Lobby, "member", player_id):
            if lobby.open:
                event = LobbyMemberRenamed(lobby.game, lobby.id, player_id, renamed.name)
                uow.emit(event, *topics.of_lobby(lobby.id, lobby.game))
        for room in uow.find(Room, "member", player_id):
            room_event = RoomMemberRenamed(room.game, room.id, player_id, renamed.name)
            uow.emit(room_event, *topics.of_room(room.id, room.game))
    return renamed


def record_login(uow: UnitOfWork, *, player_id: int) -> Player:
    """Record the time of a player's login. Raises PLAYER_NOT_FOUND."""
    return uow.save(replace(get_player(uow, player_id), last_login=uow.now))


def record_logout(uow: UnitOfWork, *, player_id: int) -> Player:
    """Record a player's logout, mark them away and overdue at once, and emit PlayerLoggedOut.

    Their seats are freed like those of other away players. Emits also what `presence.mark_overdue`
    emits. Raises PLAYER_NOT_FOUND.
    """
    player = uow.save(replace(get_player(uow, player_id), last_logout=uow.now))
    mark_overdue(uow, player_id=player_id)
    uow.emit(PlayerLoggedOut(player_id), topics.player(player_id))
    return player


def save_player_data(
    uow: UnitOfWork, *, player_id: int, data: bytes, expected: int | None = None
) -> Player:
    """Replace a player's data (a JSON object); `expected` is the version that the caller last read.

    Raises PLAYER_NOT_FOUND, VERSION_CONFLICT and what `check_player_storage` raises.
    """
    player = get_player(uow, player_id)
    check_player_storage(uow, player.game, player, size=len(data))
    return uow.save(player.update_data(data, expected, uow.now))


def save_game_data(uow: UnitOfWork, *, game: str, data: bytes, expected: int | None = None) -> Game:
    """Replace a game's shared data (a JSON object); `expected` is the version that the caller last read.

    Raises GAME_NOT_FOUND or VERSION_CONFLICT.
    """
    return uow.save(get_game(uow, game).update_data(data, expected, uow.now))
