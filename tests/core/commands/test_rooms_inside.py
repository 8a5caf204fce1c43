"""What happens in a room: turns, leaving, kicking, talking, closing."""

import json

import pytest

from coalserver.core import topics
from coalserver.core.commands.lobbies import leave_lobby
from coalserver.core.commands.messages import send_action
from coalserver.core.commands.rooms import (
    TOUCH_SECONDS,
    chat_in_room,
    close_room,
    join_room,
    kick_from_room,
    leave_room,
    lock_room,
    take_turn,
)
from coalserver.domain.errors import Why
from coalserver.domain.play.actions import Action, Target
from coalserver.domain.play.lobby import Ending, Phase
from coalserver.domain.play.lobby_events import MemberLeft
from coalserver.domain.play.room_events import (
    PlayerLeft,
    RoomChat,
    RoomClosed,
    RoomHostChanged,
    RoomLocked,
    TurnTaken,
)
from tests.domain.builders import refused, some_rules

# Playing


def test_a_turn_is_heard_in_the_room_with_what_came_of_it(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob)
    table.do(take_turn, room_id=room.id, player=ann, turn={"cell": 4})
    (taken,) = table.said(TurnTaken, topics.room(room.id))
    assert (taken.player, taken.seat, taken.turn) == (ann, 0, b'{"cell":4}')
    assert (json.loads(taken.state)["grid"], taken.current) == ("....0....", (1,))


def test_a_turn_is_not_heard_where_rooms_are_listed(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob)
    table.do(take_turn, room_id=room.id, player=ann, turn={"cell": 4})
    assert table.said(TurnTaken, topics.rooms("noughts")) == []


def test_without_rules_a_turn_is_said_as_it_is(table):
    ann = table.a_guest()
    room = table.a_room(ann)
    table.do(take_turn, room_id=room.id, player=ann, turn={"any": [1, None]})
    (taken,) = table.said(TurnTaken)
    assert (taken.turn, taken.state, taken.current) == (b'{"any":[1,null]}', None, None)


def test_a_turn_out_of_turn_is_refused(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob)
    with refused(Why.NOT_CURRENT):
        table.do(take_turn, room_id=room.id, player=bob, turn={"cell": 4})


def test_a_turn_against_the_rules_is_refused_and_the_turn_stays(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob)
    table.do(take_turn, room_id=room.id, player=ann, turn={"cell": 4})
    with refused(Why.TURN_REFUSED, code="cell_not_empty"):
        table.do(take_turn, room_id=room.id, player=bob, turn={"cell": 4})
    table.do(take_turn, room_id=room.id, player=bob, turn={"cell": 0})


def test_who_does_not_sit_there_does_not_play(table):
    room = table.a_started(table.a_guest(), table.a_guest())
    with refused(Why.NOT_HERE):
        table.do(take_turn, room_id=room.id, player=table.a_guest(), turn={"cell": 4})


def test_rules_that_fail_are_a_refusal_and_nothing_is_said(table):
    def legal(state, seat, turn):
        raise ZeroDivisionError

    table.teach("free", some_rules(legal=legal))
    ann = table.a_guest()
    room = table.a_started(ann, table.a_guest(), game="free")
    table.hush()
    with refused(Why.RULES_FAILED):
        table.do(take_turn, room_id=room.id, player=ann, turn={})
    assert (table.entries, table.room(room.id)) == ([], room)


def won(table):
    """Noughts, won by the host."""
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob)
    for player, cell in ((ann, 0), (bob, 3), (ann, 1), (bob, 4)):
        table.do(take_turn, room_id=room.id, player=player, turn={"cell": cell})
    table.hush()
    return table.do(take_turn, room_id=room.id, player=ann, turn={"cell": 2})


def test_the_turn_that_decides_is_said_before_the_end(table):
    room = won(table)
    assert table.names(topics.room(room.id)) == ["TurnTaken", "RoomClosed"]
    expected = [RoomClosed("noughts", room.id, "finished", b'{"winner":0}')]
    assert table.said(RoomClosed, topics.rooms("noughts")) == expected


def test_when_play_is_over_so_is_the_lobby_it_came_from(table):
    lobby = table.lobby(won(table).lobby)
    assert (lobby.phase, list(lobby.roster)) == (Phase.GONE, [])


def test_nobody_plays_when_play_is_over(table):
    room = won(table)
    with refused(Why.ROOM_OVER):
        table.do(take_turn, room_id=room.id, player=room.roster.host, turn={"cell": 8})


def test_when_play_is_over_its_players_are_free(table):
    pat, kim = table.a_player("noughts"), table.a_player("noughts")
    room = table.a_started(pat, kim)
    table.do(leave_room, room_id=room.id, player=kim)
    table.a_lobby(pat, kim, game="noughts")


# Leaving, kicking, locking, closing


def test_who_leaves_is_gone_and_the_others_hear_it(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    room = table.a_room(ann, bob)
    table.do(leave_room, room_id=room.id, player=bob)
    expected = [PlayerLeft("free", room.id, bob, "Bob", 1, "left")]
    assert table.said(PlayerLeft, topics.room(room.id)) == expected
    assert table.said(PlayerLeft, topics.rooms("free")) == expected
    assert table.said(PlayerLeft, topics.player(bob)) == expected


def test_who_leaves_a_room_leaves_the_lobby_it_came_from_without_a_word(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, game="free")
    table.hush()
    table.do(leave_room, room_id=room.id, player=bob)
    assert list(table.lobby(room.lobby).roster) == [ann]
    assert table.said(MemberLeft) == []


def test_who_left_the_lobby_before_leaves_the_room_all_the_same(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, game="free")
    table.do(leave_lobby, lobby_id=room.lobby, player=bob)
    assert list(table.do(leave_room, room_id=room.id, player=bob).roster) == [ann]


def test_when_the_host_leaves_play_is_over(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_room(ann, bob)
    table.hush()
    left = table.do(leave_room, room_id=room.id, player=ann)
    assert left.ending is Ending.HOST_LEFT
    assert table.names() == ["PlayerLeft", "RoomClosed"]


def test_when_a_host_who_is_followed_leaves_it_is_said_who_leads(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    room = table.a_room(ann, bob, hand_over=True)
    table.do(leave_room, room_id=room.id, player=ann)
    assert table.said(RoomHostChanged) == [RoomHostChanged("free", room.id, bob, "Bob")]


def test_who_leaves_a_game_of_two_has_lost_it(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, hand_over=True)
    left = table.do(leave_room, room_id=room.id, player=ann)
    assert (left.ending, left.outcome) == (Ending.FINISHED, b'{"winner":1}')


def test_a_host_on_whom_a_game_of_two_hangs_has_lost_it_too(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, hand_over=False)
    assert table.do(leave_room, room_id=room.id, player=ann).outcome == b'{"winner":1}'


def test_where_leaving_is_not_allowed_a_member_stays(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_room(ann, bob, can_leave=False)
    with refused(Why.CANNOT_LEAVE):
        table.do(leave_room, room_id=room.id, player=bob)


def test_rules_that_fail_hold_back_who_leaves(table):
    def left(state, seat):
        raise ZeroDivisionError

    table.teach("free", some_rules(left=left))
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, game="free")
    with refused(Why.RULES_FAILED):
        table.do(leave_room, room_id=room.id, player=bob)
    assert table.room(room.id) == room


def test_who_is_not_in_it_cannot_leave(table):
    room = table.a_room(table.a_guest())
    with refused(Why.NOT_HERE):
        table.do(leave_room, room_id=room.id, player=table.a_guest())


def test_a_kick_frees_the_seat_and_says_why(table):
    ann, bob = table.a_guest(), table.a_guest("Bob")
    room = table.a_room(ann, bob)
    table.do(kick_from_room, room_id=room.id, by=ann, player=bob)
    assert table.said(PlayerLeft) == [PlayerLeft("free", room.id, bob, "Bob", 1, "kicked")]


def test_only_the_host_kicks(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_room(ann, bob)
    with refused(Why.NOT_HOST):
        table.do(kick_from_room, room_id=room.id, by=bob, player=ann)


def test_the_host_locks_and_it_is_said_that_and_not_with_what(table):
    ann = table.a_guest()
    room = table.a_room(ann)
    table.do(lock_room, room_id=room.id, by=ann, password="hunter2")
    with refused(Why.WRONG_PASSWORD):
        table.do(join_room, room_id=room.id, player=table.a_guest())
    assert table.said(RoomLocked) == [RoomLocked("free", room.id, True)]


def test_only_the_host_locks(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_room(ann, bob)
    with refused(Why.NOT_HOST):
        table.do(lock_room, room_id=room.id, by=bob, password="")


def test_the_host_closes_the_room_and_its_actions_and_lobby_go_with_it(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, game="free")
    table.do(send_action, room_id=room.id, sender=ann, target=Target.ALL, type="move")
    table.do(close_room, room_id=room.id, by=ann)
    assert table.said(RoomClosed) == [RoomClosed("free", room.id, "closed")]
    assert table.lobby(room.lobby).phase is Phase.GONE
    assert table.state.count(Action) == 0


@pytest.mark.parametrize(("who", "why"), [("bob", Why.NOT_HOST), ("eve", Why.NOT_HERE)])
def test_only_the_host_closes_the_room(table, who, why):
    players = {name: table.a_guest(name) for name in ("ann", "bob", "eve")}
    room = table.a_room(players["ann"], players["bob"])
    with refused(why):
        table.do(close_room, room_id=room.id, by=players[who])


def test_a_room_is_closed_once(table):
    ann = table.a_guest()
    room = table.a_room(ann)
    table.do(close_room, room_id=room.id, by=ann)
    with refused(Why.ROOM_OVER):
        table.do(close_room, room_id=room.id, by=ann)


def test_what_a_member_says_is_for_members(table):
    ann = table.a_guest("Ann")
    room = table.a_room(ann)
    entry = table.do(chat_in_room, room_id=room.id, player=ann, text="hi")
    assert entry.topics == (topics.room_chat(room.id),)
    assert entry.event == RoomChat("free", room.id, ann, "Ann", "hi")


def test_members_may_talk_about_the_game_after_it(table):
    room = won(table)
    table.do(chat_in_room, room_id=room.id, player=room.roster.host, text="gg")


def test_a_stranger_says_nothing(table):
    room = table.a_room(table.a_guest())
    with refused(Why.NOT_HERE):
        table.do(chat_in_room, room_id=room.id, player=table.a_guest(), text="hi")


def test_a_room_where_people_only_talk_is_not_idle_and_not_rewritten_each_time(table):
    ann = table.a_guest()
    room = table.a_room(ann)
    table.now += TOUCH_SECONDS - 1
    table.do(chat_in_room, room_id=room.id, player=ann, text="hi")
    assert table.room(room.id) is room
    table.now += 1
    table.do(chat_in_room, room_id=room.id, player=ann, text="hi")
    assert table.room(room.id).touched == table.now
