"""Who sits where, who leads, and who follows."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.roster import NO_HOST, Roster
from tests.domain.builders import NOW, make_roster, raises_code


def numbers(roster):
    return {seat.player: seat.number for seat in roster.seats}


def test_the_first_to_sit_down_leads():
    assert Roster(4, NO_HOST).add(1, NOW).host == 1


def test_a_newcomer_gets_the_lowest_free_seat():
    roster = make_roster(1, 2, 3).without(2)
    assert numbers(roster.add(4, NOW)) == {1: 0, 3: 2, 4: 1}


def test_a_newcomer_brings_what_he_brings():
    seat = make_roster(1).add(2, NOW, ready=False, data=b'{"level":3}').get_seat(2)
    assert (seat.joined, seat.ready, seat.data) == (NOW, False, b'{"level":3}')


def test_a_full_roster_seats_nobody_and_stays_as_it_was():
    roster = make_roster(1, 2, capacity=2)
    with raises_code(ErrorCode.LOBBY_FULL):
        roster.add(3, NOW)
    assert list(roster) == [1, 2]


def test_nobody_sits_twice():
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_roster(1, 2).add(2, NOW)


def test_who_sits_in_a_full_roster_is_told_that_he_sits_here():
    with raises_code(ErrorCode.ALREADY_MEMBER):
        make_roster(1, 2, capacity=2).add(2, NOW)


def test_a_roster_is_full_at_its_capacity():
    assert make_roster(1, 2, capacity=2).full
    assert not make_roster(1, 2, capacity=3).full


def test_who_has_no_seat_is_refused():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_roster(1).get_seat(2)


def test_only_the_host_is_the_host():
    make_roster(1, 2).check_host(1)
    with raises_code(ErrorCode.NOT_HOST):
        make_roster(1, 2).check_host(2)


def test_a_stranger_is_told_that_he_is_not_here_rather_than_not_the_host():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_roster(1, 2).check_host(3)


def test_a_member_leaves_and_the_others_keep_their_seats():
    assert numbers(make_roster(1, 2, 3).leave(2)) == {1: 0, 3: 2}


def test_a_stranger_cannot_leave():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_roster(1).leave(2)


def test_where_leaving_is_not_allowed_a_member_stays():
    with raises_code(ErrorCode.CANNOT_LEAVE):
        make_roster(1, 2, can_leave=False).leave(2)


def test_where_leaving_is_not_allowed_the_host_may():
    assert list(make_roster(1, 2, can_leave=False).leave(1)) == [2]


def test_without_its_host_a_roster_is_led_by_nobody():
    left = make_roster(1, 2).leave(1)
    assert (left.host, left.has_host) == (NO_HOST, False)


def test_where_the_host_is_followed_the_longest_joined_follows():
    assert make_roster(1, 2, 3, transfer_host=True).leave(1).host == 2


def test_the_longest_joined_follows_and_not_the_lowest_seat():
    roster = make_roster(1, 2, 3, transfer_host=True).leave(2).add(4, NOW)
    assert roster.leave(1).host == 3


def test_who_is_present_follows_before_who_is_away():
    assert make_roster(1, 2, 3, away=(2,), transfer_host=True).leave(1).host == 3


def test_among_those_who_are_away_the_longest_joined_follows():
    assert make_roster(1, 2, 3, away=(2, 3), transfer_host=True).leave(1).host == 2


def test_the_last_to_leave_leaves_nobody():
    left = make_roster(1, transfer_host=True).leave(1)
    assert (left.host, len(left)) == (NO_HOST, 0)


def test_when_a_member_leaves_the_host_stays():
    assert make_roster(1, 2, transfer_host=True).leave(2).host == 1


def test_the_host_puts_a_member_out():
    assert list(make_roster(1, 2, 3).kick(1, 2)) == [1, 3]


def test_who_may_not_leave_may_be_put_out():
    assert list(make_roster(1, 2, can_leave=False).kick(1, 2)) == [1]


@pytest.mark.parametrize(
    ("by", "player", "why"),
    [
        (2, 3, ErrorCode.NOT_HOST),
        (4, 2, ErrorCode.NOT_MEMBER),
        (1, 1, ErrorCode.CANNOT_KICK_SELF),
        (1, 4, ErrorCode.TARGET_NOT_MEMBER),
    ],
)
def test_a_kick_is_refused(by, player, why):
    roster = make_roster(1, 2, 3)
    with raises_code(why):
        roster.kick(by, player)
    assert list(roster) == [1, 2, 3]


def test_a_member_says_that_he_is_ready_and_that_he_is_not():
    roster = make_roster(1, 2).set_ready(2, False)
    assert [seat.ready for seat in roster.seats] == [True, False]
    assert roster.set_ready(2, True) == make_roster(1, 2)


def test_a_stranger_is_never_ready():
    with raises_code(ErrorCode.NOT_MEMBER):
        make_roster(1).set_ready(2, True)


def test_a_host_who_goes_silent_still_leads_where_nobody_follows():
    assert make_roster(1, 2).mark_away(1).host == 1


def test_a_host_who_goes_silent_is_followed_by_the_longest_joined_who_is_present():
    assert make_roster(1, 2, 3, away=(2,), transfer_host=True).mark_away(1).host == 3


def test_a_host_who_comes_back_does_not_lead_again():
    assert make_roster(1, 2, transfer_host=True).mark_away(1).mark_back(1).host == 2


def test_a_silent_host_leads_while_everybody_is_silent():
    assert make_roster(1, 2, away=(2,), transfer_host=True).mark_away(1).host == 1


def test_the_first_to_come_back_to_a_silent_host_follows_him():
    assert make_roster(1, 2, transfer_host=True).mark_away(2).mark_away(1).mark_back(2).host == 2


def test_a_newcomer_to_a_silent_host_follows_him():
    assert make_roster(1, transfer_host=True).mark_away(1).add(2, NOW).host == 2


def test_a_newcomer_does_not_follow_where_nobody_does():
    assert make_roster(1).mark_away(1).add(2, NOW).host == 1


def test_only_some_of_a_roster_keep_their_seats():
    assert numbers(make_roster(1, 2, 3).limited_to((1, 3))) == {1: 0, 3: 2}


def test_numbered_seats_begin_with_the_host():
    roster = make_roster(1, 2, 3, transfer_host=True).mark_away(1)
    assert numbers(roster.renumbered(NOW)) == {2: 0, 1: 1, 3: 2}


def test_numbered_seats_leave_no_gap():
    assert numbers(make_roster(1, 2, 3).without(2).renumbered(NOW)) == {1: 0, 3: 1}


def test_who_takes_a_numbered_seat_is_ready_and_has_just_joined():
    roster = make_roster(1, 2).set_ready(2, False).renumbered(NOW)
    assert [(seat.ready, seat.joined) for seat in roster.seats] == [(True, NOW)] * 2


def test_among_those_who_joined_at_once_the_lower_number_follows():
    roster = make_roster(3, 2, 1, transfer_host=True).renumbered(NOW)
    assert roster.leave(3).host == 2


steps = st.tuples(
    st.sampled_from(["add", "leave", "mark_away", "mark_back", "without"]), st.integers(1, 5)
)


def walked(taken, **policy):
    """Every roster that comes of taking these steps, but for those that are refused."""
    roster = Roster(4, NO_HOST, **policy)
    for step, player in taken:
        with suppress(DomainError):
            facts = (player, NOW) if step == "add" else (player,)
            roster = getattr(roster, step)(*facts)
            yield roster


@given(st.lists(steps, max_size=30))
def test_whatever_happens_somebody_present_leads_whenever_anybody_is_present(taken):
    for roster in walked(taken, transfer_host=True):
        present = {seat.player for seat in roster.seats if not seat.away}
        assert not present or roster.host in present
        assert roster.has_host is bool(roster.seats)


@given(st.lists(steps, max_size=30), st.booleans())
def test_whatever_happens_no_two_sit_on_one_seat_and_none_outside(taken, transfer_host):
    for roster in walked(taken, transfer_host=transfer_host):
        numbered = [seat.number for seat in roster.seats]
        assert len(set(numbered)) == len(numbered)
        assert all(0 <= number < 4 for number in numbered)
