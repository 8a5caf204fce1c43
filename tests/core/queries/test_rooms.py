"""Queries of rooms: one room, those of a player, and lists of joinable rooms."""

from dataclasses import replace

import pytest

from coalserver.core.commands import members
from coalserver.core.queries.rooms import (
    get_room,
    joinable_rooms,
    open_rooms,
    past_and_present_rooms,
    room_by_code,
    room_of_player,
    rooms_of_player,
)
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.room import Room
from tests.domain.builders import make_rules, raises_code


@pytest.mark.parametrize(("query", "by"), [(get_room, "id"), (room_by_code, "code")])
def test_room_is_found_in_its_own_game_also_after_its_end(table, query, by):
    ann = table.make_guest()
    room = table.make_room(ann)
    name = {by: getattr(room, by)}
    assert table.query(query, game="free", **name) == room
    with raises_code(ErrorCode.ROOM_NOT_FOUND):
        table.query(query, game="noughts", **name)
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    assert table.query(query, game="free", **name).ended


@pytest.mark.parametrize(("query", "name"), [(get_room, {"id": 9}), (room_by_code, {"code": "f"})])
def test_unknown_room_raises_room_not_found(table, query, name):
    with raises_code(ErrorCode.ROOM_NOT_FOUND):
        table.query(query, game="free", **name)


def test_room_of_a_bound_player_is_the_running_one(table):
    pat = table.make_player()
    assert table.query(room_of_player, player=pat) is None
    room = table.make_room(pat)
    assert table.query(room_of_player, player=pat) == room
    table.execute(members.close, kind=Room, id=room.id, by=pat)
    assert table.query(room_of_player, player=pat) is None


def test_rooms_of_a_player_are_the_running_ones(table):
    ann = table.make_guest()
    first, second = table.make_room(ann), table.make_room(ann)
    table.execute(members.close, kind=Room, id=first.id, by=ann)
    assert table.query(rooms_of_player, player=ann) == [second]


@pytest.mark.parametrize(("active", "expected"), [(True, [2]), (False, [1]), (None, [2, 1])])
def test_past_and_present_rooms_are_filtered_by_activity(table, active, expected):
    ann = table.make_guest()
    first = table.make_room(ann)
    table.make_room(ann)
    table.make_started_room(ann, table.make_guest())
    table.execute(members.close, kind=Room, id=first.id, by=ann)
    found, total = table.query(
        past_and_present_rooms, game="free", player=ann, active=active, limit=20, offset=0
    )
    assert ([room.id for room in found], total) == (expected, len(expected))


def test_past_and_present_rooms_come_in_pages(table):
    ann = table.make_guest()
    ids = [table.make_room(ann).id for _ in range(3)]
    found, total = table.query(
        past_and_present_rooms, game="free", player=ann, active=True, limit=1, offset=1
    )
    assert ([room.id for room in found], total) == ([ids[1]], 3)


def test_room_that_a_player_left_is_not_listed(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob)
    table.execute(members.leave, kind=Room, id=room.id, player_id=bob)
    found, _ = table.query(
        past_and_present_rooms, game="free", player=bob, active=None, limit=20, offset=0
    )
    assert found == []


def test_open_rooms_have_a_free_seat(table):
    table.make_room(table.make_guest(), capacity=1)
    open_room = table.make_room(table.make_guest())
    assert table.query(open_rooms, game="free", limit=20, offset=0) == ([open_room], 1)


def test_seat_left_in_a_game_with_rules_is_not_free(table):
    table.set_rules("free", make_rules())
    ann, bob, cid = (table.make_guest() for _ in range(3))
    room = table.make_started_room(ann, bob, cid, game="free", transfer_host=True)
    table.execute(members.leave, kind=Room, id=room.id, player_id=cid)
    assert not table.room(room.id).ended
    assert table.query(open_rooms, game="free", limit=20, offset=0) == ([], 0)
    assert table.query(joinable_rooms, game="free", limit=20) == []


def make_named_rooms(table, *names):
    for name in names:
        room = table.make_room(table.make_guest())
        table.state.set(Room, room.id, replace(room, name=name))


def test_joinable_rooms_are_ordered_by_members_and_name(table):
    make_named_rooms(table, "b", "a")
    fuller = table.make_room(table.make_guest(), table.make_guest())
    found = table.query(joinable_rooms, game="free", limit=20)
    assert [room.name for room in found] == [fuller.name, "a", "b"]


def test_joinable_rooms_are_searched_by_part_of_the_name(table):
    make_named_rooms(table, "Fast game", "slow game", "chat")
    found = table.query(joinable_rooms, game="free", limit=20, search="GAME")
    assert [room.name for room in found] == ["Fast game", "slow game"]


def test_number_of_joinable_rooms_is_limited(table):
    make_named_rooms(table, "a", "b", "c")
    assert len(table.query(joinable_rooms, game="free", limit=2)) == 2


def test_full_room_is_not_joinable(table):
    table.make_room(table.make_guest(), capacity=1)
    assert table.query(joinable_rooms, game="free", limit=20) == []
