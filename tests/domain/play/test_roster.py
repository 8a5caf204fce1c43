"""Seats, host rights and host transfer."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.roster import NO_HOST, Roster
from tests.domain.builders import NOW, make_roster, raises_code


def numbers(roster):
    return {seat.player: seat.number for seat in roster.seats}


def test_first_member_becomes_host():
    assert Roster(4, NO_HOST).add(1, NOW).host == 1


def test_new_member_gets_the_lowest_free_seat():
    roster = make_roster(1, 2, 3).without(2)
    assert numbers(roster.add(4, NOW)) == {1: 0, 3: 2, 4: 1}


def test_new_member_has_time_ready_flag_and_data():
    seat = make_roster(1).add(2, NOW, ready=False, data=b'{"level":3}').get_seat(2)
    assert (seat.joined, seat.ready, seat.data) == (NOW, False, b'{"level":3}')


def test_full_roster_rejects_join():
    roster = make_roster(1, 2, capacity=2)
    with raises_code(ErrorCode.LOBBY_FULL):
        roster.add(3, NOW)
    assert list(roster) == [1, 2]


def test_member_cannot_join_twice():
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_roster(1, 2).add(2, NOW)


def test_member_of_a_full_roster_is_already_member():
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_roster(1, 2, capacity=2).add(2, NOW)


def test_roster_is_full_at_its_capacity():
    assert make_roster(1, 2, capacity=2).full
    assert not make_roster(1, 2, capacity=3).full


def test_player_without_a_seat_is_not_member():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_roster(1).get_seat(2)


def test_check_host_refuses_members():
    make_roster(1, 2).check_host(1)
    with raises_code(ErrorCode.NOT_HOST):
        make_roster(1, 2).check_host(2)


def test_check_host_raises_not_member_for_others():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_roster(1, 2).check_host(3)


def test_other_members_keep_their_seats_when_one_leaves():
    assert numbers(make_roster(1, 2, 3).leave(2)) == {1: 0, 3: 2}


def test_player_without_a_seat_cannot_leave():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_roster(1).leave(2)


def test_member_cannot_leave_without_can_leave():
    with raises_code(ErrorCode.CANNOT_LEAVE):
        make_roster(1, 2, can_leave=False).leave(2)


def test_host_may_leave_without_can_leave():
    assert list(make_roster(1, 2, can_leave=False).leave(1)) == [2]


def test_roster_has_no_host_after_the_host_left():
    left = make_roster(1, 2).leave(1)
    assert (left.host, left.has_host) == (NO_HOST, False)


def test_longest_standing_member_succeeds_the_host():
    assert make_roster(1, 2, 3, transfer_host=True).leave(1).host == 2


def test_succession_is_by_time_and_not_by_seat():
    roster = make_roster(1, 2, 3, transfer_host=True).leave(2).add(4, NOW)
    assert roster.leave(1).host == 3


def test_present_member_succeeds_before_away_members():
    assert make_roster(1, 2, 3, away=(2,), transfer_host=True).leave(1).host == 3


def test_longest_standing_away_member_succeeds_without_present_members():
    assert make_roster(1, 2, 3, away=(2, 3), transfer_host=True).leave(1).host == 2


def test_last_member_leaves_an_empty_roster():
    left = make_roster(1, transfer_host=True).leave(1)
    assert (left.host, len(left)) == (NO_HOST, 0)


def test_host_stays_when_a_member_leaves():
    assert make_roster(1, 2, transfer_host=True).leave(2).host == 1


def test_host_kicks_a_member():
    assert list(make_roster(1, 2, 3).kick(1, 2)) == [1, 3]


def test_member_who_may_not_leave_can_be_kicked():
    assert list(make_roster(1, 2, can_leave=False).kick(1, 2)) == [1]


@pytest.mark.parametrize(
    ("by", "player", "code"),
    [
        (2, 3, ErrorCode.NOT_HOST),
        (4, 2, ErrorCode.NOT_MEMBER),
        (1, 1, ErrorCode.CANNOT_KICK_SELF),
        (1, 4, ErrorCode.TARGET_NOT_MEMBER),
    ],
)
def test_kick_is_refused(by, player, code):
    roster = make_roster(1, 2, 3)
    with raises_code(code):
        roster.kick(by, player)
    assert list(roster) == [1, 2, 3]


def test_member_sets_and_clears_the_ready_flag():
    roster = make_roster(1, 2).set_ready(2, False)
    assert [seat.ready for seat in roster.seats] == [True, False]
    assert roster.set_ready(2, True) == make_roster(1, 2)


def test_player_without_a_seat_cannot_be_ready():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_roster(1).set_ready(2, True)


def test_away_host_stays_without_host_transfer():
    assert make_roster(1, 2).mark_away(1).host == 1


def test_away_host_stays_until_overdue():
    roster = make_roster(1, 2, transfer_host=True).mark_away(1)
    assert (roster.host, roster.add(3, NOW).host, roster.mark_overdue(1).host) == (1, 1, 2)


def test_overdue_host_is_replaced_by_the_longest_standing_present_member():
    assert make_roster(1, 2, 3, away=(2,), transfer_host=True).mark_overdue(1).host == 3


def test_returning_host_does_not_become_host_again():
    assert make_roster(1, 2, transfer_host=True).mark_overdue(1).mark_back(1).host == 2


def test_overdue_host_stays_while_all_members_are_away():
    assert make_roster(1, 2, away=(2,), transfer_host=True).mark_overdue(1).host == 1


def test_returning_member_replaces_an_overdue_host():
    assert make_roster(1, 2, transfer_host=True).mark_away(2).mark_overdue(1).mark_back(2).host == 2


def test_new_member_replaces_an_overdue_host():
    assert make_roster(1, transfer_host=True).mark_overdue(1).add(2, NOW).host == 2


def test_new_member_does_not_replace_an_away_host_without_host_transfer():
    assert make_roster(1).mark_away(1).add(2, NOW).host == 1


def test_limited_roster_keeps_seats_of_these_players():
    assert numbers(make_roster(1, 2, 3).limited_to((1, 3))) == {1: 0, 3: 2}


def test_renumbered_seats_begin_with_the_host():
    roster = make_roster(1, 2, 3, transfer_host=True).mark_overdue(1)
    assert numbers(roster.renumbered(NOW)) == {2: 0, 1: 1, 3: 2}


def test_renumbered_seats_have_no_gaps():
    assert numbers(make_roster(1, 2, 3).without(2).renumbered(NOW)) == {1: 0, 3: 1}


def test_renumbered_members_are_ready_and_have_just_joined():
    roster = make_roster(1, 2).set_ready(2, False).renumbered(NOW)
    assert [(seat.ready, seat.joined) for seat in roster.seats] == [(True, NOW)] * 2


def test_lower_seat_succeeds_among_members_who_joined_together():
    roster = make_roster(3, 2, 1, transfer_host=True).renumbered(NOW)
    assert roster.leave(3).host == 2


steps = st.tuples(
    st.sampled_from(["add", "leave", "mark_overdue", "mark_back", "without"]), st.integers(1, 5)
)


def apply_steps(sequence, **policy):
    """Yield the roster after each step that is not refused."""
    roster = Roster(4, NO_HOST, **policy)
    for step, player in sequence:
        with suppress(DomainError):
            args = (player, NOW) if step == "add" else (player,)
            roster = getattr(roster, step)(*args)
            yield roster


@given(st.lists(steps, max_size=30))
def test_present_member_is_host_after_any_steps(sequence):
    for roster in apply_steps(sequence, transfer_host=True):
        present = {seat.player for seat in roster.seats if not seat.away}
        assert not present or roster.host in present
        assert roster.has_host is bool(roster.seats)


@given(st.lists(steps, max_size=30), st.booleans())
def test_seat_numbers_stay_unique_and_in_range(sequence, transfer_host):
    for roster in apply_steps(sequence, transfer_host=transfer_host):
        numbered = [seat.number for seat in roster.seats]
        assert len(set(numbered)) == len(numbered)
        assert all(0 <= number < 4 for number in numbered)
