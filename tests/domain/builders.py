"""Factories of domain values with defaults, and `raises_code`."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Action
from coalserver.domain.play.game import Game, Rules
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban, Player, Token
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster

#: The current time in these tests.
NOW = 1000.0
#: Refused kicks in a group of host 1 and member 2: by, player and error.
IMPOSSIBLE_KICKS = [
    (2, 1, ErrorCode.NOT_HOST),
    (3, 2, ErrorCode.NOT_MEMBER),
    (1, 1, ErrorCode.CANNOT_KICK_SELF),
    (1, 3, ErrorCode.TARGET_NOT_MEMBER),
]


@contextmanager
def raises_code(code: ErrorCode, /, **details: Any) -> Iterator[None]:
    """Assert that the block raises a DomainError with this code and at least these details."""
    try:
        yield
    except DomainError as error:
        assert error.code is code, f"raised {error.code} instead of {code}"
        for name, detail in details.items():
            assert error.details[name] == detail, f"{name} is {error.details[name]!r}"
    else:
        raise AssertionError(f"did not raise {code}")


def make_roster(
    *members: int, capacity: int = 8, away: tuple[int, ...] = (), **policy: Any
) -> Roster:
    """Return a roster whose members joined a second apart; the first is the host."""
    roster = Roster(capacity, 0)
    for second, player in enumerate(members or (1,)):
        roster = roster.add(player, NOW - 100 + second)
    for player in away:
        roster = roster.mark_away(player)
    return replace(roster, **policy)


def _pop_policy(parts: dict[str, Any]) -> dict[str, Any]:
    """Remove the attributes of rosters from those of a group and return them."""
    names = ("transfer_host", "can_leave", "grace", "host")
    return {name: parts.pop(name) for name in names if name in parts}


def make_lobby(*members: int, capacity: int = 8, away: tuple[int, ...] = (), **parts: Any) -> Lobby:
    """Return an open lobby. `transfer_host`, `can_leave`, `grace` and `host` are set on its roster."""
    roster = make_roster(*members, capacity=capacity, away=away, **_pop_policy(parts))
    return replace(Lobby(7, "c7", "free", "Lobby", roster, NOW - 100), **parts)


def make_room(*members: int, capacity: int = 8, away: tuple[int, ...] = (), **parts: Any) -> Room:
    """Return a running room without rules, with parameters as make_lobby."""
    roster = make_roster(*members, capacity=capacity, away=away, **_pop_policy(parts))
    return replace(Room(9, "c9", "free", "Room", roster, NOW - 100, NOW - 100), **parts)


def make_room_with_rules(rules: Rules, *members: int, **parts: Any) -> Room:
    """Return a running room with rules, set up for the members."""
    room = make_room(*members, capacity=len(members), **parts)
    return room.set_up(rules, random.Random(1))


def failing_rule(*_: Any) -> Any:
    """A rule that always fails."""
    raise ZeroDivisionError


def make_rules(**rules: Any) -> Rules:
    """Return rules for two to four seats that count turns and never end, with functions replaced."""
    counting: dict[str, Any] = {
        "min_players": 2,
        "max_players": 4,
        "setup": lambda seats, options, rng: {"seats": seats, "turns": 0, "left": []},
        "current": lambda state: tuple(range(state["seats"])),
        "legal": lambda state, seat, turn: None,
        "apply": lambda state, seat, turn: {**state, "turns": state["turns"] + 1},
        "view": lambda state, seat: {"turns": state["turns"], "you": seat},
        "outcome": lambda state: None,
        "left": lambda state, seat: {**state, "left": [*state["left"], seat]},
    }
    return Rules(**{**counting, **rules})


def make_game(**parts: Any) -> Game:
    return replace(Game(1, "free", "Free", 1, 8, "api", "private", NOW), **parts)


def make_player(**parts: Any) -> Player:
    return replace(Player(3, "Ann", NOW, NOW), **parts)


def make_token(**parts: Any) -> Token:
    return replace(Token(1, "digest", 3, NOW, 100), **parts)


def make_ban(**parts: Any) -> Ban:
    return replace(Ban(1, "c1", "free", 3, "hour", "", NOW, NOW + 3600), **parts)


def make_account(**parts: Any) -> Account:
    return replace(Account(1, "ann@example.org", "hash", 3, NOW), **parts)


def make_action(**parts: Any) -> Action:
    return replace(Action(1, "c1", 9, 1, 2, "move", b"{}", NOW), **parts)


def make_join_request(**parts: Any) -> JoinRequest:
    return replace(JoinRequest(1, "c1", 7, 5, NOW), **parts)


def make_host_profile(**parts: Any) -> HostProfile:
    return replace(HostProfile(1, "c1"), **parts)
