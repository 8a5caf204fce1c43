"""Presence: away members, host transfer and the release of seats."""

import pytest

from coalserver.core.commands import members
from coalserver.core.commands.presence import (
    mark_away,
    mark_back,
    mark_overdue,
    release_away_seats,
)
from coalserver.domain.play.events import (
    LobbyClosed,
    RoomClosed,
)
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from tests.core.commands.group_kinds import LOBBY, ROOM, for_each_kind
from tests.domain.builders import failing_rule, make_rules


def release_after(table, player, seconds):
    """Release seats of a player silent for so long; return how many seats still wait."""
    return table.execute(release_away_seats, player_id=player, last_seen=table.now - seconds)


@for_each_kind
def test_marking_away_and_back_emits_member_away(table, kind):
    bob = table.make_guest("Bob")
    group = kind.create(table, table.make_guest(), bob)
    table.execute(mark_away, player_id=bob)
    assert kind.get(table, group.id).roster.get_seat(bob).away
    table.execute(mark_back, player_id=bob)
    assert not kind.get(table, group.id).roster.get_seat(bob).away
    expected = [kind.away("free", group.id, bob, "Bob", away) for away in (True, False)]
    assert table.events(kind.away) == expected


@pytest.mark.parametrize("mark", [mark_away, mark_back])
def test_unchanged_presence_emits_nothing(table, mark):
    bob = table.make_guest()
    table.make_lobby(table.make_guest(), bob)
    table.make_room(table.make_guest(), bob)
    table.execute(mark_away, player_id=bob)
    table.execute(mark, player_id=bob)
    table.clear_events()
    table.execute(mark, player_id=bob)
    assert table.entries == []


def test_player_without_seats_emits_nothing(table):
    bob = table.make_guest()
    table.clear_events()
    table.execute(mark_away, player_id=bob)
    assert table.entries == []


def test_presence_in_a_started_lobby_is_emitted_by_its_room_only(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.clear_events()
    table.execute(mark_away, player_id=bob)
    assert table.event_names() == ["RoomMemberAway"]
    assert table.lobby(room.lobby).roster.get_seat(bob).away


@for_each_kind
def test_away_host_is_replaced_after_the_handover_time(table, kind):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    group = kind.create(table, ann, bob, transfer_host=True)
    table.execute(mark_away, player_id=ann)
    assert release_after(table, ann, 119) == 1
    assert table.events(kind.host_changed) == []
    release_after(table, ann, 120)
    assert table.events(kind.host_changed) == [kind.host_changed("free", group.id, bob, "Bob")]


def test_away_host_stays_without_host_transfer(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby, room = table.make_lobby(ann, bob), table.make_room(ann, bob)
    table.execute(mark_overdue, player_id=ann)
    assert table.lobby(lobby.id).roster.host == table.room(room.id).roster.host == ann


@for_each_kind
def test_first_returning_member_replaces_an_overdue_host(table, kind):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    group = kind.create(table, ann, bob, transfer_host=True)
    table.execute(mark_away, player_id=bob)
    table.execute(mark_overdue, player_id=ann)
    table.execute(mark_back, player_id=bob)
    assert table.events(kind.host_changed) == [kind.host_changed("free", group.id, bob, "Bob")]


@pytest.mark.parametrize(
    ("kind", "grace", "params"),
    [(LOBBY, 300, {}), (ROOM, 300, {}), (ROOM, 30, {"grace": 30})],
    ids=["lobby", "room", "room with its own grace"],
)
def test_seat_is_released_after_its_grace(table, kind, grace, params):
    bob = table.make_guest("Bob")
    group = kind.create(table, table.make_guest(), bob, **params)
    assert release_after(table, bob, grace - 1) == 1
    assert bob in kind.get(table, group.id).roster
    assert release_after(table, bob, grace) == 0
    assert table.events(kind.left) == [
        kind.left("free", group.id, bob, "Bob", *kind.seat(1), "timeout")
    ]


def test_seat_without_a_grace_is_never_released(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free", keep_seats=True)
    assert release_after(table, bob, 1e9) == 0
    assert bob in table.room(room.id).roster


def test_seat_in_a_started_lobby_is_released_with_that_in_its_room(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    assert release_after(table, bob, 299) == 1
    assert release_after(table, bob, 300) == 0
    assert list(table.lobby(room.lobby).roster) == [ann]


def test_player_who_cannot_leave_is_released(table):
    bob = table.make_guest()
    room = table.make_room(table.make_guest(), bob, can_leave=False)
    release_after(table, bob, 300)
    assert bob not in table.room(room.id).roster


@pytest.mark.parametrize(("kind", "reason"), [(LOBBY, "expired"), (ROOM, "host_left")])
def test_group_closes_when_its_silent_host_is_removed(table, kind, reason):
    ann = table.make_guest()
    group = kind.create(table, ann, table.make_guest())
    release_after(table, ann, 300)
    assert table.events(kind.closed) == [kind.closed("free", group.id, reason)]


def test_silent_host_with_host_transfer_loses_only_the_seat(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby, room = (
        table.make_lobby(ann, bob, transfer_host=True),
        table.make_room(ann, bob, transfer_host=True),
    )
    table.execute(mark_away, player_id=ann)
    release_after(table, ann, 300)
    assert list(table.lobby(lobby.id).roster) == list(table.room(room.id).roster) == [bob]
    assert table.events(LobbyClosed) == table.events(RoomClosed) == []


def test_lobby_closes_when_all_members_are_silent(table):
    ann, bob = table.make_guest(), table.make_guest()
    lobby = table.make_lobby(ann, bob, transfer_host=True)
    for player in (ann, bob):
        table.execute(mark_away, player_id=player)
    for player in (ann, bob):
        release_after(table, player, 300)
    assert not table.lobby(lobby.id).open


def test_failing_rules_do_not_prevent_the_release(table):
    table.set_rules("free", make_rules(left=failing_rule))
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    release_after(table, bob, 300)
    assert table.events(RoomClosed) == [RoomClosed("free", room.id, "closed", None)]


def test_player_who_left_has_no_waiting_seats(table):
    bob = table.make_guest()
    lobby, room = (
        table.make_lobby(table.make_guest(), bob),
        table.make_room(table.make_guest(), bob),
    )
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=bob)
    table.execute(members.leave, kind=Room, id=room.id, player_id=bob)
    assert release_after(table, bob, 1) == 0
