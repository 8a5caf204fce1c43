"""Rooms, where play happens. Running -> ended."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coalserver.domain.construction import copier, quickly_made, replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Rules, call_rule, call_rule_json, dump_json
from coalserver.domain.play.lobby import CloseReason
from coalserver.domain.play.roster import Roster
from coalserver.domain.text import constant_time_equals


@quickly_made
@dataclass(frozen=True, slots=True)
class Room:
    """A game in progress. Methods return a new Room or raise DomainError.

    `rules` parameters are the rules of the room's game; None for games without rules.
    """

    id: int
    code: str
    game: str
    name: str
    roster: Roster
    opened: float
    #: The latest activity.
    touched: float
    #: Digest of the password; empty: none.
    password: str = ""
    #: Options of the game: a JSON object.
    options: bytes = b"{}"
    #: The state of the rules: JSON; None without rules.
    state: bytes | None = None
    #: The seats whose turn it is; None without rules: every seat may play.
    current: tuple[int, ...] | None = None
    #: The outcome that the rules returned: JSON; None while running and without rules.
    outcome: bytes | None = None
    #: The number of turns taken.
    turns: int = 0
    #: Whether realtime messages are relayed between members.
    realtime: bool = False
    #: Id of the lobby that the room was started from.
    lobby: int | None = None
    #: Digest of the secret of the source of truth for synced state; empty: none.
    authority: str = ""
    close_reason: CloseReason | None = None
    closed: float | None = None

    @property
    def ended(self) -> bool:
        """Whether the room was closed."""
        return self.close_reason is not None

    @property
    def full(self) -> bool:
        """Whether no player can join: all seats are taken, or rules fix the number of seats."""
        return self.roster.full or self.state is not None

    @property
    def open(self) -> bool:
        """Whether the room is running."""
        return self.close_reason is None

    def check_open(self) -> None:
        """Raise ROOM_ENDED if the room was closed."""
        if self.close_reason is not None:
            raise DomainError(ErrorCode.ROOM_ENDED)

    check_not_closed = check_open

    def check_can_chat(self, player: int) -> None:
        """Check that a player may send chat messages, also after the end. Raises NOT_MEMBER."""
        self.roster.get_seat(player)

    def set_up(self, rules: Rules, rng: random.Random) -> "Room":
        """Return the room with the rules' initial state for its members.

        Raises RULES_FAILED if a rule fails or the initial state already has an outcome.
        """
        options = json.loads(self.options)
        started = self._with_state(rules, call_rule(rules.setup, len(self.roster), options, rng))
        if started.outcome is not None:
            raise DomainError(ErrorCode.RULES_FAILED, rule="outcome")
        return started

    def add_member(
        self, player: int, now: float, *, password: str = "", data: bytes = b"null"
    ) -> "Room":
        """Return the room with a player added.

        Raises ROOM_ENDED, ALREADY_MEMBER, ROOM_FULL or WRONG_PASSWORD.
        """
        self.check_open()
        if player in self.roster:
            raise DomainError(ErrorCode.ALREADY_MEMBER)
        if self.full:
            raise DomainError(ErrorCode.ROOM_FULL)
        if self.password and not constant_time_equals(password, self.password):
            raise DomainError(ErrorCode.WRONG_PASSWORD)
        return _with_roster(self, self.roster.add(player, now, data=data), now)

    def play(self, player: int, turn: Any, rules: Rules | None, now: float) -> "Room":
        """Return the room after a member's turn (any JSON); closed if the rules end the game.

        Without rules only `turns` and `touched` change. Raises ROOM_ENDED, NOT_MEMBER,
        NOT_YOUR_TURN, RULES_FAILED or what `rules.legal` raises (TURN_REFUSED).
        """
        self.check_open()
        seat = self.roster.get_seat(player).number
        if rules is None or self.state is None:
            return _with_turns(self, self.turns + 1, now)
        if seat not in (self.current or ()):
            raise DomainError(ErrorCode.NOT_YOUR_TURN)
        state = json.loads(self.state)
        call_rule(rules.legal, state, seat, turn)
        state = call_rule(rules.apply, state, seat, turn)
        played = _with_turns(self, self.turns + 1, now)
        return played._with_state(rules, state)._close_if_finished(now)

    def leave(self, player: int, now: float, rules: Rules | None = None) -> "Room":
        """Return the room without a member who leaves.

        Raises ROOM_ENDED, NOT_MEMBER, CANNOT_LEAVE or RULES_FAILED.
        """
        self.check_open()
        return self.without(self.roster.leave(player), player, now, rules)

    def kick(self, by: int, player: int, now: float, rules: Rules | None = None) -> "Room":
        """Return the room without a member whom the host kicks.

        Raises ROOM_ENDED, RULES_FAILED or what Roster.kick raises.
        """
        self.check_open()
        return self.without(self.roster.kick(by, player), player, now, rules)

    def remove_member(
        self,
        player: int,
        now: float,
        rules: Rules | None = None,
        close_reason: CloseReason = CloseReason.HOST_LEFT,
    ) -> "Room":
        """Return the room without a member who timed out, was kicked by an administrator or banned.

        A room without a host is closed for `close_reason`.

        Closes the room if its rules fail, so that the seat is freed in any case.
        Raises NOT_MEMBER.
        """
        roster = self.roster.without(player)
        try:
            return self.without(roster, player, now, rules, close_reason)
        except DomainError:
            return replace(self, roster=roster, touched=now).close(CloseReason.CLOSED, now)

    time_out_member = remove_member

    def without(
        self,
        roster: Roster,
        player: int,
        now: float,
        rules: Rules | None,
        close_reason: CloseReason = CloseReason.HOST_LEFT,
    ) -> "Room":
        """Return the room with the roster that a player has left.

        Closes a room without members or host and one whose rules return an outcome.
        Raises NOT_MEMBER or RULES_FAILED.
        """
        seat = self.roster.get_seat(player).number
        room = _with_roster(self, roster, now)
        if not roster.seats:
            return room.close(CloseReason.EMPTY, now)
        if rules is not None and self.state is not None:
            state = call_rule(rules.left, json.loads(self.state), seat)
            room = room._with_state(rules, state)._close_if_finished(now)
        if not room.ended and not roster.has_host:
            return room.close(close_reason, now)
        return room

    def touch(self, now: float) -> "Room":
        """Return the room with `touched` set to now."""
        return replace(self, touched=now)

    def set_password(self, by: int, password: str) -> "Room":
        """Return the room with another password, chosen by the host `by`.

        `password` is a digest; empty removes the password.
        Raises ROOM_ENDED, NOT_MEMBER or NOT_HOST.
        """
        self.check_open()
        self.roster.check_host(by)
        return replace(self, password=password)

    def mark_away(self, player: int) -> "Room":
        """Return the room with a member away; see Roster.mark_away."""
        return replace(self, roster=self.roster.mark_away(player))

    def mark_overdue(self, player: int) -> "Room":
        """Return the room with a member away for long; see Roster.mark_overdue."""
        return replace(self, roster=self.roster.mark_overdue(player))

    def mark_back(self, player: int) -> "Room":
        """Return the room with a member present again; see Roster.mark_back."""
        return replace(self, roster=self.roster.mark_back(player))

    def close(self, reason: CloseReason, now: float) -> "Room":
        """Return the room as closed. The roster stays; `current` is empty."""
        current = None if self.current is None else ()
        return replace(self, close_reason=reason, closed=now, current=current)

    def view(self, rules: Rules | None, seat: int | None) -> bytes:
        """Return the state as JSON for a seat or a spectator (None); `null` without rules.

        Raises RULES_FAILED.
        """
        if rules is None or self.state is None:
            return b"null"
        return state_for_seat(rules, self.state, seat)

    def _with_state(self, rules: Rules, state: Any) -> "Room":
        """Return the room with a new state of the rules. Raises RULES_FAILED.

        Rules receive the state as parsed from its JSON, the same as after a restart.
        """
        document = call_rule(dump_json, state)
        if document == b"null":
            # A stored null means that the game has no rules.
            raise DomainError(ErrorCode.RULES_FAILED, rule="null as state")
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
    """Return a stored state as JSON for a seat or a spectator (None). Raises RULES_FAILED."""
    return call_rule_json(rules.view, json.loads(state), seat)


def turn_for_seat(rules: Rules | None, turn: bytes, by: int, seat: int | None) -> bytes:
    """Return the stored turn of the seat `by` as JSON for a seat or a spectator (None).

    Raises RULES_FAILED.
    """
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


_with_roster: Callable[[Room, Roster, float], Room] = copier(Room, "roster", "touched")
_with_turns: Callable[[Room, int, float], Room] = copier(Room, "turns", "touched")
