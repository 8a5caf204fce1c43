"""Finding rooms: one of them, mine, or those with a free place."""

from dataclasses import replace

import pytest

from coalserver.core.commands.rooms import close_room, leave_room
from coalserver.core.queries.rooms import (
    free_rooms,
    my_rooms,
    open_rooms,
    room_coded,
    room_in,
    room_with,
    rooms_of,
)
from coalserver.domain.errors import Why
from coalserver.domain.play.room import Room
from tests.domain.builders import refused, some_rules


@pytest.mark.parametrize(("query", "by"), [(room_in, "id"), (room_coded, "code")])
def test_a_room_is_found_in_its_game_only_also_when_it_is_over(table, query, by):
    ann = table.a_guest()
    room = table.a_room(ann)
    name = {by: getattr(room, by)}
    assert table.see(query, game="free", **name) == room
    with refused(Why.ROOM_NOT_FOUND):
        table.see(query, game="noughts", **name)
    table.do(close_room, room_id=room.id, by=ann)
    assert table.see(query, game="free", **name).over


@pytest.mark.parametrize(("query", "name"), [(room_in, {"id": 9}), (room_coded, {"code": "f"})])
def test_what_never_was_is_not_found(table, query, name):
    with refused(Why.ROOM_NOT_FOUND):
        table.see(query, game="free", **name)


def test_the_room_of_a_player_of_one_game_is_the_one_that_runs(table):
    pat = table.a_player()
    assert table.see(room_with, player=pat) is None
    room = table.a_room(pat)
    assert table.see(room_with, player=pat) == room
    table.do(close_room, room_id=room.id, by=pat)
    assert table.see(room_with, player=pat) is None


def test_my_rooms_are_those_that_run(table):
    ann = table.a_guest()
    first, second = table.a_room(ann), table.a_room(ann)
    table.do(close_room, room_id=first.id, by=ann)
    assert table.see(rooms_of, player=ann) == [second]


@pytest.mark.parametrize(("active", "which"), [(True, [2]), (False, [1]), (None, [2, 1])])
def test_my_rooms_of_a_game_run_are_over_or_both_newest_first(table, active, which):
    ann = table.a_guest()
    first = table.a_room(ann)
    table.a_room(ann)
    table.a_started(ann, table.a_guest())
    table.do(close_room, room_id=first.id, by=ann)
    found, total = table.see(my_rooms, game="free", player=ann, active=active, limit=20, offset=0)
    assert ([room.id for room in found], total) == (which, len(which))


def test_my_rooms_come_in_pages(table):
    ann = table.a_guest()
    ids = [table.a_room(ann).id for _ in range(3)]
    found, total = table.see(my_rooms, game="free", player=ann, active=True, limit=1, offset=1)
    assert ([room.id for room in found], total) == ([ids[1]], 3)


def test_a_room_that_was_left_is_not_mine(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_room(ann, bob)
    table.do(leave_room, room_id=room.id, player=bob)
    found, _ = table.see(my_rooms, game="free", player=bob, active=None, limit=20, offset=0)
    assert found == []


def test_open_rooms_have_a_free_place(table):
    table.a_room(table.a_guest(), capacity=1)
    open_ = table.a_room(table.a_guest())
    assert table.see(open_rooms, game="free", limit=20, offset=0) == ([open_], 1)


def test_a_seat_that_was_given_up_under_rules_is_no_free_place(table):
    table.teach("free", some_rules())
    ann, bob, cid = (table.a_guest() for _ in range(3))
    room = table.a_started(ann, bob, cid, game="free", hand_over=True)
    table.do(leave_room, room_id=room.id, player=cid)
    assert not table.room(room.id).over
    assert table.see(open_rooms, game="free", limit=20, offset=0) == ([], 0)
    assert table.see(free_rooms, game="free", limit=20) == []


def rooms_called(table, *names):
    for name in names:
        room = table.a_room(table.a_guest())
        table.state.set(Room, room.id, replace(room, name=name))


def test_free_rooms_come_with_most_members_first_then_by_name(table):
    rooms_called(table, "b", "a")
    fuller = table.a_room(table.a_guest(), table.a_guest())
    found = table.see(free_rooms, game="free", limit=20)
    assert [room.name for room in found] == [fuller.name, "a", "b"]


def test_free_rooms_are_searched_by_a_part_of_the_name(table):
    rooms_called(table, "Fast game", "slow game", "chat")
    found = table.see(free_rooms, game="free", limit=20, search="GAME")
    assert [room.name for room in found] == ["Fast game", "slow game"]


def test_free_rooms_are_as_many_as_asked_for(table):
    rooms_called(table, "a", "b", "c")
    assert len(table.see(free_rooms, game="free", limit=2)) == 2


def test_a_full_room_is_not_free(table):
    table.a_room(table.a_guest(), capacity=1)
    assert table.see(free_rooms, game="free", limit=20) == []
