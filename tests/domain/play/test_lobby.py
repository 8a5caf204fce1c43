"""Lobbies: who gets in, who decides, and how they end."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import CloseReason, LobbyState
from tests.domain.builders import NOW, make_lobby, raises_code

GONE = {"state": LobbyState.CLOSED, "close_reason": CloseReason.HOST_LEFT}
STARTED = {"state": LobbyState.STARTED, "close_reason": CloseReason.STARTED, "room": 9}

WHAT_WANTS_AN_OPEN_LOBBY = [
    ("add_member", (3, NOW)),
    ("kick", (1, 2, NOW)),
    ("set_options", (1, b"{}")),
    ("set_password", (1, "digest")),
    ("set_ready", (2, True)),
    ("check_can_request", (3,)),
]


@pytest.mark.parametrize(("verb", "facts"), WHAT_WANTS_AN_OPEN_LOBBY)
def test_a_lobby_that_is_gone_refuses(verb, facts):
    with raises_code(ErrorCode.LOBBY_CLOSED):
        getattr(make_lobby(1, 2, **GONE), verb)(*facts)


@pytest.mark.parametrize(("verb", "facts"), WHAT_WANTS_AN_OPEN_LOBBY)
def test_a_lobby_that_has_started_refuses(verb, facts):
    with raises_code(ErrorCode.LOBBY_STARTED):
        getattr(make_lobby(1, 2, **STARTED), verb)(*facts)


@pytest.mark.parametrize(("verb", "facts"), WHAT_WANTS_AN_OPEN_LOBBY)
def test_an_open_lobby_allows(verb, facts):
    getattr(make_lobby(1, 2), verb)(*facts)


@pytest.mark.parametrize("phase", [GONE, STARTED])
def test_only_an_open_lobby_is_open(phase):
    assert make_lobby(1).open
    assert not make_lobby(1, **phase).open


def test_a_newcomer_takes_a_seat():
    assert list(make_lobby(1, 2).add_member(3, NOW).roster) == [1, 2, 3]


def test_a_full_lobby_refuses_and_stays_as_it_was():
    lobby = make_lobby(1, 2, capacity=2)
    with raises_code(ErrorCode.LOBBY_FULL):
        lobby.add_member(3, NOW)
    assert lobby == make_lobby(1, 2, capacity=2)


def test_who_is_here_is_told_so_even_when_it_is_full_and_locked():
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_lobby(1, 2, capacity=2, password="digest").add_member(2, NOW)


@pytest.mark.parametrize("given", ["", "other"])
def test_a_wrong_password_is_refused(given):
    with raises_code(ErrorCode.WRONG_PASSWORD):
        make_lobby(1, password="digest").add_member(2, NOW, password=given)


def test_the_right_password_opens():
    assert 2 in make_lobby(1, password="digest").add_member(2, NOW, password="digest").roster


def test_where_there_is_no_password_any_will_do():
    assert 2 in make_lobby(1).add_member(2, NOW, password="whatever").roster


def test_a_full_lobby_does_not_tell_whether_the_password_was_right():
    with raises_code(ErrorCode.LOBBY_FULL):
        make_lobby(1, 2, capacity=2, password="digest").add_member(3, NOW, password="other")


def test_where_the_host_approves_nobody_walks_in():
    with raises_code(ErrorCode.APPROVAL_REQUIRED):
        make_lobby(1, requires_approval=True).add_member(2, NOW)


def test_who_is_approved_needs_no_password():
    lobby = make_lobby(1, requires_approval=True, password="digest")
    assert 2 in lobby.add_member(2, NOW, approved=True).roster


def test_an_approval_makes_no_room():
    with raises_code(ErrorCode.LOBBY_FULL):
        make_lobby(1, 2, capacity=2, requires_approval=True).add_member(3, NOW, approved=True)


def test_everyone_is_ready_unless_it_is_checked():
    assert make_lobby(1).add_member(2, NOW).roster.get_seat(2).ready
    assert not make_lobby(1, ready_check=True).add_member(2, NOW).roster.get_seat(2).ready


def test_who_could_be_let_in_may_ask():
    make_lobby(1, requires_approval=True, password="digest").check_can_request(2, "digest")


@pytest.mark.parametrize(
    ("lobby", "player", "why"),
    [
        (make_lobby(1, 2), 2, ErrorCode.ALREADY_MEMBER),
        (make_lobby(1, 2, capacity=2), 3, ErrorCode.LOBBY_FULL),
        (make_lobby(1, password="digest"), 2, ErrorCode.WRONG_PASSWORD),
    ],
)
def test_who_could_not_be_let_in_may_not_ask(lobby, player, why):
    with raises_code(why):
        lobby.check_can_request(player)


def test_a_member_leaves():
    left = make_lobby(1, 2).leave(2, NOW)
    assert (list(left.roster), left.state) == ([1], LobbyState.OPEN)


def test_before_the_start_anybody_may_leave():
    assert list(make_lobby(1, 2, can_leave=False).leave(2, NOW).roster) == [1]


def test_after_the_start_the_policy_says_who_may_leave():
    with raises_code(ErrorCode.CANNOT_LEAVE):
        make_lobby(1, 2, can_leave=False, **STARTED).leave(2, NOW)
    assert list(make_lobby(1, 2, **STARTED).leave(2, NOW).roster) == [1]


def test_nobody_leaves_what_is_gone():
    with raises_code(ErrorCode.LOBBY_CLOSED):
        make_lobby(1, 2, **GONE).leave(2, NOW)


@pytest.mark.parametrize("phase", [{}, STARTED])
def test_a_stranger_cannot_leave(phase):
    with raises_code(ErrorCode.NOT_MEMBER):
        make_lobby(1, **phase).leave(2, NOW)


def test_when_the_host_leaves_the_lobby_is_gone():
    left = make_lobby(1, 2).leave(1, NOW)
    assert (left.state, left.close_reason, left.closed) == (
        LobbyState.CLOSED,
        CloseReason.HOST_LEFT,
        NOW,
    )


def test_nobody_sits_in_a_lobby_that_is_gone():
    assert list(make_lobby(1, 2).leave(1, NOW).roster) == []


def test_a_lobby_that_is_gone_still_says_how_many_it_held():
    assert make_lobby(1, 2, capacity=5).leave(1, NOW).roster.capacity == 5


def test_where_the_host_is_followed_the_lobby_stays():
    left = make_lobby(1, 2, transfer_host=True).leave(1, NOW)
    assert (left.state, left.roster.host) == (LobbyState.OPEN, 2)


def test_when_the_last_leaves_the_lobby_is_gone():
    assert make_lobby(1, transfer_host=True).leave(1, NOW).state is LobbyState.CLOSED


def test_a_lobby_that_has_started_stays_without_its_host():
    assert make_lobby(1, 2, **STARTED).leave(1, NOW).state is LobbyState.STARTED


def test_a_kick_frees_the_seat():
    assert list(make_lobby(1, 2).kick(1, 2, NOW).roster) == [1]


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
        make_lobby(1, 2).kick(by, player, NOW)


def test_after_the_start_others_are_still_told_that_they_are_not_the_host():
    with raises_code(ErrorCode.NOT_HOST):
        make_lobby(1, 2, **STARTED).kick(2, 1, NOW)


def test_a_silent_host_is_dropped_and_the_lobby_expires():
    dropped = make_lobby(1, 2).remove_member(1, NOW, CloseReason.EXPIRED)
    assert (dropped.state, dropped.close_reason) == (LobbyState.CLOSED, CloseReason.EXPIRED)


def test_who_may_not_leave_may_be_dropped():
    assert list(make_lobby(1, 2, can_leave=False, **STARTED).remove_member(2, NOW).roster) == [1]


def test_the_host_chooses():
    assert make_lobby(1).set_options(1, b'{"first":"random"}').options == b'{"first":"random"}'


def test_only_the_host_chooses():
    lobby = make_lobby(1, 2)
    with raises_code(ErrorCode.NOT_HOST):
        lobby.set_options(2, b'{"first":"random"}')
    assert lobby.options == b"{}"


def test_the_host_locks_and_unlocks():
    locked = make_lobby(1).set_password(1, "digest")
    assert (locked.password, locked.set_password(1, "").password) == ("digest", "")


def test_only_the_host_locks():
    with raises_code(ErrorCode.NOT_HOST):
        make_lobby(1, 2).set_password(2, "digest")


def test_a_member_says_that_he_is_ready():
    lobby = make_lobby(1, ready_check=True).add_member(2, NOW)
    assert lobby.set_ready(2, True).roster.get_seat(2).ready


def test_a_member_goes_silent_and_comes_back():
    away = make_lobby(1, 2).mark_away(2)
    assert (away.roster.get_seat(2).away, away.mark_back(2)) == (True, make_lobby(1, 2))


def may_start(lobby, by=1, low=1, high=8, coming=None):
    lobby.check_can_start(by, low, high, lobby.roster if coming is None else coming)


def test_the_host_may_start():
    may_start(make_lobby(1, 2))


@pytest.mark.parametrize(
    ("lobby", "asked", "why", "facts"),
    [
        (make_lobby(1, **GONE), {}, ErrorCode.LOBBY_CLOSED, {}),
        (make_lobby(1, **STARTED), {}, ErrorCode.LOBBY_STARTED, {}),
        (make_lobby(1, 2), {"by": 2}, ErrorCode.NOT_HOST, {}),
        (make_lobby(1, 2), {"by": 3}, ErrorCode.NOT_MEMBER, {}),
        (make_lobby(1, 2, strict_full=True), {}, ErrorCode.LOBBY_NOT_FULL, {}),
        (make_lobby(1), {"low": 2}, ErrorCode.TOO_FEW_PLAYERS, {"minimum": 2}),
        (make_lobby(1, 2, 3), {"high": 2}, ErrorCode.TOO_MANY_PLAYERS, {"maximum": 2}),
        (make_lobby(1, ready_check=True).add_member(2, NOW), {}, ErrorCode.MEMBERS_NOT_READY, {}),
    ],
)
def test_a_start_is_refused(lobby, asked, why, facts):
    with raises_code(why, **facts):
        may_start(lobby, **asked)


def test_a_lobby_that_must_be_full_may_start_when_it_is():
    may_start(make_lobby(1, 2, capacity=2, strict_full=True))


def test_a_lobby_that_must_be_full_does_not_start_with_some_left_behind():
    lobby = make_lobby(1, 2, capacity=2, strict_full=True)
    with raises_code(ErrorCode.LOBBY_NOT_FULL):
        may_start(lobby, coming=lobby.roster.limited_to((1,)))


def test_those_who_stay_behind_need_not_be_ready():
    lobby = make_lobby(1, ready_check=True).add_member(2, NOW)
    may_start(lobby, coming=lobby.roster.limited_to((1,)))


def test_those_who_stay_behind_are_not_too_many():
    lobby = make_lobby(1, 2, 3)
    may_start(lobby, high=2, coming=lobby.roster.limited_to((1, 2)))


def test_those_who_stay_behind_do_not_make_it_enough():
    lobby = make_lobby(1, 2, 3)
    with raises_code(ErrorCode.TOO_FEW_PLAYERS):
        may_start(lobby, low=3, coming=lobby.roster.limited_to((1, 2)))


def test_a_start_names_the_room_and_keeps_the_members():
    started = make_lobby(1, 2).start(9, NOW)
    assert (started.state, started.room, list(started.roster)) == (LobbyState.STARTED, 9, [1, 2])
