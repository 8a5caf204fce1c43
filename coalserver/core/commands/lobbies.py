"""Lobby commands: gather, choose, leave. rooms.py starts play, requests.py asks to be let in."""

from coalserver.core import topics
from coalserver.core.commands.members import (
    check_can_join_lobby,
    check_can_play,
    check_in_no_room,
    record_seat,
)
from coalserver.core.ports import Entry, Topic
from coalserver.core.queries.games import get_game
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import (
    LobbyChat,
    LobbyClosed,
    LobbyHostChanged,
    LobbyMemberJoined,
    LobbyMemberLeft,
    LobbyMemberReady,
    LobbyOpened,
    LobbyOptionsChanged,
    LobbyPasswordChanged,
)
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import CloseReason, Lobby, LobbyState
from coalserver.domain.play.roster import Roster


def topics_of(lobby: Lobby) -> tuple[Topic, Topic]:
    """Where it is heard what happens in a lobby."""
    return topics.lobby(lobby.id), topics.lobbies(lobby.game)


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
    """Open a lobby and sit down in it as its host. It holds no more than the game takes.

    Without a name it is called `unnamed`, with six digits of its code behind.
    """
    game_entity = get_game(uow, game)
    host = get_player(uow, player_id)
    check_can_play(uow, game_entity, host)
    check_can_join_lobby(uow, host)
    check_in_no_room(uow, host)
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
    opened = LobbyOpened(
        game,
        lobby.id,
        lobby.name,
        lobby.roster.capacity,
        player_id,
        host.name,
        bool(password),
        options,
    )
    uow.emit(opened, *topics_of(lobby))
    record_seat(uow, host, game)
    return lobby


def join_lobby(
    uow: UnitOfWork, *, lobby_id: int, player_id: int, password: str = "", data: bytes = b"null"
) -> Lobby:
    """Take a seat. Starting or leaving is somebody else's command."""
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
    """Seat a player whom the game takes, if he is free and the lobby admits him."""
    newcomer = get_player(uow, player_id)
    check_can_join_lobby(uow, newcomer)
    password_digest = uow.password_digest(password)
    joined = lobby.add_member(
        player_id, uow.now, password=password_digest, approved=approved, data=data
    )
    uow.save(joined)
    entered = LobbyMemberJoined(lobby.game, lobby.id, player_id, newcomer.name)
    uow.emit(entered, *topics_of(lobby), topics.player(player_id))
    emit_lobby_host_changed(uow, lobby, joined)
    record_seat(uow, newcomer, lobby.game)
    return joined


def quick_join(
    uow: UnitOfWork, *, game: str, player_id: int, name: str, options: bytes = b"{}"
) -> tuple[Lobby, bool]:
    """Sit down in the fullest open lobby that needs nothing, oldest first, or open one.

    Whoever already sits in such a lobby stays in it. True: the lobby was made by this call.
    """
    check_can_play(uow, get_game(uow, game), get_player(uow, player_id))
    best: Lobby | None = None
    for lobby in uow.find(Lobby, "open", game):
        if player_id in lobby.roster:
            return lobby, False
        if lobby.roster.full or lobby.password or lobby.requires_approval:
            continue
        if best is None or len(lobby.roster) > len(best.roster):
            best = lobby
    if best is not None:
        return add_member(uow, best, player_id), False
    return open_lobby(uow, game=game, player_id=player_id, name=name, options=options), True


def leave_lobby(
    uow: UnitOfWork, *, lobby_id: int, player_id: int, open_only: bool = False
) -> Lobby:
    """Give up one's seat. Without its host a lobby that hands nothing over is gone.

    `only_open` refuses once play has begun.
    """
    lobby = get_lobby(uow, lobby_id)
    if open_only:
        lobby.check_open()
    return remove_lobby_member(uow, lobby, lobby.leave(player_id, uow.now), player_id, "left")


def kick_from_lobby(uow: UnitOfWork, *, lobby_id: int, by: int, player_id: int) -> Lobby:
    """The host puts a member out."""
    lobby = get_lobby(uow, lobby_id)
    return remove_lobby_member(uow, lobby, lobby.kick(by, player_id, uow.now), player_id, "kicked")


def set_options(uow: UnitOfWork, *, lobby_id: int, by: int, options: bytes) -> Lobby:
    """The host says what the game shall be like: a JSON object."""
    lobby = get_lobby(uow, lobby_id)
    changed = lobby.set_options(by, options)
    check_options(uow, lobby.game, options)
    uow.emit(LobbyOptionsChanged(lobby.game, lobby.id, options), *topics_of(lobby))
    return uow.save(changed)


def set_ready(uow: UnitOfWork, *, lobby_id: int, player_id: int, ready: bool) -> Lobby:
    """A member says whether he is ready. Saying it again is no news."""
    lobby = get_lobby(uow, lobby_id)
    marked = lobby.set_ready(player_id, ready)
    if marked == lobby:
        return lobby
    name = get_player(uow, player_id).name
    uow.emit(LobbyMemberReady(lobby.game, lobby.id, player_id, name, ready), *topics_of(lobby))
    return uow.save(marked)


def set_lobby_password(uow: UnitOfWork, *, lobby_id: int, by: int, password: str) -> Lobby:
    """The host sets a password, or removes it with an empty one."""
    lobby = get_lobby(uow, lobby_id)
    changed = lobby.set_password(by, uow.password_digest(password))
    uow.emit(LobbyPasswordChanged(lobby.game, lobby.id, bool(password)), *topics_of(lobby))
    return uow.save(changed)


def close_lobby(uow: UnitOfWork, *, lobby_id: int, by: int, open_only: bool = True) -> Lobby:
    """The host ends the gathering; `only_open` refuses once play has begun."""
    lobby = get_lobby(uow, lobby_id)
    if lobby.state is LobbyState.CLOSED:
        raise DomainError(ErrorCode.LOBBY_CLOSED)
    lobby.roster.check_host(by)
    if open_only:
        lobby.check_open()
    return force_close_lobby(uow, lobby, CloseReason.CLOSED)


def chat_in_lobby(uow: UnitOfWork, *, lobby_id: int, player_id: int, text: str) -> Entry:
    """A member says something to the other members."""
    lobby = get_lobby(uow, lobby_id)
    lobby.check_open()
    lobby.roster.get_seat(player_id)
    name = get_player(uow, player_id).name
    event = LobbyChat(lobby.game, lobby.id, player_id, name, text)
    return uow.emit(event, topics.lobby_chat(lobby.id))


def remove_lobby_member(
    uow: UnitOfWork, before: Lobby, after: Lobby, player_id: int, reason: str
) -> Lobby:
    """Put a lobby that a member has left, and say what follows from it.

    Of a lobby that has started only its room speaks.
    """
    uow.save(after)
    if not before.open:
        return after
    name = get_player(uow, player_id).name
    event = LobbyMemberLeft(after.game, after.id, player_id, name, reason)
    uow.emit(event, *topics_of(after), topics.player(player_id))
    if not after.open:
        emit_lobby_closed(uow, after)
    else:
        emit_lobby_host_changed(uow, before, after)
    return after


def force_close_lobby(uow: UnitOfWork, lobby: Lobby, reason: CloseReason) -> Lobby:
    """End a lobby that has not ended, whoever wants it."""
    closed = uow.save(lobby.close(reason, uow.now))
    if lobby.open:
        emit_lobby_closed(uow, closed)
    return closed


def emit_lobby_closed(uow: UnitOfWork, lobby: Lobby) -> None:
    reason = str(lobby.close_reason)
    uow.emit(LobbyClosed(lobby.game, lobby.id, reason, lobby.room), *topics_of(lobby))


def emit_lobby_host_changed(uow: UnitOfWork, before: Lobby, after: Lobby) -> None:
    """If somebody else leads now, say so."""
    host = after.roster.host
    if host == before.roster.host or not after.roster.has_host:
        return
    name = get_player(uow, host).name
    uow.emit(LobbyHostChanged(after.game, after.id, host, name), *topics_of(after))


def check_options(uow: UnitOfWork, game: str, options: bytes) -> None:
    """Refuse options the game's rules cannot use."""
    rules = uow.rules(game)
    if rules is not None and options != b"{}":
        rules.check_options(options)


def player_limits(uow: UnitOfWork, game: Game) -> tuple[int, int]:
    """How few and how many may play: the game's numbers within those of its rules."""
    rules = uow.rules(game.tag)
    if rules is None:
        return game.min_players, game.max_players
    return (
        max(game.min_players, rules.min_players),
        min(game.max_players, rules.max_players),
    )
