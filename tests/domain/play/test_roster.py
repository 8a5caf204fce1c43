"""Who sits where, who leads, and who follows."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.roster import NOBODY, Roster
from tests.domain.builders import NOW, a_roster, refused


def numbers(roster):
    return {seat.player: seat.number for seat in roster.seats}


def test_the_first_to_sit_down_leads():
    assert Roster(4, NOBODY).seat(1, NOW).host == 1


def test_a_newcomer_gets_the_lowest_free_seat():
    roster = a_roster(1, 2, 3).without(2)
    assert numbers(roster.seat(4, NOW)) == {1: 0, 3: 2, 4: 1}


def test_a_newcomer_brings_what_he_brings():
    seat = a_roster(1).seat(2, NOW, ready=False, data=b'{"level":3}').of(2)
    assert (seat.joined, seat.ready, seat.data) == (NOW, False, b'{"level":3}')


def test_a_full_roster_seats_nobody_and_stays_as_it_was():
    roster = a_roster(1, 2, capacity=2)
    with refused(Why.LOBBY_FULL):
        roster.seat(3, NOW)
    assert list(roster) == [1, 2]


def test_nobody_sits_twice():
    with refused(Why.ALREADY_HERE):
        a_roster(1, 2).seat(2, NOW)


def test_who_sits_in_a_full_roster_is_told_that_he_sits_here():
    with refused(Why.ALREADY_HERE):
        a_roster(1, 2, capacity=2).seat(2, NOW)


def test_a_roster_is_full_at_its_capacity():
    assert a_roster(1, 2, capacity=2).full
    assert not a_roster(1, 2, capacity=3).full


def test_who_has_no_seat_is_refused():
    with refused(Why.NOT_HERE):
        a_roster(1).of(2)


def test_only_the_host_is_the_host():
    a_roster(1, 2).only_host(1)
    with refused(Why.NOT_HOST):
        a_roster(1, 2).only_host(2)


def test_a_stranger_is_told_that_he_is_not_here_rather_than_not_the_host():
    with refused(Why.NOT_HERE):
        a_roster(1, 2).only_host(3)


def test_a_member_leaves_and_the_others_keep_their_seats():
    assert numbers(a_roster(1, 2, 3).leave(2)) == {1: 0, 3: 2}


def test_a_stranger_cannot_leave():
    with refused(Why.NOT_HERE):
        a_roster(1).leave(2)


def test_where_leaving_is_not_allowed_a_member_stays():
    with refused(Why.CANNOT_LEAVE):
        a_roster(1, 2, can_leave=False).leave(2)


def test_where_leaving_is_not_allowed_the_host_may():
    assert list(a_roster(1, 2, can_leave=False).leave(1)) == [2]


def test_without_its_host_a_roster_is_led_by_nobody():
    left = a_roster(1, 2).leave(1)
    assert (left.host, left.led) == (NOBODY, False)


def test_where_the_host_is_followed_the_longest_joined_follows():
    assert a_roster(1, 2, 3, hand_over=True).leave(1).host == 2


def test_the_longest_joined_follows_and_not_the_lowest_seat():
    roster = a_roster(1, 2, 3, hand_over=True).leave(2).seat(4, NOW)
    assert roster.leave(1).host == 3


def test_who_is_present_follows_before_who_is_away():
    assert a_roster(1, 2, 3, away=(2,), hand_over=True).leave(1).host == 3


def test_among_those_who_are_away_the_longest_joined_follows():
    assert a_roster(1, 2, 3, away=(2, 3), hand_over=True).leave(1).host == 2


def test_the_last_to_leave_leaves_nobody():
    left = a_roster(1, hand_over=True).leave(1)
    assert (left.host, len(left)) == (NOBODY, 0)


def test_when_a_member_leaves_the_host_stays():
    assert a_roster(1, 2, hand_over=True).leave(2).host == 1


def test_the_host_puts_a_member_out():
    assert list(a_roster(1, 2, 3).kick(1, 2)) == [1, 3]


def test_who_may_not_leave_may_be_put_out():
    assert list(a_roster(1, 2, can_leave=False).kick(1, 2)) == [1]


@pytest.mark.parametrize(
    ("by", "player", "why"),
    [
        (2, 3, Why.NOT_HOST),
        (4, 2, Why.NOT_HERE),
        (1, 1, Why.KICK_SELF),
        (1, 4, Why.TARGET_NOT_HERE),
    ],
)
def test_a_kick_is_refused(by, player, why):
    roster = a_roster(1, 2, 3)
    with refused(why):
        roster.kick(by, player)
    assert list(roster) == [1, 2, 3]


def test_a_member_says_that_he_is_ready_and_that_he_is_not():
    roster = a_roster(1, 2).ready(2, False)
    assert [seat.ready for seat in roster.seats] == [True, False]
    assert roster.ready(2, True) == a_roster(1, 2)


def test_a_stranger_is_never_ready():
    with refused(Why.NOT_HERE):
        a_roster(1).ready(2, True)


def test_a_host_who_goes_silent_still_leads_where_nobody_follows():
    assert a_roster(1, 2).away(1).host == 1


def test_a_host_who_goes_silent_is_followed_by_the_longest_joined_who_is_present():
    assert a_roster(1, 2, 3, away=(2,), hand_over=True).away(1).host == 3


def test_a_host_who_comes_back_does_not_lead_again():
    assert a_roster(1, 2, hand_over=True).away(1).back(1).host == 2


def test_a_silent_host_leads_while_everybody_is_silent():
    assert a_roster(1, 2, away=(2,), hand_over=True).away(1).host == 1


def test_the_first_to_come_back_to_a_silent_host_follows_him():
    assert a_roster(1, 2, hand_over=True).away(2).away(1).back(2).host == 2


def test_a_newcomer_to_a_silent_host_follows_him():
    assert a_roster(1, hand_over=True).away(1).seat(2, NOW).host == 2


def test_a_newcomer_does_not_follow_where_nobody_does():
    assert a_roster(1).away(1).seat(2, NOW).host == 1


def test_only_some_of_a_roster_keep_their_seats():
    assert numbers(a_roster(1, 2, 3).only((1, 3))) == {1: 0, 3: 2}


def test_numbered_seats_begin_with_the_host():
    roster = a_roster(1, 2, 3, hand_over=True).away(1)
    assert numbers(roster.numbered(NOW)) == {2: 0, 1: 1, 3: 2}


def test_numbered_seats_leave_no_gap():
    assert numbers(a_roster(1, 2, 3).without(2).numbered(NOW)) == {1: 0, 3: 1}


def test_who_takes_a_numbered_seat_is_ready_and_has_just_joined():
    roster = a_roster(1, 2).ready(2, False).numbered(NOW)
    assert [(seat.ready, seat.joined) for seat in roster.seats] == [(True, NOW)] * 2


def test_among_those_who_joined_at_once_the_lower_number_follows():
    roster = a_roster(3, 2, 1, hand_over=True).numbered(NOW)
    assert roster.leave(3).host == 2


steps = st.tuples(st.sampled_from(["seat", "leave", "away", "back", "without"]), st.integers(1, 5))


def walked(taken, **policy):
    """Every roster that comes of taking these steps, but for those that are refused."""
    roster = Roster(4, NOBODY, **policy)
    for step, player in taken:
        with suppress(Refusal):
            facts = (player, NOW) if step == "seat" else (player,)
            roster = getattr(roster, step)(*facts)
            yield roster


@given(st.lists(steps, max_size=30))
def test_whatever_happens_somebody_present_leads_whenever_anybody_is_present(taken):
    for roster in walked(taken, hand_over=True):
        present = {seat.player for seat in roster.seats if not seat.away}
        assert not present or roster.host in present
        assert roster.led is bool(roster.seats)


@given(st.lists(steps, max_size=30), st.booleans())
def test_whatever_happens_no_two_sit_on_one_seat_and_none_outside(taken, hand_over):
    for roster in walked(taken, hand_over=hand_over):
        numbered = [seat.number for seat in roster.seats]
        assert len(set(numbered)) == len(numbered)
        assert all(0 <= number < 4 for number in numbered)
