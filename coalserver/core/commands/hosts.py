"""Host commands: register, log in, edit the host profile, launch a room, join a host's room."""

from dataclasses import replace

from coalserver.core.commands.accounts import issue_token
from coalserver.core.commands.games import add_game
from coalserver.core.commands.members import remove_member
from coalserver.core.commands.rooms import join_room, open_room
from coalserver.core.commands.storage_limits import check_game_players
from coalserver.core.queries.games import get_game
from coalserver.core.queries.hosts import get_host_profile
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.player import Player, Token
from coalserver.domain.play.room import Room
from coalserver.domain.text import constant_time_equals, secret_digest

#: Largest number of members in a host's room.
MAX_MEMBERS = 100


def register_host(uow: UnitOfWork, *, game: str) -> tuple[HostProfile, str]:
    """Create a host, and the hosts' game on first use; return its profile and its secret.

    Only the digest of the secret is stored. Raises GAME_FULL or GAME_STORAGE_FULL.
    """
    check_game_players(uow, game)
    if uow.first(Game, "tag", game) is None:
        add_game(uow, tag=game, max_players=MAX_MEMBERS, open=False, listed=False)
    secret = uow.new_code()
    id = uow.new_id(Player)
    uow.save(Player(id, "", uow.now, uow.now, game=game, secret_digest=secret_digest(secret)))
    return uow.save(HostProfile(id, uow.new_code())), secret


def log_in_host(
    uow: UnitOfWork, *, host_id: int, secret: str | None = None, close_after: bool = False
) -> str:
    """Issue a token for a host. `secret` None logs in with the host's code alone.

    After a login with the secret, or with `close_after`, the secret is required.
    Raises PLAYER_NOT_FOUND, also where the secret is required and missing, or INVALID_CREDENTIALS.
    """
    profile = get_host_profile(uow, host_id)
    if secret is None:
        if profile.secret_required:
            raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
    elif not constant_time_equals(secret_digest(secret), get_player(uow, host_id).secret_digest):
        raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    if (close_after or secret is not None) and not profile.secret_required:
        uow.save(replace(profile, secret_required=True))
    return _host_token(uow, host_id)


def refresh_host_token(uow: UnitOfWork, *, token_id: int) -> str:
    """Issue a token for one that is valid or can still be refreshed; the earlier one stays valid.

    Raises INVALID_TOKEN.
    """
    token = uow.get(Token, token_id)
    if token is None or token.is_fully_expired(token.created, uow.expiry_time):
        raise DomainError(ErrorCode.INVALID_TOKEN)
    return _host_token(uow, token.player)


def update_host_profile(
    uow: UnitOfWork,
    *,
    host_id: int,
    only_friends: bool | None = None,
    allow_nonames: bool | None = None,
) -> HostProfile:
    """Change the given settings of a host profile. Raises PLAYER_NOT_FOUND."""
    profile = get_host_profile(uow, host_id)
    if only_friends is not None:
        profile = replace(profile, only_friends=only_friends)
    if allow_nonames is not None:
        profile = replace(profile, allow_nonames=allow_nonames)
    return uow.save(profile)


def add_friend(uow: UnitOfWork, *, host_id: int, other_id: int) -> HostProfile:
    """Add a friend to a host profile.

    Raises PLAYER_NOT_FOUND, TARGET_NOT_FOUND or SELF_NOT_ALLOWED.
    """
    return uow.save(_get_profile_of_pair(uow, host_id, other_id).add_friend(other_id))


def remove_friend(uow: UnitOfWork, *, host_id: int, other_id: int) -> HostProfile:
    """Remove a friend from a host profile; a friend in the host's room stays there.

    Raises PLAYER_NOT_FOUND or TARGET_NOT_FOUND.
    """
    return uow.save(_get_profile_of_pair(uow, host_id, other_id).remove_friend(other_id))


def ban_guest(uow: UnitOfWork, *, host_id: int, other_id: int) -> HostProfile:
    """Add a host to another one's ban list and remove them from the running room.

    Emits what `members.leave` emits, with the reason `banned`. Raises PLAYER_NOT_FOUND,
    TARGET_NOT_FOUND or SELF_NOT_ALLOWED.
    """
    profile = uow.save(_get_profile_of_pair(uow, host_id, other_id).ban(other_id))
    room = _running_room(uow, profile)
    if room is not None and other_id in room.roster:
        remove_member(uow, room, room.remove_member(other_id, uow.now), other_id, "banned")
    return profile


def unban_guest(uow: UnitOfWork, *, host_id: int, other_id: int) -> HostProfile:
    """Remove a host from another one's ban list. Raises PLAYER_NOT_FOUND or TARGET_NOT_FOUND."""
    return uow.save(_get_profile_of_pair(uow, host_id, other_id).unban(other_id))


def launch_room(uow: UnitOfWork, *, host_id: int) -> tuple[Room, str]:
    """Open a room for a host; return it and the secret of its source of truth. Emits RoomOpened.

    Raises PLAYER_NOT_FOUND, ALREADY_IN_ROOM while the host's previous room runs, and what
    `open_room` raises.
    """
    profile = get_host_profile(uow, host_id)
    if _running_room(uow, profile) is not None:
        raise DomainError(ErrorCode.ALREADY_IN_ROOM, player=host_id)
    game = get_game(uow, get_player(uow, host_id).game)
    secret = uow.new_code()
    room = open_room(
        uow,
        game=game.tag,
        player_id=host_id,
        name="",
        capacity=game.max_players,
        authority=secret_digest(secret),
        grace=uow.limits.host_grace,
    )
    uow.save(replace(profile, room=room.id))
    return room, secret


def join_host(uow: UnitOfWork, *, host_id: int, guest_id: int) -> Room:
    """Add a guest to a host's room. Emits and raises what `join_room` does.

    Raises also PLAYER_NOT_FOUND, ROOM_NOT_FOUND, ALREADY_MEMBER and HOST_DENIED.
    """
    room = _get_joinable_room(uow, host_id, guest_id)
    return join_room(uow, room_id=room.id, player_id=guest_id)


def join_host_unnamed(uow: UnitOfWork, *, host_id: int) -> tuple[Room, Player, str]:
    """Add a guest without a name to a host's room; return the room, a new player and their token.

    Emits and raises what `join_host` does.
    """
    room = _get_joinable_room(uow, host_id, None)
    check_game_players(uow, room.game)
    id = uow.new_id(Player)
    guest = uow.save(Player(id, "", uow.now, uow.now, game=room.game, guest=True))
    return join_room(uow, room_id=room.id, player_id=id), guest, _host_token(uow, id)


def _get_profile_of_pair(uow: UnitOfWork, host_id: int, other_id: int) -> HostProfile:
    """Return the host's profile. Raises TARGET_NOT_FOUND where the other is not a host."""
    profile = get_host_profile(uow, host_id)
    if uow.get(HostProfile, other_id) is None:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    return profile


def _running_room(uow: UnitOfWork, profile: HostProfile) -> Room | None:
    room = uow.get(Room, profile.room) if profile.room is not None else None
    return room if room is not None and not room.ended else None


def _get_joinable_room(uow: UnitOfWork, host_id: int, guest_id: int | None) -> Room:
    profile = get_host_profile(uow, host_id)
    room = _running_room(uow, profile)
    if room is None:
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    if guest_id is not None and guest_id in room.roster:
        raise DomainError(ErrorCode.ALREADY_MEMBER)
    if not profile.admits(guest_id):
        raise DomainError(ErrorCode.HOST_DENIED)
    return room


def _host_token(uow: UnitOfWork, player_id: int) -> str:
    limits = uow.limits
    return issue_token(
        uow, player_id, limits.host_token, fixed=True, refresh_seconds=limits.host_token_refresh
    )
