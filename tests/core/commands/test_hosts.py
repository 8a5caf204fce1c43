"""Hosts: signing in, saying who is welcome, launching, and guests who come."""

import hashlib

import pytest

from coalserver.core import topics
from coalserver.core.commands.hosts import (
    ban_guest,
    befriend,
    join_host,
    join_host_unnamed,
    launch,
    register_host,
    set_welcome,
    unban_guest,
    unfriend,
)
from coalserver.core.commands.presence import free_silent_seats
from coalserver.core.commands.rooms import leave_room
from coalserver.core.queries.hosts import code_of, host_coded, launched_by, proves_authority
from coalserver.domain.errors import Why
from coalserver.domain.play.game import Game
from coalserver.domain.play.host_profile import Welcome
from coalserver.domain.play.lobby import Ending
from coalserver.domain.play.player import Player, Token
from coalserver.domain.play.room_events import PlayerLeft
from tests.domain.builders import refused

DAY = 86400


def a_host(table):
    return table.do(register_host, game="hosts")[0].id


def token(table, secret):
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return table.state.one(Token, "digest", digest)


def test_the_hosts_game_is_made_on_first_use_and_is_nobody_elses(table):
    a_host(table), a_host(table)
    (game,) = (game for game in table.state.find(Game, "all", "") if game.tag == "hosts")
    assert (game.max_players, game.open, game.listed) == (100, False, False)


def test_a_new_host_welcomes_nobody_yet(table):
    welcome, _ = table.do(register_host, game="hosts")
    assert (welcome.only_friends, welcome.allow_nonames) == (True, False)
    assert (welcome.friends, welcome.banlist, len(welcome.code)) == ((), (), 32)


def test_a_host_is_found_by_its_code(table):
    host = a_host(table)
    code = table.see(code_of, host=host)
    assert table.see(host_coded, code=code).id == host
    with refused(Why.OTHER_NOT_FOUND):
        table.see(host_coded, code="f" * 32, missing=Why.OTHER_NOT_FOUND)


# Who is welcome


def test_what_is_not_said_stays_as_it_is(table):
    host = a_host(table)
    table.do(set_welcome, host=host, only_friends=False)
    welcome = table.do(set_welcome, host=host, allow_nonames=True)
    assert (welcome.only_friends, welcome.allow_nonames) == (False, True)


def test_friends_are_made_and_lost(table):
    host, other = a_host(table), a_host(table)
    assert table.do(befriend, host=host, other=other).friends == (other,)
    assert table.do(unfriend, host=host, other=other).friends == ()


def test_others_are_shut_out_and_let_in_again(table):
    host, other = a_host(table), a_host(table)
    assert table.do(ban_guest, host=host, other=other).banlist == (other,)
    assert table.do(unban_guest, host=host, other=other).banlist == ()


@pytest.mark.parametrize("command", [befriend, unfriend, ban_guest, unban_guest])
def test_both_must_be_known(table, command):
    host = a_host(table)
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(command, host=99, other=host)
    with refused(Why.OTHER_NOT_FOUND):
        table.do(command, host=host, other=99)


@pytest.mark.parametrize("command", [befriend, ban_guest])
def test_a_host_says_nothing_of_himself(table, command):
    host = a_host(table)
    with refused(Why.ONESELF):
        table.do(command, host=host, other=host)


@pytest.mark.parametrize("command", [unfriend, unban_guest])
def test_what_was_not_said_cannot_be_taken_back(table, command):
    with refused(Why.OTHER_NOT_FOUND):
        table.do(command, host=a_host(table), other=a_host(table))


def test_who_is_shut_out_while_he_sits_there_goes(table):
    host, other = a_host(table), a_host(table)
    table.do(befriend, host=host, other=other)
    room, _ = table.do(launch, host=host)
    table.do(join_host, host=host, guest=other)
    table.do(ban_guest, host=host, other=other)
    assert list(table.room(room.id).roster) == [host]
    expected = [PlayerLeft("hosts", room.id, other, "", 1, "banned")]
    assert table.said(PlayerLeft, topics.room(room.id)) == expected


# Launching and joining


def test_a_host_launches_a_room_and_holds_the_key_of_its_truth(table):
    host = a_host(table)
    room, secret = table.do(launch, host=host)
    assert (room.game, room.roster.host, room.roster.capacity) == ("hosts", host, 100)
    assert (len(secret), room.roster.grace) == (32, 30)
    assert table.see(proves_authority, room=room.id, secret=secret)
    assert not table.see(proves_authority, room=room.id, secret="f" * 32)
    assert table.see(launched_by, host=host).id == room.id


def test_a_room_nobody_launched_has_no_authority(table):
    room = table.a_room(table.a_guest())
    assert not table.see(proves_authority, room=room.id, secret="")
    assert not table.see(proves_authority, room=99, secret="")


def test_a_host_launches_one_room_at_a_time(table):
    host = a_host(table)
    table.do(launch, host=host)
    with refused(Why.IN_A_ROOM):
        table.do(launch, host=host)


def test_a_host_who_is_a_guest_elsewhere_launches_nothing(table):
    host, other = a_host(table), a_host(table)
    table.do(set_welcome, host=other, only_friends=False)
    table.do(launch, host=other)
    table.do(join_host, host=other, guest=host)
    with refused(Why.IN_A_ROOM):
        table.do(launch, host=host)


def test_when_his_room_is_over_a_host_launches_another(table):
    host = a_host(table)
    first, _ = table.do(launch, host=host)
    table.do(leave_room, room_id=first.id, player=host)
    second, _ = table.do(launch, host=host)
    assert (table.room(first.id).ending, second.over) == (Ending.EMPTY, False)


def with_a_guest(table):
    """A host and a friend in his room."""
    host, guest = a_host(table), a_host(table)
    table.do(befriend, host=host, other=guest)
    room, secret = table.do(launch, host=host)
    table.do(join_host, host=host, guest=guest)
    return host, guest, room.id, secret


def test_a_friend_takes_a_seat(table):
    host, guest, room, _ = with_a_guest(table)
    assert list(table.room(room).roster) == [host, guest]


def test_a_room_ends_when_its_host_has_been_silent_too_long(table):
    host, guest, room, _ = with_a_guest(table)
    table.do(free_silent_seats, player=host, last_sign=table.now - 29)
    assert not table.room(room).over
    table.do(free_silent_seats, player=host, last_sign=table.now - 30)
    assert (list(table.room(room).roster), table.room(room).ending) == ([guest], Ending.HOST_LEFT)
    table.do(launch, host=host)


def test_a_room_ends_when_its_host_leaves(table):
    host, _, room, _ = with_a_guest(table)
    table.do(leave_room, room_id=room, player=host)
    assert table.room(room).ending is Ending.HOST_LEFT


def test_who_is_not_welcome_is_not_let_in(table):
    host = a_host(table)
    table.do(launch, host=host)
    with refused(Why.NOT_WELCOME):
        table.do(join_host, host=host, guest=a_host(table))


def test_a_host_who_launched_nothing_has_no_room(table):
    host = a_host(table)
    with refused(Why.ROOM_NOT_FOUND):
        table.do(join_host, host=host, guest=a_host(table))
    assert table.see(launched_by, host=host) is None


def test_a_host_nobody_knows_is_not_found(table):
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(join_host, host=99, guest=a_host(table))


def test_who_sits_there_is_told_so(table):
    host, guest, _, _ = with_a_guest(table)
    with refused(Why.ALREADY_HERE):
        table.do(join_host, host=host, guest=guest)


def test_who_sits_elsewhere_is_told_so(table):
    _, guest, _, _ = with_a_guest(table)
    host = a_host(table)
    table.do(set_welcome, host=host, only_friends=False)
    table.do(launch, host=host)
    with refused(Why.IN_A_ROOM):
        table.do(join_host, host=host, guest=guest)


def test_who_has_no_name_gets_a_player_and_a_token_where_that_is_welcome(table):
    host = a_host(table)
    table.do(set_welcome, host=host, only_friends=False, allow_nonames=True)
    table.do(launch, host=host)
    room, guest, secret = table.do(join_host_unnamed, host=host)
    assert (list(room.roster), guest.guest) == ([host, guest.id], True)
    assert token(table, secret).player == guest.id
    assert table.state.get(Welcome, guest.id) is None


def test_who_has_no_name_leaves_nothing_behind_where_he_is_not_welcome(table):
    host = a_host(table)
    table.do(launch, host=host)
    players = table.state.count(Player)
    with refused(Why.NOT_WELCOME):
        table.do(join_host_unnamed, host=host)
    assert table.state.count(Player) == players
