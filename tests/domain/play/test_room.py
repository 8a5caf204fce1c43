"""Rooms without rules: joining, turns, leaving, host rights and end."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import CloseReason
from tests.domain.builders import NOW, make_room, raises_code

ENDED = {"close_reason": CloseReason.FINISHED, "closed": NOW - 10}


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("add_member", (3, NOW)),
        ("play", (1, {}, None, NOW)),
        ("leave", (2, None, NOW)),
        ("kick", (1, 2, None, NOW)),
        ("set_password", (1, "digest")),
    ],
)
def test_ended_room_refuses_changes(method, args):
    getattr(make_room(1, 2), method)(*args)
    with raises_code(ErrorCode.ROOM_ENDED):
        getattr(make_room(1, 2, **ENDED), method)(*args)


def test_new_member_takes_a_seat_and_updates_touched():
    room = make_room(1).add_member(2, NOW)
    assert (list(room.roster), room.touched) == ([1, 2], NOW)


def test_turn_without_rules_changes_count_and_time_only():
    room = make_room(1, 2)
    played = room.play(2, {"x": 1}, None, NOW)
    assert (played.turns, played.touched, played.state) == (1, NOW, None)


def test_player_without_a_seat_cannot_play():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_room(1, 2).play(3, {}, None, NOW)


def test_room_continues_when_a_member_leaves():
    left = make_room(1, 2).leave(2, NOW)
    assert (list(left.roster), left.ended) == ([1], False)


def test_player_without_a_seat_cannot_leave():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_room(1).leave(2, NOW)


def test_can_leave_applies_to_members_but_not_to_the_host():
    room = make_room(1, 2, can_leave=False, transfer_host=True)
    with raises_code(ErrorCode.CANNOT_LEAVE):
        room.leave(2, NOW)
    assert list(room.leave(1, NOW).roster) == [2]


def test_room_closes_when_the_host_leaves():
    left = make_room(1, 2).leave(1, NOW)
    assert (left.close_reason, left.closed) == (CloseReason.HOST_LEFT, NOW)


def test_host_transfer_keeps_the_room_running():
    left = make_room(1, 2, transfer_host=True).leave(1, NOW)
    assert (left.ended, left.roster.host) == (False, 2)


def test_room_closes_when_the_last_member_leaves():
    assert make_room(1, transfer_host=True).leave(1, NOW).close_reason is CloseReason.EMPTY


def test_player_without_a_seat_cannot_be_removed():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_room(1).remove_member(2, NOW)
