"""Rooms: where play happens. Running -> over."""

import json
import random
from dataclasses import dataclass, replace
from typing import Any

from coalserver.domain.game import Rules, asked, dumped
from coalserver.domain.lobby import Ending, same
from coalserver.domain.refusal import Refusal, Why
from coalserver.domain.roster import Roster


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

    def running(self) -> None:
        """Refuse whatever wants a game that still runs."""
        if self.over:
            raise Refusal(Why.ROOM_OVER)

    def set_up(self, rules: Rules, rng: random.Random) -> "Room":
        """The same room with the rules' first state for the members who sit here."""
        options = json.loads(self.options)
        state = asked(rules.setup, len(self.roster), options, rng)
        return self._ruled(rules, state)

    def admit(
        self, player: int, now: float, *, password: str = "", data: bytes = b"null"
    ) -> "Room":
        """Seat a newcomer, unless over, full or the password is wrong."""
        self.running()
        if player in self.roster:
            raise Refusal(Why.ALREADY_HERE)
        if self.roster.full:
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
        """Free the seat of someone who has gone silent or was banned."""
        return self.reduced(self.roster.without(player), player, rules, now)

    def reduced(
        self, roster: Roster, player: int, rules: Rules | None, now: float
    ) -> "Room":
        """This room with fewer members. Empty, or without the host it hangs on, it is over."""
        seat = self.roster.of(player).number
        smaller = replace(self, roster=roster, touched=now)
        if not roster.seats:
            return smaller.close(Ending.EMPTY, now)
        if not roster.led:
            return smaller.close(Ending.HOST_LEFT, now)
        if rules is None or self.state is None:
            return smaller
        state = asked(rules.left, json.loads(self.state), seat)
        return smaller._ruled(rules, state)._finished(now)

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
        return replace(
            self, ending=ending, closed=now, current=None if self.current is None else ()
        )

    def view(self, rules: Rules | None, seat: int | None) -> bytes:
        """What a seat, or a spectator (None), may see of the state: JSON."""
        if rules is None or self.state is None:
            return b"null"
        return viewed(rules, self.state, seat)

    def _ruled(self, rules: Rules, state: Any) -> "Room":
        return replace(
            self,
            state=asked(dumped, state),
            current=tuple(asked(rules.current, state)),
            outcome=_outcome(rules, state),
        )

    def _finished(self, now: float) -> "Room":
        return self if self.outcome is None else self.close(Ending.FINISHED, now)


def viewed(rules: Rules, state: bytes, seat: int | None) -> bytes:
    """A kept state as a seat, or a spectator (None), may see it: JSON."""
    view: bytes = asked(lambda: dumped(rules.view(json.loads(state), seat)))
    return view


def _outcome(rules: Rules, state: Any) -> bytes | None:
    outcome = asked(rules.outcome, state)
    return None if outcome is None else asked(dumped, outcome)
