"""Rooms without rules: joining, turns, leaving, host rights and end."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import CloseReason
from tests.domain.builders import IMPOSSIBLE_KICKS, NOW, make_room, raises_code

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


def test_full_room_rejects_join():
    room = make_room(1, 2, capacity=2)
    with raises_code(ErrorCode.ROOM_FULL):
        room.add_member(3, NOW)
    assert room == make_room(1, 2, capacity=2)


def test_member_of_a_full_room_is_already_member():
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_room(1, 2, capacity=2).add_member(2, NOW)


@pytest.mark.parametrize("password", ["", "other"])
def test_wrong_password_is_refused(password):
    with raises_code(ErrorCode.WRONG_PASSWORD):
        make_room(1, password="digest").add_member(2, NOW, password=password)


def test_right_password_admits():
    assert 2 in make_room(1, password="digest").add_member(2, NOW, password="digest").roster


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


@pytest.mark.parametrize(("by", "player", "code"), IMPOSSIBLE_KICKS)
def test_kick_is_refused(by, player, code):
    with raises_code(code):
        make_room(1, 2).kick(by, player, NOW)


def test_kick_frees_the_seat():
    assert list(make_room(1, 2).kick(1, 2, NOW).roster) == [1]


def test_host_sets_and_removes_the_password():
    locked = make_room(1).set_password(1, "digest")
    assert (locked.password, locked.set_password(1, "").password) == ("digest", "")


def test_member_cannot_set_a_password():
    with raises_code(ErrorCode.NOT_HOST):
        make_room(1, 2).set_password(2, "digest")


def test_member_is_marked_away_and_back():
    away = make_room(1, 2).mark_away(2)
    assert (away.roster.get_seat(2).away, away.mark_back(2)) == (True, make_room(1, 2))
