"""Rooms: where play happens. Running -> over."""

import json
import random
from dataclasses import dataclass, replace
from typing import Any

from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import Rules, asked, asked_json, dumped
from coalserver.domain.play.lobby import Ending, same
from coalserver.domain.play.roster import Roster


@dataclass(frozen=True, slots=True)
class Room:
    """A game being played. Every method returns the next room or refuses."""

    id: int
    code: str
    game: str
    name: str
    roster: Roster
    opened: float
    touched: float
    password: str = ""
    options: bytes = b"{}"
    #: The state its rules keep, as JSON; None where the game has no rules.
    state: bytes | None = None
    #: The seats whose turn it is; None where the game has no rules: everyone's.
    current: tuple[int, ...] | None = None
    #: What the rules say came of it, as JSON; None while it runs or where nobody can say.
    outcome: bytes | None = None
    #: How many turns were taken.
    turns: int = 0
    #: Relays realtime frames between its members.
    realtime: bool = False
    #: The lobby it came from.
    lobby: int | None = None
    #: A digest of the key that makes its holder the source of truth, or empty.
    authority: str = ""
    ending: Ending | None = None
    closed: float | None = None

    @property
    def over(self) -> bool:
        return self.ending is not None

    @property
    def full(self) -> bool:
        """Whether nobody else may come: every seat is taken, or rules have dealt them out."""
        return self.roster.full or self.state is not None

    def running(self) -> None:
        """Refuse whatever wants a game that still runs."""
        if self.over:
            raise Refusal(Why.ROOM_OVER)

    def set_up(self, rules: Rules, rng: random.Random) -> "Room":
        """The same room with the rules' first state for the members who sit here.

        A game that is over before it has begun is a failure of its rules.
        """
        options = json.loads(self.options)
        begun = self._ruled(rules, asked(rules.setup, len(self.roster), options, rng))
        if begun.outcome is not None:
            raise Refusal(Why.RULES_FAILED, rule="outcome")
        return begun

    def admit(
        self, player: int, now: float, *, password: str = "", data: bytes = b"null"
    ) -> "Room":
        """Seat a newcomer, unless over, full or the password is wrong."""
        self.running()
        if player in self.roster:
            raise Refusal(Why.ALREADY_HERE)
        if self.full:
            raise Refusal(Why.ROOM_FULL)
        if self.password and not same(password, self.password):
            raise Refusal(Why.WRONG_PASSWORD)
        return replace(self, roster=self.roster.seat(player, now, data=data), touched=now)

    def play(self, player: int, turn: Any, rules: Rules | None, now: float) -> "Room":
        """Take a turn. Without rules a turn changes nothing but the time of the last move."""
        self.running()
        seat = self.roster.of(player).number
        if rules is None or self.state is None:
            return replace(self, turns=self.turns + 1, touched=now)
        if seat not in (self.current or ()):
            raise Refusal(Why.NOT_CURRENT)
        state = json.loads(self.state)
        asked(rules.legal, state, seat, turn)
        state = asked(rules.apply, state, seat, turn)
        played = replace(self, turns=self.turns + 1, touched=now)
        return played._ruled(rules, state)._finished(now)

    def leave(self, player: int, rules: Rules | None, now: float) -> "Room":
        """Give up one's seat by one's own will."""
        self.running()
        return self.reduced(self.roster.leave(player), player, rules, now)

    def kick(self, by: int, player: int, rules: Rules | None, now: float) -> "Room":
        """The host puts a member out."""
        self.running()
        return self.reduced(self.roster.kick(by, player), player, rules, now)

    def drop(self, player: int, rules: Rules | None, now: float) -> "Room":
        """Free the seat of someone who has gone silent or was banned.

        Rules that fail keep nobody in his seat: play ends.
        """
        roster = self.roster.without(player)
        try:
            return self.reduced(roster, player, rules, now)
        except Refusal:
            return replace(self, roster=roster, touched=now).close(Ending.CLOSED, now)

    def reduced(self, roster: Roster, player: int, rules: Rules | None, now: float) -> "Room":
        """This room with fewer members: over when that decides it, or the host it hangs on left."""
        seat = self.roster.of(player).number
        smaller = replace(self, roster=roster, touched=now)
        if not roster.seats:
            return smaller.close(Ending.EMPTY, now)
        if rules is not None and self.state is not None:
            state = asked(rules.left, json.loads(self.state), seat)
            smaller = smaller._ruled(rules, state)._finished(now)
        if not smaller.over and not roster.led:
            return smaller.close(Ending.HOST_LEFT, now)
        return smaller

    def touch(self, now: float) -> "Room":
        """Something happened here."""
        return replace(self, touched=now)

    def lock(self, by: int, password: str) -> "Room":
        """The host sets a password (a digest), or removes it with an empty one."""
        self.running()
        self.roster.only_host(by)
        return replace(self, password=password)

    def away(self, player: int) -> "Room":
        return replace(self, roster=self.roster.away(player))

    def back(self, player: int) -> "Room":
        return replace(self, roster=self.roster.back(player))

    def close(self, ending: Ending, now: float) -> "Room":
        """Play is over; the roster stays readable, nobody's turn comes again."""
        current = None if self.current is None else ()
        return replace(self, ending=ending, closed=now, current=current)

    def view(self, rules: Rules | None, seat: int | None) -> bytes:
        """What a seat, or a spectator (None), may see of the state: JSON."""
        if rules is None or self.state is None:
            return b"null"
        return viewed(rules, self.state, seat)

    def _ruled(self, rules: Rules, state: Any) -> "Room":
        """With the rules' next state. They are asked about it as JSON will give it back."""
        kept = asked(dumped, state)
        if kept == b"null":
            # Kept in a document it would mean that there are no rules.
            raise Refusal(Why.RULES_FAILED, rule="a state of null")
        state = json.loads(kept)
        return replace(
            self, state=kept, current=_current(rules, state), outcome=_outcome(rules, state)
        )

    def _finished(self, now: float) -> "Room":
        return self if self.outcome is None else self.close(Ending.FINISHED, now)


def viewed(rules: Rules, state: bytes, seat: int | None) -> bytes:
    """A kept state as a seat, or a spectator (None), may see it: JSON."""
    return asked_json(rules.view, json.loads(state), seat)


def shown(rules: Rules | None, turn: bytes, by: int, seat: int | None) -> bytes:
    """A kept turn of one seat as another, or a spectator (None), may see it: JSON."""
    return turn if rules is None else asked_json(rules.seen, json.loads(turn), by, seat)


def _current(rules: Rules, state: Any) -> tuple[int, ...]:
    seats = asked(rules.current, state)
    if not isinstance(seats, tuple | list) or not all(map(_is_seat, seats)):
        raise Refusal(Why.RULES_FAILED, rule="current")
    return tuple(seats)


def _is_seat(number: Any) -> bool:
    return type(number) is int and 0 <= number < 1 << 31


def _outcome(rules: Rules, state: Any) -> bytes | None:
    outcome = asked_json(rules.outcome, state)
    return None if outcome == b"null" else outcome
