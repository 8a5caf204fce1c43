"""Turns in rooms, and the end of a game by its rules."""

import json

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.rooms import take_turn
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import (
    RoomClosed,
    TurnTaken,
)
from coalserver.domain.play.lobby import LobbyState
from coalserver.domain.play.room import Room
from tests.domain.builders import failing_rule, make_rules, raises_code


def test_turn_is_emitted_with_the_resulting_state(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"cell": 4})
    (taken,) = table.events(TurnTaken, topics.room(room.id))
    assert (taken.player, taken.seat, taken.turn) == (ann, 0, b'{"cell":4}')
    assert (json.loads(taken.state)["grid"], taken.current) == ("....0....", (1,))


def test_turn_is_not_emitted_to_the_list_of_rooms(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"cell": 4})
    assert table.events(TurnTaken, topics.rooms("noughts")) == []


def test_turn_that_is_json_already_is_not_written_again(table):
    ann = table.make_guest()
    room = table.make_room(ann)
    document = b'{"at":1e16}'
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"at": 1e16}, document=document)
    assert table.events(TurnTaken)[0].turn is document


def test_turn_without_rules_is_emitted_unchanged(table):
    ann = table.make_guest()
    room = table.make_room(ann)
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"any": [1, None]})
    (taken,) = table.events(TurnTaken)
    assert (taken.turn, taken.state, taken.current) == (b'{"any":[1,null]}', None, None)


def test_turn_of_another_seat_is_refused(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    with raises_code(ErrorCode.NOT_YOUR_TURN):
        table.execute(take_turn, room_id=room.id, player_id=bob, turn={"cell": 4})


def test_illegal_turn_is_refused_and_may_be_repeated(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"cell": 4})
    with raises_code(ErrorCode.TURN_REFUSED, code="cell_not_empty"):
        table.execute(take_turn, room_id=room.id, player_id=bob, turn={"cell": 4})
    table.execute(take_turn, room_id=room.id, player_id=bob, turn={"cell": 0})


def test_player_without_a_seat_cannot_take_a_turn(table):
    room = table.make_started_room(table.make_guest(), table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(take_turn, room_id=room.id, player_id=table.make_guest(), turn={"cell": 4})


def test_failing_rules_refuse_the_turn_and_emit_nothing(table):
    table.set_rules("free", make_rules(legal=failing_rule))
    ann = table.make_guest()
    room = table.make_started_room(ann, table.make_guest(), game="free")
    table.clear_events()
    with raises_code(ErrorCode.RULES_FAILED):
        table.execute(take_turn, room_id=room.id, player_id=ann, turn={})
    assert (table.entries, table.room(room.id)) == ([], room)


def make_won_room(table):
    """Return a game of noughts that the host has just won."""
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    for player, cell in ((ann, 0), (bob, 3), (ann, 1), (bob, 4)):
        table.execute(take_turn, room_id=room.id, player_id=player, turn={"cell": cell})
    table.clear_events()
    return table.execute(take_turn, room_id=room.id, player_id=ann, turn={"cell": 2})


def test_deciding_turn_is_emitted_before_room_closed(table):
    room = make_won_room(table)
    assert table.event_names(topics.room(room.id)) == ["TurnTaken", "RoomClosed"]
    expected = [RoomClosed("noughts", room.id, "finished", b'{"winner":0}')]
    assert table.events(RoomClosed, topics.rooms("noughts")) == expected


def test_lobby_is_closed_when_its_room_is_decided(table):
    lobby = table.lobby(make_won_room(table).lobby)
    assert (lobby.state, list(lobby.roster)) == (LobbyState.CLOSED, [])


def test_decided_room_rejects_turns(table):
    room = make_won_room(table)
    with raises_code(ErrorCode.ROOM_ENDED):
        table.execute(take_turn, room_id=room.id, player_id=room.roster.host, turn={"cell": 8})


def test_players_of_a_decided_room_may_open_a_lobby(table):
    pat, kim = table.make_player("noughts"), table.make_player("noughts")
    room = table.make_started_room(pat, kim)
    table.execute(members.leave, kind=Room, id=room.id, player_id=kim)
    table.make_lobby(pat, kim, game="noughts")


def test_members_may_chat_after_the_end(table):
    room = make_won_room(table)
    table.execute(members.chat, kind=Room, id=room.id, player_id=room.roster.host, text="gg")
