"""Lobbies: joining, leaving, host rights, start and end."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import CloseReason, LobbyState
from tests.domain.builders import NOW, make_lobby, raises_code

CLOSED = {"state": LobbyState.CLOSED, "close_reason": CloseReason.HOST_LEFT}
STARTED = {"state": LobbyState.STARTED, "close_reason": CloseReason.STARTED, "room": 9}

CHANGES = [
    ("add_member", (3, NOW)),
    ("kick", (1, 2, NOW)),
    ("set_options", (1, b"{}")),
    ("set_password", (1, "digest")),
    ("set_ready", (2, True)),
    ("check_can_request", (3,)),
]


@pytest.mark.parametrize(("method", "args"), CHANGES)
def test_closed_lobby_refuses_changes(method, args):
    with raises_code(ErrorCode.LOBBY_CLOSED):
        getattr(make_lobby(1, 2, **CLOSED), method)(*args)


@pytest.mark.parametrize(("method", "args"), CHANGES)
def test_started_lobby_refuses_changes(method, args):
    with raises_code(ErrorCode.LOBBY_STARTED):
        getattr(make_lobby(1, 2, **STARTED), method)(*args)


@pytest.mark.parametrize(("method", "args"), CHANGES)
def test_open_lobby_allows_changes(method, args):
    getattr(make_lobby(1, 2), method)(*args)


@pytest.mark.parametrize("state", [CLOSED, STARTED])
def test_started_or_closed_lobby_is_not_open(state):
    assert make_lobby(1).open
    assert not make_lobby(1, **state).open


def test_new_member_takes_a_seat():
    assert list(make_lobby(1, 2).add_member(3, NOW).roster) == [1, 2, 3]


def test_member_of_a_full_lobby_is_already_member():
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_lobby(1, 2, capacity=2, password="digest").add_member(2, NOW)


def test_lobby_without_a_password_ignores_the_password():
    assert 2 in make_lobby(1).add_member(2, NOW, password="whatever").roster


def test_full_lobby_does_not_reveal_whether_the_password_is_right():
    with raises_code(ErrorCode.LOBBY_FULL):
        make_lobby(1, 2, capacity=2, password="digest").add_member(3, NOW, password="other")


def test_join_without_approval_is_refused():
    with raises_code(ErrorCode.APPROVAL_REQUIRED):
        make_lobby(1, requires_approval=True).add_member(2, NOW)


def test_approved_player_needs_no_password():
    lobby = make_lobby(1, requires_approval=True, password="digest")
    assert 2 in lobby.add_member(2, NOW, approved=True).roster


def test_approved_player_cannot_join_a_full_lobby():
    with raises_code(ErrorCode.LOBBY_FULL):
        make_lobby(1, 2, capacity=2, requires_approval=True).add_member(3, NOW, approved=True)


def test_new_member_is_ready_unless_there_is_a_ready_check():
    assert make_lobby(1).add_member(2, NOW).roster.get_seat(2).ready
    assert not make_lobby(1, ready_check=True).add_member(2, NOW).roster.get_seat(2).ready


def test_player_may_request_to_join():
    make_lobby(1, requires_approval=True, password="digest").check_can_request(2, "digest")


@pytest.mark.parametrize(
    ("lobby", "player", "code"),
    [
        (make_lobby(1, 2), 2, ErrorCode.ALREADY_MEMBER),
        (make_lobby(1, 2, capacity=2), 3, ErrorCode.LOBBY_FULL),
        (make_lobby(1, password="digest"), 2, ErrorCode.WRONG_PASSWORD),
    ],
)
def test_impossible_join_request_is_refused(lobby, player, code):
    with raises_code(code):
        lobby.check_can_request(player)


def test_leaving_member_gives_up_the_seat():
    left = make_lobby(1, 2).leave(2, NOW)
    assert (list(left.roster), left.state) == ([1], LobbyState.OPEN)


def test_can_leave_does_not_apply_before_the_start():
    assert list(make_lobby(1, 2, can_leave=False).leave(2, NOW).roster) == [1]


def test_can_leave_applies_after_the_start():
    with raises_code(ErrorCode.CANNOT_LEAVE):
        make_lobby(1, 2, can_leave=False, **STARTED).leave(2, NOW)
    assert list(make_lobby(1, 2, **STARTED).leave(2, NOW).roster) == [1]


def test_leaving_a_closed_lobby_is_refused():
    with raises_code(ErrorCode.LOBBY_CLOSED):
        make_lobby(1, 2, **CLOSED).leave(2, NOW)


@pytest.mark.parametrize("state", [{}, STARTED])
def test_player_without_a_seat_cannot_leave(state):
    with raises_code(ErrorCode.NOT_MEMBER):
        make_lobby(1, **state).leave(2, NOW)


def test_lobby_closes_when_the_host_leaves():
    left = make_lobby(1, 2).leave(1, NOW)
    assert (left.state, left.close_reason, left.closed) == (
        LobbyState.CLOSED,
        CloseReason.HOST_LEFT,
        NOW,
    )


def test_closed_lobby_has_no_members():
    assert list(make_lobby(1, 2).leave(1, NOW).roster) == []


def test_closed_lobby_keeps_its_capacity():
    assert make_lobby(1, 2, capacity=5).leave(1, NOW).roster.capacity == 5


def test_host_transfer_keeps_the_lobby_open():
    left = make_lobby(1, 2, transfer_host=True).leave(1, NOW)
    assert (left.state, left.roster.host) == (LobbyState.OPEN, 2)


def test_lobby_closes_when_the_last_member_leaves():
    assert make_lobby(1, transfer_host=True).leave(1, NOW).state is LobbyState.CLOSED


def test_started_lobby_stays_without_its_host():
    assert make_lobby(1, 2, **STARTED).leave(1, NOW).state is LobbyState.STARTED


def test_kick_by_a_member_after_the_start_raises_not_host():
    with raises_code(ErrorCode.NOT_HOST):
        make_lobby(1, 2, **STARTED).kick(2, 1, NOW)


def test_lobby_expires_when_its_host_is_removed():
    dropped = make_lobby(1, 2).time_out_member(1, NOW)
    assert (dropped.state, dropped.close_reason) == (LobbyState.CLOSED, CloseReason.EXPIRED)


def test_member_who_may_not_leave_can_be_removed():
    assert list(make_lobby(1, 2, can_leave=False, **STARTED).remove_member(2, NOW).roster) == [1]


def test_host_sets_options():
    assert make_lobby(1).set_options(1, b'{"first":"random"}').options == b'{"first":"random"}'


def test_member_cannot_set_options():
    lobby = make_lobby(1, 2)
    with raises_code(ErrorCode.NOT_HOST):
        lobby.set_options(2, b'{"first":"random"}')
    assert lobby.options == b"{}"


def test_member_sets_the_ready_flag():
    lobby = make_lobby(1, ready_check=True).add_member(2, NOW)
    assert lobby.set_ready(2, True).roster.get_seat(2).ready


def check_start(lobby, by=1, low=1, high=8, participants=None):
    lobby.check_can_start(by, low, high, lobby.roster if participants is None else participants)


def test_host_may_start():
    check_start(make_lobby(1, 2))


@pytest.mark.parametrize(
    ("lobby", "params", "code", "details"),
    [
        (make_lobby(1, **CLOSED), {}, ErrorCode.LOBBY_CLOSED, {}),
        (make_lobby(1, **STARTED), {}, ErrorCode.LOBBY_STARTED, {}),
        (make_lobby(1, 2), {"by": 2}, ErrorCode.NOT_HOST, {}),
        (make_lobby(1, 2), {"by": 3}, ErrorCode.NOT_MEMBER, {}),
        (make_lobby(1, 2, strict_full=True), {}, ErrorCode.LOBBY_NOT_FULL, {}),
        (make_lobby(1), {"low": 2}, ErrorCode.TOO_FEW_PLAYERS, {"minimum": 2}),
        (make_lobby(1, 2, 3), {"high": 2}, ErrorCode.TOO_MANY_PLAYERS, {"maximum": 2}),
        (make_lobby(1, ready_check=True).add_member(2, NOW), {}, ErrorCode.MEMBERS_NOT_READY, {}),
    ],
)
def test_start_is_refused(lobby, params, code, details):
    with raises_code(code, **details):
        check_start(lobby, **params)


def test_strict_full_lobby_may_start_when_full():
    check_start(make_lobby(1, 2, capacity=2, strict_full=True))


def test_strict_full_lobby_requires_all_members_to_participate():
    lobby = make_lobby(1, 2, capacity=2, strict_full=True)
    with raises_code(ErrorCode.LOBBY_NOT_FULL):
        check_start(lobby, participants=lobby.roster.limited_to((1,)))


def test_members_who_do_not_participate_need_not_be_ready():
    lobby = make_lobby(1, ready_check=True).add_member(2, NOW)
    check_start(lobby, participants=lobby.roster.limited_to((1,)))


def test_members_who_do_not_participate_do_not_count_for_the_maximum():
    lobby = make_lobby(1, 2, 3)
    check_start(lobby, high=2, participants=lobby.roster.limited_to((1, 2)))


def test_members_who_do_not_participate_do_not_count_for_the_minimum():
    lobby = make_lobby(1, 2, 3)
    with raises_code(ErrorCode.TOO_FEW_PLAYERS):
        check_start(lobby, low=3, participants=lobby.roster.limited_to((1, 2)))


def test_started_lobby_has_a_room_and_keeps_its_members():
    started = make_lobby(1, 2).start(9, NOW)
    assert (started.state, started.room, list(started.roster)) == (LobbyState.STARTED, 9, [1, 2])
