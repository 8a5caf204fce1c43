"""Games with their tokens and limits, and the rules that a package may define for a game."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from coalserver.domain.errors import DomainError, ErrorCode


@dataclass(frozen=True, slots=True)
class Game:
    """A namespace of lobbies, rooms and players. Tokens are stored as SHA-256 digests."""

    id: int
    tag: str
    name: str
    min_players: int
    max_players: int
    api_token: str
    private_token: str
    created: float
    #: Whether players who are bound to no game may play.
    open: bool = True
    #: Whether lists of games show it.
    listed: bool = True
    #: Data shared by all players of the game: a JSON object.
    data: bytes = b"{}"
    data_version: int = 0
    data_updated: float | None = None
    #: Whether the multiplayer API answers with numbers, booleans and ISO times only.
    typed: bool = False

    def update_data(self, data: bytes, expected_version: int | None, now: float) -> "Game":
        """Return the game with other shared data (a JSON object).

        Raises VERSION_CONFLICT unless `expected_version` is None or the current version.
        """
        if expected_version is not None and expected_version != self.data_version:
            raise DomainError(ErrorCode.VERSION_CONFLICT, version=self.data_version)
        version = self.data_version + 1
        return replace(self, data=data, data_version=version, data_updated=now)


@dataclass(frozen=True, slots=True)
class StorageItem:
    """A value that a game stores for one player under a key."""

    id: int
    game: str
    player: int
    storage_key: str
    #: Any JSON.
    value: bytes


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a game that is validated. Other options are stored unchecked."""

    name: str
    #: `bool`, `int`, `float` (which admits integers) or `str`.
    kind: type
    default: Any = None
    #: Inclusive bounds of a number.
    low: float | None = None
    high: float | None = None
    #: The allowed values; empty: all.
    choices: tuple[Any, ...] = ()

    def check(self, value: Any) -> None:
        """Raise OPTIONS_REFUSED unless the option can have the value."""
        wrong_type = type(value) is not self.kind and not (
            self.kind is float and type(value) is int
        )
        if wrong_type or (self.choices and value not in self.choices):
            raise DomainError(ErrorCode.OPTIONS_REFUSED, option=self.name)
        if (self.low is not None and value < self.low) or (
            self.high is not None and value > self.high
        ):
            raise DomainError(ErrorCode.OPTIONS_REFUSED, option=self.name)


def _whole_turn(turn: Any, by: int, seat: int | None) -> Any:
    return turn


def _same_state(state: Any, seat: int) -> Any:
    return state


def _accept_item(key: str, value: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one game: pure functions of a state, which is any JSON except null.

    * `setup(seats, options, rng)` returns the initial state. Seats count from 0, the host's.
    * `current(state)` returns the tuple of seats that may play now.
    * `legal(state, seat, turn)` calls `refuse("code")` for a turn that is not allowed. `turn` is
      any JSON that a client sent.
    * `apply(state, seat, turn)` returns the state after a legal turn.
    * `view(state, seat)` returns the part of the state that a seat or a spectator (None) may see.
    * `outcome(state)` returns any JSON when the game is over, None before.
    * `left(state, seat)` returns the state after the member on a seat left for good.
      Default: the same state.
    * `seen(turn, by, seat)` returns the part of a turn of the seat `by` that a seat or a spectator
      (None) may see. Default: the whole turn.
    * `datum(key, value)` raises `DomainError(ErrorCode.STORAGE_ITEM_REFUSED)` for a storage item
      that a player may not save. Default: all are accepted.

    Any other exception and any return value that is not JSON becomes RULES_FAILED.
    """

    min_players: int
    max_players: int
    setup: Callable[[int, Mapping[str, Any], random.Random], Any]
    current: Callable[[Any], tuple[int, ...]]
    legal: Callable[[Any, int, Any], None]
    apply: Callable[[Any, int, Any], Any]
    view: Callable[[Any, int | None], Any]
    outcome: Callable[[Any], Any]
    left: Callable[[Any, int], Any] = _same_state
    seen: Callable[[Any, int, int | None], Any] = _whole_turn
    datum: Callable[[str, Any], None] = _accept_item
    options: tuple[Option, ...] = ()

    def check_options(self, options: bytes) -> None:
        """Raise OPTIONS_REFUSED unless the JSON is an object with allowed values."""
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
    """Return the value as compact JSON. Raises ValueError or TypeError if it is not JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def call_rule(rule: Callable[..., Any], *args: Any) -> Any:
    """Return the result of a rule. Raises its DomainError, or RULES_FAILED for other exceptions."""
    try:
        return rule(*args)
    except DomainError:
        raise
    except Exception as error:
        raise DomainError(ErrorCode.RULES_FAILED, rule=getattr(rule, "__name__", "?")) from error


def call_rule_json(rule: Callable[..., Any], *args: Any) -> bytes:
    """Return the result of a rule as JSON.

    Raises the rule's DomainError, or RULES_FAILED for other exceptions and results that are not JSON.
    """
    result = call_rule(rule, *args)
    try:
        return dump_json(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise DomainError(ErrorCode.RULES_FAILED, rule=getattr(rule, "__name__", "?")) from error
