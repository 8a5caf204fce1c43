"""Rooms: who gets in, what leaving means, and how they end."""

import pytest

from coalserver.domain.errors import Why
from coalserver.domain.play.lobby import Ending
from tests.domain.builders import NOW, a_room, refused

OVER = {"ending": Ending.FINISHED, "closed": NOW - 10}


@pytest.mark.parametrize(
    ("verb", "facts"),
    [
        ("admit", (3, NOW)),
        ("play", (1, {}, None, NOW)),
        ("leave", (2, None, NOW)),
        ("kick", (1, 2, None, NOW)),
        ("lock", (1, "digest")),
    ],
)
def test_only_a_room_that_runs_allows(verb, facts):
    getattr(a_room(1, 2), verb)(*facts)
    with refused(Why.ROOM_OVER):
        getattr(a_room(1, 2, **OVER), verb)(*facts)


def test_a_newcomer_takes_a_seat_and_that_is_activity():
    room = a_room(1).admit(2, NOW)
    assert (list(room.roster), room.touched) == ([1, 2], NOW)


def test_a_full_room_refuses_and_stays_as_it_was():
    room = a_room(1, 2, capacity=2)
    with refused(Why.ROOM_FULL):
        room.admit(3, NOW)
    assert room == a_room(1, 2, capacity=2)


def test_who_is_here_is_told_so_even_when_it_is_full():
    with refused(Why.ALREADY_HERE):
        a_room(1, 2, capacity=2).admit(2, NOW)


@pytest.mark.parametrize("given", ["", "other"])
def test_a_wrong_password_is_refused(given):
    with refused(Why.WRONG_PASSWORD):
        a_room(1, password="digest").admit(2, NOW, password=given)


def test_the_right_password_opens():
    assert 2 in a_room(1, password="digest").admit(2, NOW, password="digest").roster


def test_without_rules_anyone_plays_and_nothing_but_the_count_changes():
    room = a_room(1, 2)
    played = room.play(2, {"x": 1}, None, NOW)
    assert (played.turns, played.touched, played.state) == (1, NOW, None)


def test_who_has_no_seat_does_not_play():
    with refused(Why.NOT_HERE):
        a_room(1, 2).play(3, {}, None, NOW)


def test_a_member_leaves_and_play_goes_on():
    left = a_room(1, 2).leave(2, None, NOW)
    assert (list(left.roster), left.over) == ([1], False)


def test_a_stranger_cannot_leave():
    with refused(Why.NOT_HERE):
        a_room(1).leave(2, None, NOW)


def test_where_leaving_is_not_allowed_only_the_host_leaves():
    room = a_room(1, 2, can_leave=False, hand_over=True)
    with refused(Why.CANNOT_LEAVE):
        room.leave(2, None, NOW)
    assert list(room.leave(1, None, NOW).roster) == [2]


def test_when_the_host_leaves_play_is_over():
    left = a_room(1, 2).leave(1, None, NOW)
    assert (left.ending, left.closed) == (Ending.HOST_LEFT, NOW)


def test_where_the_host_is_followed_play_goes_on():
    left = a_room(1, 2, hand_over=True).leave(1, None, NOW)
    assert (left.over, left.roster.host) == (False, 2)


def test_when_the_last_leaves_play_is_over():
    assert a_room(1, hand_over=True).leave(1, None, NOW).ending is Ending.EMPTY


def test_who_has_no_seat_cannot_be_dropped():
    with refused(Why.NOT_HERE):
        a_room(1).drop(2, None, NOW)


@pytest.mark.parametrize(
    ("by", "player", "why"),
    [
        (2, 1, Why.NOT_HOST),
        (3, 2, Why.NOT_HERE),
        (1, 1, Why.KICK_SELF),
        (1, 3, Why.TARGET_NOT_HERE),
    ],
)
def test_a_kick_is_refused(by, player, why):
    with refused(why):
        a_room(1, 2).kick(by, player, None, NOW)


def test_a_kick_frees_the_seat():
    assert list(a_room(1, 2).kick(1, 2, None, NOW).roster) == [1]


def test_the_host_locks_and_unlocks():
    locked = a_room(1).lock(1, "digest")
    assert (locked.password, locked.lock(1, "").password) == ("digest", "")


def test_only_the_host_locks():
    with refused(Why.NOT_HOST):
        a_room(1, 2).lock(2, "digest")


def test_a_member_goes_silent_and_comes_back():
    away = a_room(1, 2).away(2)
    assert (away.roster.of(2).away, away.back(2)) == (True, a_room(1, 2))
