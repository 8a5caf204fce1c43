"""Tickets for event feeds."""

import pytest

from coalserver.web.streaming.tickets import TICKET_SECONDS, Tickets
from tests.core.stores import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_ticket_is_redeemed_once(clock: Clock) -> None:
    tickets = Tickets(clock)
    ticket = tickets.issue("ann")
    assert tickets.redeem(ticket) == "ann"
    assert tickets.redeem(ticket) is None


def test_ticket_expires_after_30_seconds(clock: Clock) -> None:
    tickets = Tickets(clock)
    ticket, other = tickets.issue("ann"), tickets.issue("ann")
    clock.now += TICKET_SECONDS - 0.1
    assert tickets.redeem(ticket) == "ann"
    clock.now += 0.1
    assert tickets.redeem(other) is None


def test_tickets_are_unique_and_unknown_ones_are_rejected(clock: Clock) -> None:
    tickets = Tickets(clock)
    issued = {tickets.issue("x") for _ in range(1000)}
    assert len(issued) == 1000 and min(map(len, issued)) >= 32
    assert tickets.redeem("") is None and tickets.redeem("nonsense") is None


def test_expired_tickets_are_dropped(clock: Clock) -> None:
    tickets = Tickets(clock)
    for _ in range(100):
        tickets.issue("ann")
    clock.now += TICKET_SECONDS
    tickets.issue("bob")
    assert len(tickets._tickets) == 1
