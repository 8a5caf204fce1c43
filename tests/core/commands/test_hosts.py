"""Hosts: admission settings, launched rooms and joining guests."""

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.hosts import (
    add_friend,
    ban_guest,
    join_host,
    join_host_unnamed,
    launch_room,
    register_host,
    remove_friend,
    unban_guest,
    update_host_profile,
)
from coalserver.core.commands.presence import release_away_seats
from coalserver.core.queries.hosts import host_by_code, host_code, is_authority, launched_room
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import RoomMemberLeft
from coalserver.domain.play.game import Game
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.lobby import CloseReason
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room
from tests.core.commands.host_players import find_token, make_host
from tests.domain.builders import raises_code


def test_hosts_game_is_created_once_and_closed(table):
    make_host(table), make_host(table)
    (game,) = (game for game in table.state.find(Game, "all", "") if game.tag == "hosts")
    assert (game.max_players, game.open, game.listed) == (100, False, False)


def test_new_host_profile_admits_friends_only(table):
    profile, _ = table.execute(register_host, game="hosts")
    assert (profile.only_friends, profile.allow_nonames) == (True, False)
    assert (profile.friends, profile.banlist, len(profile.code)) == ((), (), 32)


def test_host_is_found_by_its_code(table):
    host = make_host(table)
    code = table.query(host_code, host=host)
    assert table.query(host_by_code, code=code).id == host
    with raises_code(ErrorCode.TARGET_NOT_FOUND):
        table.query(host_by_code, code="f" * 32, missing_code=ErrorCode.TARGET_NOT_FOUND)


# Admission settings


def test_omitted_settings_stay_unchanged(table):
    host = make_host(table)
    table.execute(update_host_profile, host_id=host, only_friends=False)
    profile = table.execute(update_host_profile, host_id=host, allow_nonames=True)
    assert (profile.only_friends, profile.allow_nonames) == (False, True)


def test_friend_is_added_and_removed(table):
    host, other = make_host(table), make_host(table)
    assert table.execute(add_friend, host_id=host, other_id=other).friends == (other,)
    assert table.execute(remove_friend, host_id=host, other_id=other).friends == ()


def test_guest_is_banned_and_unbanned(table):
    host, other = make_host(table), make_host(table)
    assert table.execute(ban_guest, host_id=host, other_id=other).banlist == (other,)
    assert table.execute(unban_guest, host_id=host, other_id=other).banlist == ()


@pytest.mark.parametrize("command", [add_friend, remove_friend, ban_guest, unban_guest])
def test_unknown_host_or_guest_is_not_found(table, command):
    host = make_host(table)
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(command, host_id=99, other_id=host)
    with raises_code(ErrorCode.TARGET_NOT_FOUND):
        table.execute(command, host_id=host, other_id=99)


@pytest.mark.parametrize("command", [add_friend, ban_guest])
def test_host_cannot_befriend_or_ban_themselves(table, command):
    host = make_host(table)
    with raises_code(ErrorCode.SELF_NOT_ALLOWED):
        table.execute(command, host_id=host, other_id=host)


@pytest.mark.parametrize("command", [remove_friend, unban_guest])
def test_removing_an_absent_friend_or_ban_is_refused(table, command):
    with raises_code(ErrorCode.TARGET_NOT_FOUND):
        table.execute(command, host_id=make_host(table), other_id=make_host(table))


def test_banned_guest_is_removed_from_the_room(table):
    host, other = make_host(table), make_host(table)
    table.execute(add_friend, host_id=host, other_id=other)
    room, _ = table.execute(launch_room, host_id=host)
    table.execute(join_host, host_id=host, guest_id=other)
    table.execute(ban_guest, host_id=host, other_id=other)
    assert list(table.room(room.id).roster) == [host]
    expected = [RoomMemberLeft("hosts", room.id, other, "", 1, "banned")]
    assert table.events(RoomMemberLeft, topics.room(room.id)) == expected


# Launching and joining


def test_launched_room_has_its_host_and_a_secret_for_synced_state(table):
    host = make_host(table)
    room, secret = table.execute(launch_room, host_id=host)
    assert (room.game, room.roster.host, room.roster.capacity) == ("hosts", host, 100)
    assert (len(secret), room.roster.grace) == (32, 30)
    assert table.query(is_authority, room=room.id, secret=secret)
    assert not table.query(is_authority, room=room.id, secret="f" * 32)
    assert table.query(launched_room, host=host).id == room.id


def test_room_without_a_launch_has_no_authority(table):
    room = table.make_room(table.make_guest())
    assert not table.query(is_authority, room=room.id, secret="")
    assert not table.query(is_authority, room=99, secret="")


def test_host_cannot_launch_a_second_room(table):
    host = make_host(table)
    table.execute(launch_room, host_id=host)
    with raises_code(ErrorCode.ALREADY_IN_ROOM):
        table.execute(launch_room, host_id=host)


def test_host_in_another_room_cannot_launch(table):
    host, other = make_host(table), make_host(table)
    table.execute(update_host_profile, host_id=other, only_friends=False)
    table.execute(launch_room, host_id=other)
    table.execute(join_host, host_id=other, guest_id=host)
    with raises_code(ErrorCode.ALREADY_IN_ROOM):
        table.execute(launch_room, host_id=host)


def test_host_can_launch_again_after_the_room_ended(table):
    host = make_host(table)
    first, _ = table.execute(launch_room, host_id=host)
    table.execute(members.leave, kind=Room, id=first.id, player_id=host)
    second, _ = table.execute(launch_room, host_id=host)
    assert (table.room(first.id).close_reason, second.ended) == (CloseReason.EMPTY, False)


def make_room_with_guest(table):
    """Return a host, a friend in the host's room, the room's id and its secret."""
    host, guest = make_host(table), make_host(table)
    table.execute(add_friend, host_id=host, other_id=guest)
    room, secret = table.execute(launch_room, host_id=host)
    table.execute(join_host, host_id=host, guest_id=guest)
    return host, guest, room.id, secret


def test_friend_joins_the_room(table):
    host, guest, room, _ = make_room_with_guest(table)
    assert list(table.room(room).roster) == [host, guest]


def test_room_ends_when_its_host_is_silent_for_the_grace(table):
    host, guest, room, _ = make_room_with_guest(table)
    table.execute(release_away_seats, player_id=host, last_seen=table.now - 29)
    assert not table.room(room).ended
    table.execute(release_away_seats, player_id=host, last_seen=table.now - 30)
    assert (list(table.room(room).roster), table.room(room).close_reason) == (
        [guest],
        CloseReason.HOST_LEFT,
    )
    table.execute(launch_room, host_id=host)


def test_room_ends_when_its_host_leaves(table):
    host, _, room, _ = make_room_with_guest(table)
    table.execute(members.leave, kind=Room, id=room, player_id=host)
    assert table.room(room).close_reason is CloseReason.HOST_LEFT


def test_guest_who_is_not_admitted_cannot_join(table):
    host = make_host(table)
    table.execute(launch_room, host_id=host)
    with raises_code(ErrorCode.HOST_DENIED):
        table.execute(join_host, host_id=host, guest_id=make_host(table))


def test_host_without_a_room_cannot_be_joined(table):
    host = make_host(table)
    with raises_code(ErrorCode.ROOM_NOT_FOUND):
        table.execute(join_host, host_id=host, guest_id=make_host(table))
    assert table.query(launched_room, host=host) is None


def test_unknown_host_cannot_be_joined(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(join_host, host_id=99, guest_id=make_host(table))


def test_member_cannot_join_again(table):
    host, guest, _, _ = make_room_with_guest(table)
    with raises_code(ErrorCode.ALREADY_MEMBER):
        table.execute(join_host, host_id=host, guest_id=guest)


def test_guest_in_another_room_cannot_join(table):
    _, guest, _, _ = make_room_with_guest(table)
    host = make_host(table)
    table.execute(update_host_profile, host_id=host, only_friends=False)
    table.execute(launch_room, host_id=host)
    with raises_code(ErrorCode.ALREADY_IN_ROOM):
        table.execute(join_host, host_id=host, guest_id=guest)


def test_admitted_guest_without_a_name_gets_a_player_and_a_token(table):
    host = make_host(table)
    table.execute(update_host_profile, host_id=host, only_friends=False, allow_nonames=True)
    table.execute(launch_room, host_id=host)
    room, guest, secret = table.execute(join_host_unnamed, host_id=host)
    assert (list(room.roster), guest.guest) == ([host, guest.id], True)
    assert find_token(table, secret).player == guest.id
    assert table.state.get(HostProfile, guest.id) is None


def test_refused_guest_without_a_name_leaves_no_player(table):
    host = make_host(table)
    table.execute(launch_room, host_id=host)
    players = table.state.count(Player)
    with raises_code(ErrorCode.HOST_DENIED):
        table.execute(join_host_unnamed, host_id=host)
    assert table.state.count(Player) == players
