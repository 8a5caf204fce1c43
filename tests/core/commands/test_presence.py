"""Silence: who is away, who follows a silent host, and which seats silence costs."""

import pytest

from coalserver.core.commands import members
from coalserver.core.commands.presence import mark_away, mark_back, release_away_seats
from coalserver.domain.play.events import (
    LobbyClosed,
    LobbyHostChanged,
    LobbyMemberAway,
    LobbyMemberLeft,
    RoomClosed,
    RoomHostChanged,
    RoomMemberAway,
    RoomMemberLeft,
)
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from tests.domain.builders import make_rules


def silent(table, player, seconds):
    return table.execute(release_away_seats, player_id=player, last_seen=table.now - seconds)


def test_the_others_in_a_lobby_see_who_is_away_and_who_is_back(table):
    bob = table.make_guest("Bob")
    lobby = table.make_lobby(table.make_guest(), bob)
    table.execute(mark_away, player_id=bob)
    assert table.lobby(lobby.id).roster.get_seat(bob).away
    table.execute(mark_back, player_id=bob)
    assert not table.lobby(lobby.id).roster.get_seat(bob).away
    expected = [LobbyMemberAway("free", lobby.id, bob, "Bob", away) for away in (True, False)]
    assert table.events(LobbyMemberAway) == expected


def test_the_others_in_a_room_see_it_too(table):
    bob = table.make_guest("Bob")
    room = table.make_room(table.make_guest(), bob)
    table.execute(mark_away, player_id=bob)
    table.execute(mark_back, player_id=bob)
    expected = [RoomMemberAway("free", room.id, bob, "Bob", away) for away in (True, False)]
    assert table.events(RoomMemberAway) == expected


@pytest.mark.parametrize("mark", [mark_away, mark_back])
def test_what_is_so_already_is_no_news(table, mark):
    bob = table.make_guest()
    table.make_lobby(table.make_guest(), bob)
    table.make_room(table.make_guest(), bob)
    table.execute(mark_away, player_id=bob)
    table.execute(mark, player_id=bob)
    table.clear_events()
    table.execute(mark, player_id=bob)
    assert table.entries == []


def test_who_sits_nowhere_is_missed_nowhere(table):
    bob = table.make_guest()
    table.clear_events()
    table.execute(mark_away, player_id=bob)
    assert table.entries == []


def test_of_a_lobby_that_has_started_only_the_room_speaks(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.clear_events()
    table.execute(mark_away, player_id=bob)
    assert table.event_names() == ["RoomMemberAway"]
    assert table.lobby(room.lobby).roster.get_seat(bob).away


def test_a_silent_host_is_followed_in_a_lobby_where_that_is_allowed(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob, transfer_host=True)
    table.execute(mark_away, player_id=ann)
    assert table.events(LobbyHostChanged) == [LobbyHostChanged("free", lobby.id, bob, "Bob")]


def test_and_in_a_room(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    room = table.make_room(ann, bob, transfer_host=True)
    table.execute(mark_away, player_id=ann)
    assert table.events(RoomHostChanged) == [RoomHostChanged("free", room.id, bob, "Bob")]


def test_where_it_is_not_allowed_he_leads_on(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby, room = table.make_lobby(ann, bob), table.make_room(ann, bob)
    table.execute(mark_away, player_id=ann)
    assert table.lobby(lobby.id).roster.host == table.room(room.id).roster.host == ann


def test_the_first_to_come_back_follows_a_silent_host(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    lobby = table.make_lobby(ann, bob, transfer_host=True)
    room = table.make_room(ann, bob, transfer_host=True)
    table.execute(mark_away, player_id=bob)
    table.execute(mark_away, player_id=ann)
    table.execute(mark_back, player_id=bob)
    assert table.events(LobbyHostChanged) == [LobbyHostChanged("free", lobby.id, bob, "Bob")]
    assert table.events(RoomHostChanged) == [RoomHostChanged("free", room.id, bob, "Bob")]


def test_a_seat_waits_until_the_grace_is_over(table):
    bob = table.make_guest("Bob")
    lobby = table.make_lobby(table.make_guest(), bob)
    assert silent(table, bob, 299) == 1
    assert bob in table.lobby(lobby.id).roster
    assert silent(table, bob, 300) == 0
    assert table.events(LobbyMemberLeft) == [
        LobbyMemberLeft("free", lobby.id, bob, "Bob", "timeout")
    ]


def test_so_does_a_seat_in_a_room(table):
    bob = table.make_guest("Bob")
    room = table.make_room(table.make_guest(), bob, grace=30)
    assert silent(table, bob, 29) == 1
    assert silent(table, bob, 30) == 0
    assert table.events(RoomMemberLeft) == [
        RoomMemberLeft("free", room.id, bob, "Bob", 1, "timeout")
    ]


def test_a_seat_without_a_grace_is_never_freed_and_waits_for_nothing(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free", keep_seats=True)
    assert silent(table, bob, 1e9) == 0
    assert bob in table.room(room.id).roster


def test_a_seat_in_a_started_lobby_goes_with_the_one_in_its_room(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    assert silent(table, bob, 299) == 1
    assert silent(table, bob, 300) == 0
    assert list(table.lobby(room.lobby).roster) == [ann]


def test_a_seat_that_could_not_be_left_is_freed(table):
    bob = table.make_guest()
    room = table.make_room(table.make_guest(), bob, can_leave=False)
    silent(table, bob, 300)
    assert bob not in table.room(room.id).roster


def test_without_its_silent_host_a_lobby_expires(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, table.make_guest())
    silent(table, ann, 300)
    assert table.events(LobbyClosed) == [LobbyClosed("free", lobby.id, "expired")]


def test_without_its_silent_host_a_room_is_over(table):
    ann = table.make_guest()
    room = table.make_room(ann, table.make_guest())
    silent(table, ann, 300)
    assert table.events(RoomClosed) == [RoomClosed("free", room.id, "host_left")]


def test_a_silent_host_who_is_followed_costs_only_his_seat(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby, room = (
        table.make_lobby(ann, bob, transfer_host=True),
        table.make_room(ann, bob, transfer_host=True),
    )
    table.execute(mark_away, player_id=ann)
    silent(table, ann, 300)
    assert list(table.lobby(lobby.id).roster) == list(table.room(room.id).roster) == [bob]
    assert table.events(LobbyClosed) == table.events(RoomClosed) == []


def test_when_everyone_has_gone_silent_nothing_is_left(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, transfer_host=True)
    for player in (ann, bob):
        table.execute(mark_away, player_id=player)
    for player in (ann, bob):
        silent(table, player, 300)
    assert not table.lobby(lobby.id).open


def test_rules_that_fail_do_not_keep_a_silent_seat(table):
    def left(state, seat):
        raise ZeroDivisionError

    table.set_rules("free", make_rules(left=left))
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    silent(table, bob, 300)
    assert table.events(RoomClosed) == [RoomClosed("free", room.id, "closed", None)]


def test_who_has_given_up_his_seats_waits_for_nothing(table):
    bob = table.make_guest()
    lobby, room = (
        table.make_lobby(table.make_guest(), bob),
        table.make_room(table.make_guest(), bob),
    )
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=bob)
    table.execute(members.leave, kind=Room, id=room.id, player_id=bob)
    assert silent(table, bob, 1) == 0
