"""Lobbies: who gets in, who decides, and how they end."""

import pytest

from coalserver.domain.errors import Why
from coalserver.domain.play.lobby import Ending, Phase
from tests.domain.builders import NOW, a_lobby, refused

GONE = {"phase": Phase.GONE, "ending": Ending.HOST_LEFT}
STARTED = {"phase": Phase.STARTED, "ending": Ending.STARTED, "room": 9}

WHAT_WANTS_AN_OPEN_LOBBY = [
    ("admit", (3, NOW)),
    ("kick", (1, 2, NOW)),
    ("choose", (1, b"{}")),
    ("lock", (1, "digest")),
    ("ready", (2, True)),
    ("may_ask", (3,)),
]


@pytest.mark.parametrize(("verb", "facts"), WHAT_WANTS_AN_OPEN_LOBBY)
def test_a_lobby_that_is_gone_refuses(verb, facts):
    with refused(Why.LOBBY_GONE):
        getattr(a_lobby(1, 2, **GONE), verb)(*facts)


@pytest.mark.parametrize(("verb", "facts"), WHAT_WANTS_AN_OPEN_LOBBY)
def test_a_lobby_that_has_started_refuses(verb, facts):
    with refused(Why.LOBBY_STARTED):
        getattr(a_lobby(1, 2, **STARTED), verb)(*facts)


@pytest.mark.parametrize(("verb", "facts"), WHAT_WANTS_AN_OPEN_LOBBY)
def test_an_open_lobby_allows(verb, facts):
    getattr(a_lobby(1, 2), verb)(*facts)


@pytest.mark.parametrize("phase", [GONE, STARTED])
def test_only_an_open_lobby_is_open(phase):
    assert a_lobby(1).open
    assert not a_lobby(1, **phase).open


def test_a_newcomer_takes_a_seat():
    assert list(a_lobby(1, 2).admit(3, NOW).roster) == [1, 2, 3]


def test_a_full_lobby_refuses_and_stays_as_it_was():
    lobby = a_lobby(1, 2, capacity=2)
    with refused(Why.LOBBY_FULL):
        lobby.admit(3, NOW)
    assert lobby == a_lobby(1, 2, capacity=2)


def test_who_is_here_is_told_so_even_when_it_is_full_and_locked():
    with refused(Why.ALREADY_HERE):
        a_lobby(1, 2, capacity=2, password="digest").admit(2, NOW)


@pytest.mark.parametrize("given", ["", "other"])
def test_a_wrong_password_is_refused(given):
    with refused(Why.WRONG_PASSWORD):
        a_lobby(1, password="digest").admit(2, NOW, password=given)


def test_the_right_password_opens():
    assert 2 in a_lobby(1, password="digest").admit(2, NOW, password="digest").roster


def test_where_there_is_no_password_any_will_do():
    assert 2 in a_lobby(1).admit(2, NOW, password="whatever").roster


def test_a_full_lobby_does_not_tell_whether_the_password_was_right():
    with refused(Why.LOBBY_FULL):
        a_lobby(1, 2, capacity=2, password="digest").admit(3, NOW, password="other")


def test_where_the_host_approves_nobody_walks_in():
    with refused(Why.NEEDS_APPROVAL):
        a_lobby(1, by_request=True).admit(2, NOW)


def test_who_is_approved_needs_no_password():
    lobby = a_lobby(1, by_request=True, password="digest")
    assert 2 in lobby.admit(2, NOW, approved=True).roster


def test_an_approval_makes_no_room():
    with refused(Why.LOBBY_FULL):
        a_lobby(1, 2, capacity=2, by_request=True).admit(3, NOW, approved=True)


def test_everyone_is_ready_unless_it_is_checked():
    assert a_lobby(1).admit(2, NOW).roster.of(2).ready
    assert not a_lobby(1, ready_check=True).admit(2, NOW).roster.of(2).ready


def test_who_could_be_let_in_may_ask():
    a_lobby(1, by_request=True, password="digest").may_ask(2, "digest")


@pytest.mark.parametrize(
    ("lobby", "player", "why"),
    [
        (a_lobby(1, 2), 2, Why.ALREADY_HERE),
        (a_lobby(1, 2, capacity=2), 3, Why.LOBBY_FULL),
        (a_lobby(1, password="digest"), 2, Why.WRONG_PASSWORD),
    ],
)
def test_who_could_not_be_let_in_may_not_ask(lobby, player, why):
    with refused(why):
        lobby.may_ask(player)


def test_a_member_leaves():
    left = a_lobby(1, 2).leave(2, NOW)
    assert (list(left.roster), left.phase) == ([1], Phase.OPEN)


def test_before_the_start_anybody_may_leave():
    assert list(a_lobby(1, 2, can_leave=False).leave(2, NOW).roster) == [1]


def test_after_the_start_the_policy_says_who_may_leave():
    with refused(Why.CANNOT_LEAVE):
        a_lobby(1, 2, can_leave=False, **STARTED).leave(2, NOW)
    assert list(a_lobby(1, 2, **STARTED).leave(2, NOW).roster) == [1]


def test_nobody_leaves_what_is_gone():
    with refused(Why.LOBBY_GONE):
        a_lobby(1, 2, **GONE).leave(2, NOW)


@pytest.mark.parametrize("phase", [{}, STARTED])
def test_a_stranger_cannot_leave(phase):
    with refused(Why.NOT_HERE):
        a_lobby(1, **phase).leave(2, NOW)


def test_when_the_host_leaves_the_lobby_is_gone():
    left = a_lobby(1, 2).leave(1, NOW)
    assert (left.phase, left.ending, left.closed) == (Phase.GONE, Ending.HOST_LEFT, NOW)


def test_nobody_sits_in_a_lobby_that_is_gone():
    assert list(a_lobby(1, 2).leave(1, NOW).roster) == []


def test_a_lobby_that_is_gone_still_says_how_many_it_held():
    assert a_lobby(1, 2, capacity=5).leave(1, NOW).roster.capacity == 5


def test_where_the_host_is_followed_the_lobby_stays():
    left = a_lobby(1, 2, hand_over=True).leave(1, NOW)
    assert (left.phase, left.roster.host) == (Phase.OPEN, 2)


def test_when_the_last_leaves_the_lobby_is_gone():
    assert a_lobby(1, hand_over=True).leave(1, NOW).phase is Phase.GONE


def test_a_lobby_that_has_started_stays_without_its_host():
    assert a_lobby(1, 2, **STARTED).leave(1, NOW).phase is Phase.STARTED


def test_a_kick_frees_the_seat():
    assert list(a_lobby(1, 2).kick(1, 2, NOW).roster) == [1]


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
        a_lobby(1, 2).kick(by, player, NOW)


def test_after_the_start_others_are_still_told_that_they_are_not_the_host():
    with refused(Why.NOT_HOST):
        a_lobby(1, 2, **STARTED).kick(2, 1, NOW)


def test_a_silent_host_is_dropped_and_the_lobby_expires():
    dropped = a_lobby(1, 2).drop(1, NOW, Ending.EXPIRED)
    assert (dropped.phase, dropped.ending) == (Phase.GONE, Ending.EXPIRED)


def test_who_may_not_leave_may_be_dropped():
    assert list(a_lobby(1, 2, can_leave=False, **STARTED).drop(2, NOW).roster) == [1]


def test_the_host_chooses():
    assert a_lobby(1).choose(1, b'{"first":"random"}').options == b'{"first":"random"}'


def test_only_the_host_chooses():
    lobby = a_lobby(1, 2)
    with refused(Why.NOT_HOST):
        lobby.choose(2, b'{"first":"random"}')
    assert lobby.options == b"{}"


def test_the_host_locks_and_unlocks():
    locked = a_lobby(1).lock(1, "digest")
    assert (locked.password, locked.lock(1, "").password) == ("digest", "")


def test_only_the_host_locks():
    with refused(Why.NOT_HOST):
        a_lobby(1, 2).lock(2, "digest")


def test_a_member_says_that_he_is_ready():
    lobby = a_lobby(1, ready_check=True).admit(2, NOW)
    assert lobby.ready(2, True).roster.of(2).ready


def test_a_member_goes_silent_and_comes_back():
    away = a_lobby(1, 2).away(2)
    assert (away.roster.of(2).away, away.back(2)) == (True, a_lobby(1, 2))


def may_start(lobby, by=1, low=1, high=8, coming=None):
    lobby.may_start(by, low, high, lobby.roster if coming is None else coming)


def test_the_host_may_start():
    may_start(a_lobby(1, 2))


@pytest.mark.parametrize(
    ("lobby", "asked", "why", "facts"),
    [
        (a_lobby(1, **GONE), {}, Why.LOBBY_GONE, {}),
        (a_lobby(1, **STARTED), {}, Why.LOBBY_STARTED, {}),
        (a_lobby(1, 2), {"by": 2}, Why.NOT_HOST, {}),
        (a_lobby(1, 2), {"by": 3}, Why.NOT_HERE, {}),
        (a_lobby(1, 2, strict_full=True), {}, Why.NOT_FULL, {}),
        (a_lobby(1), {"low": 2}, Why.TOO_FEW_PLAYERS, {"least": 2}),
        (a_lobby(1, 2, 3), {"high": 2}, Why.TOO_MANY_PLAYERS, {"most": 2}),
        (a_lobby(1, ready_check=True).admit(2, NOW), {}, Why.NOT_READY, {}),
    ],
)
def test_a_start_is_refused(lobby, asked, why, facts):
    with refused(why, **facts):
        may_start(lobby, **asked)


def test_a_lobby_that_must_be_full_may_start_when_it_is():
    may_start(a_lobby(1, 2, capacity=2, strict_full=True))


def test_a_lobby_that_must_be_full_does_not_start_with_some_left_behind():
    lobby = a_lobby(1, 2, capacity=2, strict_full=True)
    with refused(Why.NOT_FULL):
        may_start(lobby, coming=lobby.roster.only((1,)))


def test_those_who_stay_behind_need_not_be_ready():
    lobby = a_lobby(1, ready_check=True).admit(2, NOW)
    may_start(lobby, coming=lobby.roster.only((1,)))


def test_those_who_stay_behind_are_not_too_many():
    lobby = a_lobby(1, 2, 3)
    may_start(lobby, high=2, coming=lobby.roster.only((1, 2)))


def test_those_who_stay_behind_do_not_make_it_enough():
    lobby = a_lobby(1, 2, 3)
    with refused(Why.TOO_FEW_PLAYERS):
        may_start(lobby, low=3, coming=lobby.roster.only((1, 2)))


def test_a_start_names_the_room_and_keeps_the_members():
    started = a_lobby(1, 2).start(9, NOW)
    assert (started.phase, started.room, list(started.roster)) == (Phase.STARTED, 9, [1, 2])
