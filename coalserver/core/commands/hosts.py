"""Host commands: register, sign in, say who is welcome, launch a room and let guests into it."""

from dataclasses import replace

from coalserver.core.commands.accounts import new_token
from coalserver.core.commands.finding import the_game, the_player
from coalserver.core.commands.games import add_game, digest
from coalserver.core.commands.rooms import join_room, open_room, part_from_room
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import Game
from coalserver.domain.play.host_profile import Welcome
from coalserver.domain.play.lobby import same
from coalserver.domain.play.player import Player, Token
from coalserver.domain.play.room import Room

#: How many a host and his guests may be.
MOST = 100


def register_host(unit: Unit, *, game: str) -> tuple[Welcome, str]:
    """Make a host, and the hosts' game on first use; gives it and its secret, this once."""
    if unit.one(Game, "tag", game) is None:
        add_game(unit, tag=game, max_players=MOST, open=False, listed=False)
    secret = unit.new_code()
    id = unit.new_id(Player)
    unit.put(Player(id, "", unit.now, unit.now, game=game, key=digest(secret)))
    return unit.put(Welcome(id, unit.new_code())), secret


def sign_in_host(unit: Unit, *, host: int, secret: str | None = None, once: bool = False) -> str:
    """A new token. Who has shown the secret, or came bare with `once`, never comes bare again."""
    welcome = the_welcome(unit, host)
    if secret is None:
        if welcome.closed:
            raise Refusal(Why.PLAYER_NOT_FOUND)
    elif not same(digest(secret), the_player(unit, host).key):
        raise Refusal(Why.BAD_CREDENTIALS)
    if (once or secret is not None) and not welcome.closed:
        unit.put(replace(welcome, closed=True))
    return _host_token(unit, host)


def renew_token(unit: Unit, *, token_id: int) -> str:
    """Another token for one that is good, or has not been over for too long. Both are good then."""
    token = unit.get(Token, token_id)
    if token is None or token.spent(token.created, unit.now):
        raise Refusal(Why.BAD_TOKEN)
    return _host_token(unit, token.player)


def set_welcome(
    unit: Unit,
    *,
    host: int,
    only_friends: bool | None = None,
    allow_nonames: bool | None = None,
) -> Welcome:
    """Say who is welcome; what is None stays as it is."""
    welcome = the_welcome(unit, host)
    if only_friends is not None:
        welcome = replace(welcome, only_friends=only_friends)
    if allow_nonames is not None:
        welcome = replace(welcome, allow_nonames=allow_nonames)
    return unit.put(welcome)


def befriend(unit: Unit, *, host: int, other: int) -> Welcome:
    """Let another in where only friends are."""
    return unit.put(_of_both(unit, host, other).befriend(other))


def unfriend(unit: Unit, *, host: int, other: int) -> Welcome:
    """Another is a friend no more; a seat he has stays his."""
    return unit.put(_of_both(unit, host, other).unfriend(other))


def ban_guest(unit: Unit, *, host: int, other: int) -> Welcome:
    """Shut another out; if he sits with the host, he goes."""
    welcome = unit.put(_of_both(unit, host, other).ban(other))
    room = _running(unit, welcome)
    if room is not None and other in room.roster:
        part_from_room(unit, room, room.drop(other, None, unit.now), other, "banned")
    return welcome


def unban_guest(unit: Unit, *, host: int, other: int) -> Welcome:
    """Do not shut another out any more."""
    return unit.put(_of_both(unit, host, other).unban(other))


def launch(unit: Unit, *, host: int) -> tuple[Room, str]:
    """Open a room with the host in it; gives it and the key of its source of truth, this once.

    The room ends with the host's seat, and until it is over the host launches no other.
    """
    welcome = the_welcome(unit, host)
    if _running(unit, welcome) is not None:
        raise Refusal(Why.IN_A_ROOM, player=host)
    game = the_game(unit, the_player(unit, host).game)
    secret = unit.new_code()
    room = open_room(
        unit,
        game=game.tag,
        player=host,
        name="",
        capacity=game.max_players,
        authority=digest(secret),
        grace=unit.limits.host_grace,
    )
    unit.put(replace(welcome, room=room.id))
    return room, secret


def join_host(unit: Unit, *, host: int, guest: int) -> Room:
    """Take a seat in the room of a host who welcomes the guest."""
    room = _open_to(unit, host, guest)
    return join_room(unit, room_id=room.id, player=guest)


def join_host_unnamed(unit: Unit, *, host: int) -> tuple[Room, Player, str]:
    """The same for a guest without a name; he gets a player, and a token to prove it."""
    room = _open_to(unit, host, None)
    id = unit.new_id(Player)
    guest = unit.put(Player(id, "", unit.now, unit.now, game=room.game, guest=True))
    return join_room(unit, room_id=room.id, player=id), guest, _host_token(unit, id)


def the_welcome(unit: Unit, host: int) -> Welcome:
    welcome = unit.get(Welcome, host)
    if welcome is None:
        raise Refusal(Why.PLAYER_NOT_FOUND)
    return welcome


def _of_both(unit: Unit, host: int, other: int) -> Welcome:
    """The host's welcome, if the other is known as well."""
    welcome = the_welcome(unit, host)
    if unit.get(Welcome, other) is None:
        raise Refusal(Why.OTHER_NOT_FOUND)
    return welcome


def _running(unit: Unit, welcome: Welcome) -> Room | None:
    room = unit.get(Room, welcome.room) if welcome.room is not None else None
    return room if room is not None and not room.over else None


def _open_to(unit: Unit, host: int, guest: int | None) -> Room:
    welcome = the_welcome(unit, host)
    room = _running(unit, welcome)
    if room is None:
        raise Refusal(Why.ROOM_NOT_FOUND)
    if guest is not None and guest in room.roster:
        raise Refusal(Why.ALREADY_HERE)
    if not welcome.welcomes(guest):
        raise Refusal(Why.NOT_WELCOME)
    return room


def _host_token(unit: Unit, player: int) -> str:
    limits = unit.limits
    return new_token(unit, player, limits.host_token, fixed=True, renewal=limits.host_renewal)
