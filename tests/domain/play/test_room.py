"""Rooms: who gets in, what leaving means, and how they end."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import CloseReason
from tests.domain.builders import NOW, make_room, raises_code

OVER = {"close_reason": CloseReason.FINISHED, "closed": NOW - 10}


@pytest.mark.parametrize(
    ("verb", "facts"),
    [
        ("add_member", (3, NOW)),
        ("play", (1, {}, None, NOW)),
        ("leave", (2, None, NOW)),
        ("kick", (1, 2, None, NOW)),
        ("set_password", (1, "digest")),
    ],
)
def test_only_a_room_that_runs_allows(verb, facts):
    getattr(make_room(1, 2), verb)(*facts)
    with raises_code(ErrorCode.ROOM_ENDED):
        getattr(make_room(1, 2, **OVER), verb)(*facts)


def test_a_newcomer_takes_a_seat_and_that_is_activity():
    room = make_room(1).add_member(2, NOW)
    assert (list(room.roster), room.touched) == ([1, 2], NOW)


def test_a_full_room_refuses_and_stays_as_it_was():
    room = make_room(1, 2, capacity=2)
    with raises_code(ErrorCode.ROOM_FULL):
        room.add_member(3, NOW)
    assert room == make_room(1, 2, capacity=2)


def test_who_is_here_is_told_so_even_when_it_is_full():
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_room(1, 2, capacity=2).add_member(2, NOW)


@pytest.mark.parametrize("given", ["", "other"])
def test_a_wrong_password_is_refused(given):
    with raises_code(ErrorCode.WRONG_PASSWORD):
        make_room(1, password="digest").add_member(2, NOW, password=given)


def test_the_right_password_opens():
    assert 2 in make_room(1, password="digest").add_member(2, NOW, password="digest").roster


def test_without_rules_anyone_plays_and_nothing_but_the_count_changes():
    room = make_room(1, 2)
    played = room.play(2, {"x": 1}, None, NOW)
    assert (played.turns, played.touched, played.state) == (1, NOW, None)


def test_who_has_no_seat_does_not_play():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_room(1, 2).play(3, {}, None, NOW)


def test_a_member_leaves_and_play_goes_on():
    left = make_room(1, 2).leave(2, None, NOW)
    assert (list(left.roster), left.ended) == ([1], False)


def test_a_stranger_cannot_leave():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_room(1).leave(2, None, NOW)


def test_where_leaving_is_not_allowed_only_the_host_leaves():
    room = make_room(1, 2, can_leave=False, transfer_host=True)
    with raises_code(ErrorCode.CANNOT_LEAVE):
        room.leave(2, None, NOW)
    assert list(room.leave(1, None, NOW).roster) == [2]


def test_when_the_host_leaves_play_is_over():
    left = make_room(1, 2).leave(1, None, NOW)
    assert (left.close_reason, left.closed) == (CloseReason.HOST_LEFT, NOW)


def test_where_the_host_is_followed_play_goes_on():
    left = make_room(1, 2, transfer_host=True).leave(1, None, NOW)
    assert (left.ended, left.roster.host) == (False, 2)


def test_when_the_last_leaves_play_is_over():
    assert make_room(1, transfer_host=True).leave(1, None, NOW).close_reason is CloseReason.EMPTY


def test_who_has_no_seat_cannot_be_dropped():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_room(1).remove_member(2, None, NOW)


@pytest.mark.parametrize(
    ("by", "player", "why"),
    [
        (2, 1, ErrorCode.NOT_HOST),
        (3, 2, ErrorCode.NOT_MEMBER),
        (1, 1, ErrorCode.CANNOT_KICK_SELF),
        (1, 3, ErrorCode.TARGET_NOT_MEMBER),
    ],
)
def test_a_kick_is_refused(by, player, why):
    with raises_code(why):
        make_room(1, 2).kick(by, player, None, NOW)


def test_a_kick_frees_the_seat():
    assert list(make_room(1, 2).kick(1, 2, None, NOW).roster) == [1]


def test_the_host_locks_and_unlocks():
    locked = make_room(1).set_password(1, "digest")
    assert (locked.password, locked.set_password(1, "").password) == ("digest", "")


def test_only_the_host_locks():
    with raises_code(ErrorCode.NOT_HOST):
        make_room(1, 2).set_password(2, "digest")


def test_a_member_goes_silent_and_comes_back():
    away = make_room(1, 2).mark_away(2)
    assert (away.roster.get_seat(2).away, away.mark_back(2)) == (True, make_room(1, 2))
