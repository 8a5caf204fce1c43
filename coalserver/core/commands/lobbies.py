"""Lobby commands: open, join, options, ready flags. members.py has leave, kick, password, chat and close."""

from coalserver.core import topics
from coalserver.core.commands.members import (
    check_can_join,
    check_can_play,
    check_not_in,
    emit_host_changed,
    record_seat,
)
from coalserver.core.commands.storage_limits import check_game_storage
from coalserver.core.queries.games import get_game
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import (
    LobbyMemberJoined,
    LobbyMemberReady,
    LobbyOpened,
    LobbyOptionsChanged,
)
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster


def open_lobby(
    uow: UnitOfWork,
    *,
    game: str,
    player_id: int,
    name: str,
    default_name: str = "",
    password: str = "",
    options: bytes = b"{}",
    capacity: int | None = None,
    ready_check: bool = False,
    strict_full: bool = False,
    requires_approval: bool = False,
    transfer_host: bool = False,
    can_leave: bool = True,
    realtime: bool = False,
    data: bytes = b"null",
) -> Lobby:
    """Create a lobby with the player as its host and emit LobbyOpened.

    The capacity is at most the game's. A lobby without a name is called `default_name` and six
    digits of its code. Raises GAME_NOT_FOUND, PLAYER_NOT_FOUND, GAME_CLOSED, BANNED,
    ALREADY_IN_LOBBY, TOO_MANY_SEATS, ALREADY_IN_ROOM or OPTIONS_REFUSED.
    """
    game_entity = get_game(uow, game)
    host = get_player(uow, player_id)
    check_can_play(uow, game_entity, host)
    check_can_join(uow, host, Lobby)
    check_not_in(uow, host, Room)
    check_options(uow, game, options)
    max_members = player_limits(uow, game_entity)[1]
    roster = Roster(
        min(capacity or max_members, max_members),
        player_id,
        transfer_host=transfer_host,
        can_leave=can_leave,
        grace=uow.limits.seat_grace,
    )
    code = uow.new_code()
    lobby = uow.save(
        Lobby(
            uow.new_id(Lobby),
            code,
            game,
            name or (default_name and f"{default_name}{code[:6]}"),
            roster.add(player_id, uow.now, data=data),
            uow.now,
            password=uow.password_digest(password),
            options=options,
            ready_check=ready_check,
            strict_full=strict_full,
            requires_approval=requires_approval,
            realtime=realtime,
        )
    )
    event = LobbyOpened(
        game,
        lobby.id,
        lobby.name,
        lobby.roster.capacity,
        player_id,
        host.name,
        bool(password),
        options,
        requires_approval,
    )
    uow.emit(event, *topics.of_lobby(lobby.id, game))
    record_seat(uow, host, game)
    return lobby


def join_lobby(
    uow: UnitOfWork, *, lobby_id: int, player_id: int, password: str = "", data: bytes = b"null"
) -> Lobby:
    """Add a player to a lobby. Emits and raises what `add_member` does.

    Raises also LOBBY_NOT_FOUND, GAME_CLOSED or BANNED.
    """
    lobby = get_lobby(uow, lobby_id)
    lobby.check_open()
    if player_id in lobby.roster:
        raise DomainError(ErrorCode.ALREADY_MEMBER)
    check_can_play(uow, get_game(uow, lobby.game), get_player(uow, player_id))
    return add_member(uow, lobby, player_id, password=password, data=data)


def add_member(
    uow: UnitOfWork,
    lobby: Lobby,
    player_id: int,
    *,
    password: str = "",
    approved: bool = False,
    data: bytes = b"null",
) -> Lobby:
    """Add a player whom the game admits and emit LobbyMemberJoined.

    Emits LobbyMemberReady for a player who counts as ready in a lobby with a ready check, and
    LobbyHostChanged where the player becomes the host. Raises PLAYER_NOT_FOUND,
    ALREADY_IN_LOBBY, TOO_MANY_SEATS and what Lobby.add_member raises.
    """
    player = get_player(uow, player_id)
    check_can_join(uow, player, Lobby)
    joined = uow.save(
        lobby.add_member(
            player_id,
            uow.now,
            password=uow.password_digest(password),
            approved=approved,
            always_ready=player.always_ready,
            data=data,
        )
    )
    event = LobbyMemberJoined(lobby.game, lobby.id, player_id, player.name)
    uow.emit(event, *topics.of_lobby(lobby.id, lobby.game), topics.player(player_id))
    if lobby.ready_check and player.always_ready:
        ready = LobbyMemberReady(lobby.game, lobby.id, player_id, player.name, True)
        uow.emit(ready, *topics.of_lobby(lobby.id, lobby.game))
    if joined.roster.host != lobby.roster.host:
        emit_host_changed(uow, lobby, joined)
    record_seat(uow, player, lobby.game, lobby.id)
    return joined


def quick_join(
    uow: UnitOfWork, *, game: str, player_id: int, name: str, options: bytes = b"{}"
) -> tuple[Lobby, bool]:
    """Join the fullest open lobby that needs no password or approval, or open a new one.

    Lobbies whose host is away are not joined.

    Of several the oldest is joined. A player who is in an open lobby of the game stays there. The
    second value is True for a new lobby. Emits and raises what `join_lobby` or `open_lobby` does.
    """
    check_can_play(uow, get_game(uow, game), get_player(uow, player_id))
    seated = [lobby for lobby in uow.find(Lobby, "member", player_id) if lobby.game == game]
    in_open = [lobby for lobby in seated if lobby.open]
    if in_open:
        return min(in_open, key=lambda lobby: lobby.id), False
    ranked = uow.state.open_lobbies.of(game).ranked
    if ranked:
        return add_member(uow, get_lobby(uow, ranked[0][-1]), player_id), False
    return open_lobby(uow, game=game, player_id=player_id, name=name, options=options), True


def set_options(uow: UnitOfWork, *, lobby_id: int, by: int, options: bytes) -> Lobby:
    """Set a lobby's options (a JSON object) as its host and emit LobbyOptionsChanged.

    Raises LOBBY_NOT_FOUND, what Lobby.set_options raises, OPTIONS_REFUSED and GAME_STORAGE_FULL.
    """
    lobby = get_lobby(uow, lobby_id)
    changed = lobby.set_options(by, options)
    check_options(uow, lobby.game, options)
    check_game_storage(uow, lobby.game)
    event = LobbyOptionsChanged(lobby.game, lobby.id, options)
    uow.emit(event, *topics.of_lobby(lobby.id, lobby.game))
    return uow.save(changed)


def set_ready(uow: UnitOfWork, *, lobby_id: int, player_id: int, ready: bool) -> Lobby:
    """Set a member's ready flag and emit LobbyMemberReady where it changes.

    Raises LOBBY_NOT_FOUND and what Lobby.set_ready raises.
    """
    lobby = get_lobby(uow, lobby_id)
    changed = lobby.set_ready(player_id, ready)
    if changed == lobby:
        return lobby
    name = get_player(uow, player_id).name
    event = LobbyMemberReady(lobby.game, lobby.id, player_id, name, ready)
    uow.emit(event, *topics.of_lobby(lobby.id, lobby.game))
    return uow.save(changed)


def check_options(uow: UnitOfWork, game: str, options: bytes) -> None:
    """Check options against the game's rules. Raises OPTIONS_REFUSED."""
    rules = uow.rules(game)
    if rules is not None and options != b"{}":
        rules.check_options(options)


def player_limits(uow: UnitOfWork, game: Game) -> tuple[int, int]:
    """Return the minimum and maximum number of players: the game's, within those of its rules."""
    rules = uow.rules(game.tag)
    if rules is None:
        return game.min_players, game.max_players
    return (
        max(game.min_players, rules.min_players),
        min(game.max_players, rules.max_players),
    )
