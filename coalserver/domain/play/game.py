"""Games: a namespace with its limits and tokens, and the rules a particular game may bring."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from coalserver.domain.errors import Refusal, Why


@dataclass(frozen=True, slots=True)
class Game:
    """A namespace in which players meet. Tokens are kept as SHA-256 digests."""

    id: int
    tag: str
    name: str
    min_players: int
    max_players: int
    api_token: str
    private_token: str
    created: float
    #: Players of every dialect may play here; otherwise only those registered with the game.
    open: bool = True
    #: Shown in lists of games.
    listed: bool = True
    #: Shared data of the game: a JSON object, as bytes.
    data: bytes = b"{}"
    data_version: int = 0
    data_updated: float | None = None

    def keep(self, data: bytes, expected: int | None, now: float) -> "Game":
        """Replace the shared data, unless it is not what the caller last saw."""
        if expected is not None and expected != self.data_version:
            raise Refusal(Why.DATA_CHANGED, version=self.data_version)
        version = self.data_version + 1
        return replace(self, data=data, data_version=version, data_updated=now)


@dataclass(frozen=True, slots=True)
class Datum:
    """One value that a game keeps for one of its players, under a key."""

    id: int
    game: str
    player: int
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Option:
    """One option a game understands. Options it does not name are kept as they are."""

    name: str
    kind: type
    default: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()

    def check(self, value: Any) -> None:
        """Refuse a value this option cannot have."""
        wrong = type(value) is not self.kind and not (self.kind is float and type(value) is int)
        if wrong or (self.choices and value not in self.choices):
            raise Refusal(Why.OPTIONS_REFUSED, option=self.name)
        if (self.low is not None and value < self.low) or (
            self.high is not None and value > self.high
        ):
            raise Refusal(Why.OPTIONS_REFUSED, option=self.name)


def _everything(turn: Any, by: int, seat: int | None) -> Any:
    return turn


def _unchanged(state: Any, seat: int) -> Any:
    return state


def _anything(key: str, value: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one game: pure functions over a state that is JSON.

    `setup(seats, options, rng)` makes the first state for that many seats; the host has seat 0.
    `current(state)` names the seats that may play now. `legal(state, seat, turn)` refuses what is
    not allowed, with `Refusal(Why.TURN_REFUSED, code="…")`; `apply(state, seat, turn)` gives the
    next state. `view(state, seat)` is what that seat may see, or a spectator (None).
    `outcome(state)` is JSON when the game is over, None while it runs. `left(state, seat)` is the
    state after a seat was given up for good. `seen(turn, by, seat)` is what a seat, or a spectator
    (None), may see of another's turn. `datum(key, value)` refuses what a player may not keep, with
    `Refusal(Why.DATUM_REFUSED)`.
    """

    min_players: int
    max_players: int
    setup: Callable[[int, Mapping[str, Any], random.Random], Any]
    current: Callable[[Any], tuple[int, ...]]
    legal: Callable[[Any, int, Any], None]
    apply: Callable[[Any, int, Any], Any]
    view: Callable[[Any, int | None], Any]
    outcome: Callable[[Any], Any]
    left: Callable[[Any, int], Any] = _unchanged
    seen: Callable[[Any, int, int | None], Any] = _everything
    datum: Callable[[str, Any], None] = _anything
    options: tuple[Option, ...] = ()

    def check_options(self, options: bytes) -> None:
        """Refuse what is no JSON object, or gives an option of this game a value it cannot have."""
        given = json.loads(options)
        if not isinstance(given, dict):
            raise Refusal(Why.OPTIONS_REFUSED, option="")
        for option in self.options:
            if option.name in given:
                option.check(given[option.name])


def dumped(value: Any) -> bytes:
    """JSON as bytes; a value that is not JSON raises ValueError or TypeError."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def asked(rule: Callable[..., Any], *facts: Any) -> Any:
    """What a rule answers. A rule that raises anything but a Refusal becomes one."""
    try:
        return rule(*facts)
    except Refusal:
        raise
    except Exception as fault:
        raise Refusal(Why.RULES_FAILED, rule=getattr(rule, "__name__", "?")) from fault


def asked_json(rule: Callable[..., Any], *facts: Any) -> bytes:
    """What a rule answers, as JSON. An answer that is not JSON is a failure of the rule."""
    answer = asked(rule, *facts)
    try:
        return dumped(answer)
    except (TypeError, ValueError, RecursionError) as fault:
        raise Refusal(Why.RULES_FAILED, rule=getattr(rule, "__name__", "?")) from fault
