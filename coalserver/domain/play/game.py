"""Games: a namespace with its limits and tokens, and the rules a particular game may bring."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from coalserver.domain.errors import DomainError, ErrorCode


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

    def update_data(self, data: bytes, expected_version: int | None, now: float) -> "Game":
        """Replace the shared data, unless it is not what the caller last saw."""
        if expected_version is not None and expected_version != self.data_version:
            raise DomainError(ErrorCode.VERSION_CONFLICT, version=self.data_version)
        version = self.data_version + 1
        return replace(self, data=data, data_version=version, data_updated=now)


@dataclass(frozen=True, slots=True)
class StorageItem:
    """One value that a game keeps for one of its players, under a key."""

    id: int
    game: str
    player: int
    storage_key: str
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
        wrong_type = type(value) is not self.kind and not (
            self.kind is float and type(value) is int
        )
        if wrong_type or (self.choices and value not in self.choices):
            raise DomainError(ErrorCode.OPTIONS_REFUSED, option=self.name)
        if (self.low is not None and value < self.low) or (
            self.high is not None and value > self.high
        ):
            raise DomainError(ErrorCode.OPTIONS_REFUSED, option=self.name)


def _show_whole_turn(turn: Any, by: int, seat: int | None) -> Any:
    return turn


def _keep_state(state: Any, seat: int) -> Any:
    return state


def _accept_any(key: str, value: Any) -> None:
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
    left: Callable[[Any, int], Any] = _keep_state
    seen: Callable[[Any, int, int | None], Any] = _show_whole_turn
    datum: Callable[[str, Any], None] = _accept_any
    options: tuple[Option, ...] = ()

    def check_options(self, options: bytes) -> None:
        """Refuse what is no JSON object, or gives an option of this game a value it cannot have."""
        values = json.loads(options)
        if not isinstance(values, dict):
            raise DomainError(ErrorCode.OPTIONS_REFUSED, option="")
        for option in self.options:
            if option.name in values:
                option.check(values[option.name])


def refuse(code: str, /, **details: Any) -> NoReturn:
    """Raise TURN_REFUSED with the rules' own code and details. For `Rules.legal`.

    `code` is part of the error that clients receive: the rooms API sends `<tag>.<code>`.
    """
    raise DomainError(ErrorCode.TURN_REFUSED, **{**details, "code": code})


def dump_json(value: Any) -> bytes:
    """JSON as bytes; a value that is not JSON raises ValueError or TypeError."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def call_rule(rule: Callable[..., Any], *args: Any) -> Any:
    """What a rule answers. A rule that raises anything but a Refusal becomes one."""
    try:
        return rule(*args)
    except DomainError:
        raise
    except Exception as error:
        raise DomainError(ErrorCode.RULES_FAILED, rule=getattr(rule, "__name__", "?")) from error


def call_rule_json(rule: Callable[..., Any], *args: Any) -> bytes:
    """What a rule answers, as JSON. An answer that is not JSON is a failure of the rule."""
    result = call_rule(rule, *args)
    try:
        return dump_json(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise DomainError(ErrorCode.RULES_FAILED, rule=getattr(rule, "__name__", "?")) from error
