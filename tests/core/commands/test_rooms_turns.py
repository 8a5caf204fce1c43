"""What happens in a room: turns, leaving, kicking, talking, closing."""

import json

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.members import TOUCH_SECONDS
from coalserver.core.commands.messages import send_action
from coalserver.core.commands.rooms import join_room, take_turn
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.actions import Action, Target
from coalserver.domain.play.events import (
    LobbyMemberLeft,
    RoomChat,
    RoomClosed,
    RoomHostChanged,
    RoomMemberLeft,
    RoomPasswordChanged,
    TurnTaken,
)
from coalserver.domain.play.lobby import CloseReason, Lobby, LobbyState
from coalserver.domain.play.room import Room
from tests.domain.builders import make_rules, raises_code

# Playing


def test_a_turn_is_heard_in_the_room_with_what_came_of_it(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"cell": 4})
    (taken,) = table.events(TurnTaken, topics.room(room.id))
    assert (taken.player, taken.seat, taken.turn) == (ann, 0, b'{"cell":4}')
    assert (json.loads(taken.state)["grid"], taken.current) == ("....0....", (1,))


def test_a_turn_is_not_heard_where_rooms_are_listed(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"cell": 4})
    assert table.events(TurnTaken, topics.rooms("noughts")) == []


def test_without_rules_a_turn_is_said_as_it_is(table):
    ann = table.make_guest()
    room = table.make_room(ann)
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"any": [1, None]})
    (taken,) = table.events(TurnTaken)
    assert (taken.turn, taken.state, taken.current) == (b'{"any":[1,null]}', None, None)


def test_a_turn_out_of_turn_is_refused(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    with raises_code(ErrorCode.NOT_YOUR_TURN):
        table.execute(take_turn, room_id=room.id, player_id=bob, turn={"cell": 4})


def test_a_turn_against_the_rules_is_refused_and_the_turn_stays(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={"cell": 4})
    with raises_code(ErrorCode.TURN_REFUSED, code="cell_not_empty"):
        table.execute(take_turn, room_id=room.id, player_id=bob, turn={"cell": 4})
    table.execute(take_turn, room_id=room.id, player_id=bob, turn={"cell": 0})


def test_who_does_not_sit_there_does_not_play(table):
    room = table.make_started_room(table.make_guest(), table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(take_turn, room_id=room.id, player_id=table.make_guest(), turn={"cell": 4})


def test_rules_that_fail_are_a_refusal_and_nothing_is_said(table):
    def legal(state, seat, turn):
        raise ZeroDivisionError

    table.set_rules("free", make_rules(legal=legal))
    ann = table.make_guest()
    room = table.make_started_room(ann, table.make_guest(), game="free")
    table.clear_events()
    with raises_code(ErrorCode.RULES_FAILED):
        table.execute(take_turn, room_id=room.id, player_id=ann, turn={})
    assert (table.entries, table.room(room.id)) == ([], room)


def won(table):
    """Noughts, won by the host."""
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    for player, cell in ((ann, 0), (bob, 3), (ann, 1), (bob, 4)):
        table.execute(take_turn, room_id=room.id, player_id=player, turn={"cell": cell})
    table.clear_events()
    return table.execute(take_turn, room_id=room.id, player_id=ann, turn={"cell": 2})


def test_the_turn_that_decides_is_said_before_the_end(table):
    room = won(table)
    assert table.event_names(topics.room(room.id)) == ["TurnTaken", "RoomClosed"]
    expected = [RoomClosed("noughts", room.id, "finished", b'{"winner":0}')]
    assert table.events(RoomClosed, topics.rooms("noughts")) == expected


def test_when_play_is_over_so_is_the_lobby_it_came_from(table):
    lobby = table.lobby(won(table).lobby)
    assert (lobby.state, list(lobby.roster)) == (LobbyState.CLOSED, [])


def test_nobody_plays_when_play_is_over(table):
    room = won(table)
    with raises_code(ErrorCode.ROOM_ENDED):
        table.execute(take_turn, room_id=room.id, player_id=room.roster.host, turn={"cell": 8})


def test_when_play_is_over_its_players_are_free(table):
    pat, kim = table.make_player("noughts"), table.make_player("noughts")
    room = table.make_started_room(pat, kim)
    table.execute(members.leave, kind=Room, id=room.id, player_id=kim)
    table.make_lobby(pat, kim, game="noughts")


# Leaving, kicking, locking, closing


def test_who_leaves_is_gone_and_the_others_hear_it(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    room = table.make_room(ann, bob)
    table.execute(members.leave, kind=Room, id=room.id, player_id=bob)
    expected = [RoomMemberLeft("free", room.id, bob, "Bob", 1, "left")]
    assert table.events(RoomMemberLeft, topics.room(room.id)) == expected
    assert table.events(RoomMemberLeft, topics.rooms("free")) == expected
    assert table.events(RoomMemberLeft, topics.player(bob)) == expected


def test_who_leaves_a_room_leaves_the_lobby_it_came_from_without_a_word(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.clear_events()
    table.execute(members.leave, kind=Room, id=room.id, player_id=bob)
    assert list(table.lobby(room.lobby).roster) == [ann]
    assert table.events(LobbyMemberLeft) == []


def test_who_left_the_lobby_before_leaves_the_room_all_the_same(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.execute(members.leave, kind=Lobby, id=room.lobby, player_id=bob)
    assert list(table.execute(members.leave, kind=Room, id=room.id, player_id=bob).roster) == [ann]


def test_when_the_host_leaves_play_is_over(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob)
    table.clear_events()
    left = table.execute(members.leave, kind=Room, id=room.id, player_id=ann)
    assert left.close_reason is CloseReason.HOST_LEFT
    assert table.event_names() == ["RoomMemberLeft", "RoomClosed"]


def test_when_a_host_who_is_followed_leaves_it_is_said_who_leads(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    room = table.make_room(ann, bob, transfer_host=True)
    table.execute(members.leave, kind=Room, id=room.id, player_id=ann)
    assert table.events(RoomHostChanged) == [RoomHostChanged("free", room.id, bob, "Bob")]


def test_who_leaves_a_game_of_two_has_lost_it(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, transfer_host=True)
    left = table.execute(members.leave, kind=Room, id=room.id, player_id=ann)
    assert (left.close_reason, left.outcome) == (CloseReason.FINISHED, b'{"winner":1}')


def test_a_host_on_whom_a_game_of_two_hangs_has_lost_it_too(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, transfer_host=False)
    assert (
        table.execute(members.leave, kind=Room, id=room.id, player_id=ann).outcome
        == b'{"winner":1}'
    )


def test_where_leaving_is_not_allowed_a_member_stays(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob, can_leave=False)
    with raises_code(ErrorCode.CANNOT_LEAVE):
        table.execute(members.leave, kind=Room, id=room.id, player_id=bob)


def test_rules_that_fail_hold_back_who_leaves(table):
    def left(state, seat):
        raise ZeroDivisionError

    table.set_rules("free", make_rules(left=left))
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    with raises_code(ErrorCode.RULES_FAILED):
        table.execute(members.leave, kind=Room, id=room.id, player_id=bob)
    assert table.room(room.id) == room


def test_who_is_not_in_it_cannot_leave(table):
    room = table.make_room(table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(members.leave, kind=Room, id=room.id, player_id=table.make_guest())


def test_a_kick_frees_the_seat_and_says_why(table):
    ann, bob = table.make_guest(), table.make_guest("Bob")
    room = table.make_room(ann, bob)
    table.execute(members.kick, kind=Room, id=room.id, by=ann, player_id=bob)
    assert table.events(RoomMemberLeft) == [
        RoomMemberLeft("free", room.id, bob, "Bob", 1, "kicked")
    ]


def test_only_the_host_kicks(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(members.kick, kind=Room, id=room.id, by=bob, player_id=ann)


def test_the_host_locks_and_it_is_said_that_and_not_with_what(table):
    ann = table.make_guest()
    room = table.make_room(ann)
    table.execute(members.set_join_password, kind=Room, id=room.id, by=ann, password="hunter2")
    with raises_code(ErrorCode.WRONG_PASSWORD):
        table.execute(join_room, room_id=room.id, player_id=table.make_guest())
    assert table.events(RoomPasswordChanged) == [RoomPasswordChanged("free", room.id, True)]


def test_only_the_host_locks(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(members.set_join_password, kind=Room, id=room.id, by=bob, password="")


def test_the_host_closes_the_room_and_its_actions_and_lobby_go_with_it(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.execute(send_action, room_id=room.id, sender=ann, target=Target.ALL, type="move")
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    assert table.events(RoomClosed) == [RoomClosed("free", room.id, "closed")]
    assert table.lobby(room.lobby).state is LobbyState.CLOSED
    assert table.state.count(Action) == 0


@pytest.mark.parametrize(
    ("who", "why"), [("bob", ErrorCode.NOT_HOST), ("eve", ErrorCode.NOT_MEMBER)]
)
def test_only_the_host_closes_the_room(table, who, why):
    players = {name: table.make_guest(name) for name in ("ann", "bob", "eve")}
    room = table.make_room(players["ann"], players["bob"])
    with raises_code(why):
        table.execute(members.close, kind=Room, id=room.id, by=players[who])


def test_a_room_is_closed_once(table):
    ann = table.make_guest()
    room = table.make_room(ann)
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    with raises_code(ErrorCode.ROOM_ENDED):
        table.execute(members.close, kind=Room, id=room.id, by=ann)


def test_what_a_member_says_is_for_members(table):
    ann = table.make_guest("Ann")
    room = table.make_room(ann)
    entry = table.execute(members.chat, kind=Room, id=room.id, player_id=ann, text="hi")
    assert entry.topics == (topics.room_chat(room.id),)
    assert entry.event == RoomChat("free", room.id, ann, "Ann", "hi")


def test_members_may_talk_about_the_game_after_it(table):
    room = won(table)
    table.execute(members.chat, kind=Room, id=room.id, player_id=room.roster.host, text="gg")


def test_a_stranger_says_nothing(table):
    room = table.make_room(table.make_guest())
    with raises_code(ErrorCode.NOT_MEMBER):
        table.execute(members.chat, kind=Room, id=room.id, player_id=table.make_guest(), text="hi")


def test_a_room_where_people_only_talk_is_not_idle_and_not_rewritten_each_time(table):
    ann = table.make_guest()
    room = table.make_room(ann)
    table.now += TOUCH_SECONDS - 1
    table.execute(members.chat, kind=Room, id=room.id, player_id=ann, text="hi")
    assert table.room(room.id) is room
    table.now += 1
    table.execute(members.chat, kind=Room, id=room.id, player_id=ann, text="hi")
    assert table.room(room.id).touched == table.now
