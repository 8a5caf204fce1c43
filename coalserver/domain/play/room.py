"""Rooms: where play happens. Running -> over."""

import json
import random
from dataclasses import dataclass, replace
from typing import Any

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Rules, call_rule, call_rule_json, dump_json
from coalserver.domain.play.lobby import CloseReason, constant_time_equals
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
    close_reason: CloseReason | None = None
    closed: float | None = None

    @property
    def ended(self) -> bool:
        return self.close_reason is not None

    @property
    def full(self) -> bool:
        """Whether nobody else may come: every seat is taken, or rules have dealt them out."""
        return self.roster.full or self.state is not None

    def check_running(self) -> None:
        """Refuse whatever wants a game that still runs."""
        if self.ended:
            raise DomainError(ErrorCode.ROOM_ENDED)

    def set_up(self, rules: Rules, rng: random.Random) -> "Room":
        """The same room with the rules' first state for the members who sit here.

        A game that is over before it has begun is a failure of its rules.
        """
        options = json.loads(self.options)
        started = self._with_state(rules, call_rule(rules.setup, len(self.roster), options, rng))
        if started.outcome is not None:
            raise DomainError(ErrorCode.RULES_FAILED, rule="outcome")
        return started

    def add_member(
        self, player: int, now: float, *, password: str = "", data: bytes = b"null"
    ) -> "Room":
        """Seat a newcomer, unless over, full or the password is wrong."""
        self.check_running()
        if player in self.roster:
            raise DomainError(ErrorCode.ALREADY_MEMBER)
        if self.full:
            raise DomainError(ErrorCode.ROOM_FULL)
        if self.password and not constant_time_equals(password, self.password):
            raise DomainError(ErrorCode.WRONG_PASSWORD)
        return replace(self, roster=self.roster.add(player, now, data=data), touched=now)

    def play(self, player: int, turn: Any, rules: Rules | None, now: float) -> "Room":
        """Take a turn. Without rules a turn changes nothing but the time of the last move."""
        self.check_running()
        seat = self.roster.get_seat(player).number
        if rules is None or self.state is None:
            return replace(self, turns=self.turns + 1, touched=now)
        if seat not in (self.current or ()):
            raise DomainError(ErrorCode.NOT_YOUR_TURN)
        state = json.loads(self.state)
        call_rule(rules.legal, state, seat, turn)
        state = call_rule(rules.apply, state, seat, turn)
        played = replace(self, turns=self.turns + 1, touched=now)
        return played._with_state(rules, state)._close_if_finished(now)

    def leave(self, player: int, rules: Rules | None, now: float) -> "Room":
        """Give up one's seat by one's own will."""
        self.check_running()
        return self.without(self.roster.leave(player), player, rules, now)

    def kick(self, by: int, player: int, rules: Rules | None, now: float) -> "Room":
        """The host puts a member out."""
        self.check_running()
        return self.without(self.roster.kick(by, player), player, rules, now)

    def remove_member(self, player: int, rules: Rules | None, now: float) -> "Room":
        """Free the seat of someone who has gone silent or was banned.

        Rules that fail keep nobody in his seat: play ends.
        """
        roster = self.roster.without(player)
        try:
            return self.without(roster, player, rules, now)
        except DomainError:
            return replace(self, roster=roster, touched=now).close(CloseReason.CLOSED, now)

    def without(self, roster: Roster, player: int, rules: Rules | None, now: float) -> "Room":
        """This room with fewer members: over when that decides it, or the host it hangs on left."""
        seat = self.roster.get_seat(player).number
        room = replace(self, roster=roster, touched=now)
        if not roster.seats:
            return room.close(CloseReason.EMPTY, now)
        if rules is not None and self.state is not None:
            state = call_rule(rules.left, json.loads(self.state), seat)
            room = room._with_state(rules, state)._close_if_finished(now)
        if not room.ended and not roster.has_host:
            return room.close(CloseReason.HOST_LEFT, now)
        return room

    def touch(self, now: float) -> "Room":
        """Something happened here."""
        return replace(self, touched=now)

    def set_password(self, by: int, password: str) -> "Room":
        """The host sets a password (a digest), or removes it with an empty one."""
        self.check_running()
        self.roster.check_host(by)
        return replace(self, password=password)

    def mark_away(self, player: int) -> "Room":
        return replace(self, roster=self.roster.mark_away(player))

    def mark_back(self, player: int) -> "Room":
        return replace(self, roster=self.roster.mark_back(player))

    def close(self, reason: CloseReason, now: float) -> "Room":
        """Play is over; the roster stays readable, nobody's turn comes again."""
        current = None if self.current is None else ()
        return replace(self, close_reason=reason, closed=now, current=current)

    def view(self, rules: Rules | None, seat: int | None) -> bytes:
        """What a seat, or a spectator (None), may see of the state: JSON."""
        if rules is None or self.state is None:
            return b"null"
        return state_for_seat(rules, self.state, seat)

    def _with_state(self, rules: Rules, state: Any) -> "Room":
        """With the rules' next state. They are asked about it as JSON will give it back."""
        document = call_rule(dump_json, state)
        if document == b"null":
            # Kept in a document it would mean that there are no rules.
            raise DomainError(ErrorCode.RULES_FAILED, rule="a state of null")
        state = json.loads(document)
        return replace(
            self,
            state=document,
            current=_current_seats(rules, state),
            outcome=_outcome(rules, state),
        )

    def _close_if_finished(self, now: float) -> "Room":
        return self if self.outcome is None else self.close(CloseReason.FINISHED, now)


def state_for_seat(rules: Rules, state: bytes, seat: int | None) -> bytes:
    """A kept state as a seat, or a spectator (None), may see it: JSON."""
    return call_rule_json(rules.view, json.loads(state), seat)


def turn_for_seat(rules: Rules | None, turn: bytes, by: int, seat: int | None) -> bytes:
    """A kept turn of one seat as another, or a spectator (None), may see it: JSON."""
    return turn if rules is None else call_rule_json(rules.seen, json.loads(turn), by, seat)


def _current_seats(rules: Rules, state: Any) -> tuple[int, ...]:
    seats = call_rule(rules.current, state)
    if not isinstance(seats, tuple | list) or not all(map(_is_seat, seats)):
        raise DomainError(ErrorCode.RULES_FAILED, rule="current")
    return tuple(seats)


def _is_seat(number: Any) -> bool:
    return type(number) is int and 0 <= number < 1 << 31


def _outcome(rules: Rules, state: Any) -> bytes | None:
    outcome = call_rule_json(rules.outcome, state)
    return None if outcome == b"null" else outcome
