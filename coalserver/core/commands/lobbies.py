"""Lobby commands: gather, choose, leave. rooms.py starts play, requests.py asks to be let in."""

from coalserver.core import topics
from coalserver.core.commands.finding import may_play, the_game, the_lobby, the_player
from coalserver.core.commands.members import free_for_lobby, in_no_room, note_seat
from coalserver.core.ports import Entry, Topic
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Ending, Lobby, Phase
from coalserver.domain.play.lobby_events import (
    HostChanged,
    LobbyChat,
    LobbyClosed,
    LobbyLocked,
    LobbyOpened,
    MemberJoined,
    MemberLeft,
    MemberReady,
    OptionsChanged,
)
from coalserver.domain.play.roster import Roster


def heard_at(lobby: Lobby) -> tuple[Topic, Topic]:
    """Where it is heard what happens in a lobby."""
    return topics.lobby(lobby.id), topics.lobbies(lobby.game)


def open_lobby(
    unit: Unit,
    *,
    game: str,
    player: int,
    name: str,
    unnamed: str = "",
    password: str = "",
    options: bytes = b"{}",
    capacity: int | None = None,
    ready_check: bool = False,
    strict_full: bool = False,
    by_request: bool = False,
    hand_over: bool = False,
    can_leave: bool = True,
    realtime: bool = False,
    data: bytes = b"null",
) -> Lobby:
    """Open a lobby and sit down in it as its host. It holds no more than the game takes.

    Without a name it is called `unnamed`, with six digits of its code behind.
    """
    played = the_game(unit, game)
    host = the_player(unit, player)
    may_play(unit, played, host)
    free_for_lobby(unit, host)
    in_no_room(unit, host)
    check_options(unit, game, options)
    most = bounds(unit, played)[1]
    roster = Roster(
        min(capacity or most, most),
        player,
        hand_over=hand_over,
        can_leave=can_leave,
        grace=unit.limits.seat_grace,
    )
    code = unit.new_code()
    lobby = unit.put(
        Lobby(
            unit.new_id(Lobby),
            code,
            game,
            name or (unnamed and f"{unnamed}{code[:6]}"),
            roster.seat(player, unit.now, data=data),
            unit.now,
            password=unit.sealed(password),
            options=options,
            ready_check=ready_check,
            strict_full=strict_full,
            by_request=by_request,
            realtime=realtime,
        )
    )
    opened = LobbyOpened(
        game,
        lobby.id,
        lobby.name,
        lobby.roster.capacity,
        player,
        host.name,
        bool(password),
        options,
    )
    unit.say(opened, *heard_at(lobby))
    note_seat(unit, host, game)
    return lobby


def join_lobby(
    unit: Unit, *, lobby_id: int, player: int, password: str = "", data: bytes = b"null"
) -> Lobby:
    """Take a seat. Starting or leaving is somebody else's command."""
    lobby = the_lobby(unit, lobby_id)
    lobby.still_open()
    if player in lobby.roster:
        raise Refusal(Why.ALREADY_HERE)
    may_play(unit, the_game(unit, lobby.game), the_player(unit, player))
    return seat_in_lobby(unit, lobby, player, password=password, data=data)


def seat_in_lobby(
    unit: Unit,
    lobby: Lobby,
    player: int,
    *,
    password: str = "",
    approved: bool = False,
    data: bytes = b"null",
) -> Lobby:
    """Seat a player whom the game takes, if he is free and the lobby admits him."""
    newcomer = the_player(unit, player)
    free_for_lobby(unit, newcomer)
    seal = unit.sealed(password)
    joined = lobby.admit(player, unit.now, password=seal, approved=approved, data=data)
    unit.put(joined)
    entered = MemberJoined(lobby.game, lobby.id, player, newcomer.name)
    unit.say(entered, *heard_at(lobby), topics.player(player))
    say_host(unit, lobby, joined)
    note_seat(unit, newcomer, lobby.game)
    return joined


def quick_join(
    unit: Unit, *, game: str, player: int, name: str, options: bytes = b"{}"
) -> tuple[Lobby, bool]:
    """Sit down in the fullest open lobby that needs nothing, oldest first, or open one.

    Whoever already sits in such a lobby stays in it. True: the lobby was made by this call.
    """
    may_play(unit, the_game(unit, game), the_player(unit, player))
    best: Lobby | None = None
    for lobby in unit.find(Lobby, "open", game):
        if player in lobby.roster:
            return lobby, False
        if lobby.roster.full or lobby.password or lobby.by_request:
            continue
        if best is None or len(lobby.roster) > len(best.roster):
            best = lobby
    if best is not None:
        return seat_in_lobby(unit, best, player), False
    return open_lobby(unit, game=game, player=player, name=name, options=options), True


def leave_lobby(unit: Unit, *, lobby_id: int, player: int, only_open: bool = False) -> Lobby:
    """Give up one's seat. Without its host a lobby that hands nothing over is gone.

    `only_open` refuses once play has begun.
    """
    lobby = the_lobby(unit, lobby_id)
    if only_open:
        lobby.still_open()
    return part(unit, lobby, lobby.leave(player, unit.now), player, "left")


def kick_from_lobby(unit: Unit, *, lobby_id: int, by: int, player: int) -> Lobby:
    """The host puts a member out."""
    lobby = the_lobby(unit, lobby_id)
    return part(unit, lobby, lobby.kick(by, player, unit.now), player, "kicked")


def choose_options(unit: Unit, *, lobby_id: int, by: int, options: bytes) -> Lobby:
    """The host says what the game shall be like: a JSON object."""
    lobby = the_lobby(unit, lobby_id)
    chosen = lobby.choose(by, options)
    check_options(unit, lobby.game, options)
    unit.say(OptionsChanged(lobby.game, lobby.id, options), *heard_at(lobby))
    return unit.put(chosen)


def set_ready(unit: Unit, *, lobby_id: int, player: int, ready: bool) -> Lobby:
    """A member says whether he is ready. Saying it again is no news."""
    lobby = the_lobby(unit, lobby_id)
    marked = lobby.ready(player, ready)
    if marked == lobby:
        return lobby
    name = the_player(unit, player).name
    unit.say(MemberReady(lobby.game, lobby.id, player, name, ready), *heard_at(lobby))
    return unit.put(marked)


def lock_lobby(unit: Unit, *, lobby_id: int, by: int, password: str) -> Lobby:
    """The host sets a password, or removes it with an empty one."""
    lobby = the_lobby(unit, lobby_id)
    locked = lobby.lock(by, unit.sealed(password))
    unit.say(LobbyLocked(lobby.game, lobby.id, bool(password)), *heard_at(lobby))
    return unit.put(locked)


def close_lobby(unit: Unit, *, lobby_id: int, by: int, only_open: bool = True) -> Lobby:
    """The host ends the gathering; `only_open` refuses once play has begun."""
    lobby = the_lobby(unit, lobby_id)
    if lobby.phase is Phase.GONE:
        raise Refusal(Why.LOBBY_GONE)
    lobby.roster.only_host(by)
    if only_open:
        lobby.still_open()
    return shut_lobby(unit, lobby, Ending.CLOSED)


def chat_in_lobby(unit: Unit, *, lobby_id: int, player: int, text: str) -> Entry:
    """A member says something to the other members."""
    lobby = the_lobby(unit, lobby_id)
    lobby.still_open()
    lobby.roster.of(player)
    name = the_player(unit, player).name
    said = LobbyChat(lobby.game, lobby.id, player, name, text)
    return unit.say(said, topics.lobby_chat(lobby.id))


def part(unit: Unit, before: Lobby, after: Lobby, player: int, how: str) -> Lobby:
    """Put a lobby that a member has left, and say what follows from it.

    Of a lobby that has started only its room speaks.
    """
    unit.put(after)
    if not before.open:
        return after
    name = the_player(unit, player).name
    left = MemberLeft(after.game, after.id, player, name, how)
    unit.say(left, *heard_at(after), topics.player(player))
    if not after.open:
        say_closed(unit, after)
    else:
        say_host(unit, before, after)
    return after


def shut_lobby(unit: Unit, lobby: Lobby, ending: Ending) -> Lobby:
    """End a lobby that has not ended, whoever wants it."""
    closed = unit.put(lobby.close(ending, unit.now))
    if lobby.open:
        say_closed(unit, closed)
    return closed


def say_closed(unit: Unit, lobby: Lobby) -> None:
    ending = str(lobby.ending)
    unit.say(LobbyClosed(lobby.game, lobby.id, ending, lobby.room), *heard_at(lobby))


def say_host(unit: Unit, before: Lobby, after: Lobby) -> None:
    """If somebody else leads now, say so."""
    host = after.roster.host
    if host == before.roster.host or not after.roster.led:
        return
    name = the_player(unit, host).name
    unit.say(HostChanged(after.game, after.id, host, name), *heard_at(after))


def check_options(unit: Unit, game: str, options: bytes) -> None:
    """Refuse options the game's rules cannot use."""
    rules = unit.rules(game)
    if rules is not None and options != b"{}":
        rules.check_options(options)


def bounds(unit: Unit, game: Game) -> tuple[int, int]:
    """How few and how many may play: the game's numbers within those of its rules."""
    rules = unit.rules(game.tag)
    if rules is None:
        return game.min_players, game.max_players
    return (
        max(game.min_players, rules.min_players),
        min(game.max_players, rules.max_players),
    )
