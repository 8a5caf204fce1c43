"""Sample games: one with hidden hands, and one whose rules fail on request."""

import random
from collections.abc import Mapping
from typing import Any

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Rules

State = dict[str, Any]


def deal(seats: int, options: Mapping[str, Any], rng: random.Random) -> State:
    """Deal three cards per seat: 1, 2, 3 to seat 0, 4, 5, 6 to seat 1, and so on."""
    hands = [[3 * seat + n for n in (1, 2, 3)] for seat in range(seats)]
    return {"hands": hands, "turn": 0, "table": 0, "gone": []}


def current_seats(state: State) -> tuple[int, ...]:
    return (state["turn"],)


def check_legal(state: State, seat: int, turn: Any) -> None:
    if turn.get("card") not in state["hands"][seat]:
        raise DomainError(ErrorCode.TURN_REFUSED, code="not_your_card")


def lay_card(state: State, seat: int, turn: Any) -> State:
    """Lay a card face down, visible to its player only."""
    hands = [list(hand) for hand in state["hands"]]
    hands[seat].remove(turn["card"])
    following = (seat + 1) % len(hands)
    return {**state, "hands": hands, "turn": following, "table": state["table"] + 1}


def state_for_seat(state: State, seat: int | None) -> dict[str, Any]:
    return {
        "hand": None if seat is None else state["hands"][seat],
        "sizes": [len(hand) for hand in state["hands"]],
        "table": state["table"],
    }


def turn_for_seat(turn: Any, by: int, seat: int | None) -> Any:
    return turn if seat == by else {"card": None}


def find_outcome(state: State) -> Any:
    return None if any(state["hands"]) else {"winner": None}


def record_left(state: State, seat: int) -> State:
    return {**state, "gone": [*state["gone"], seat]}


CARDS = Rules(
    min_players=2,
    max_players=4,
    setup=deal,
    current=current_seats,
    legal=check_legal,
    apply=lay_card,
    view=state_for_seat,
    outcome=find_outcome,
    left=record_left,
    seen=turn_for_seat,
)


class Faulty:
    """Rules that raise in the function named by the option `fails`, or by the turn's `fails`."""

    @staticmethod
    def setup(seats: int, options: Mapping[str, Any], rng: random.Random) -> State:
        return _fail_if("setup", {"fails": options.get("fails"), "turns": 0})

    @staticmethod
    def current(state: State) -> tuple[int, ...]:
        _fail_if("current", state)
        return (2**70,) if state.get("fails") == "seat" else (0, 1)

    @staticmethod
    def legal(state: State, seat: int, turn: Any) -> None:
        if turn.get("fails") == "legal":
            raise KeyError("legal")

    @staticmethod
    def apply(state: State, seat: int, turn: Any) -> Any:
        if turn.get("fails") == "apply":
            raise ZeroDivisionError
        if turn.get("fails") == "json":
            return {"state": {1, 2, 3}}
        return {"fails": turn.get("fails"), "turns": state["turns"] + 1}

    @staticmethod
    def view(state: State, seat: int | None) -> Any:
        return _fail_if("view", {"fails": state["fails"], "turns": state["turns"]})

    @staticmethod
    def outcome(state: State) -> None:
        _fail_if("outcome", state)

    @staticmethod
    def left(state: State, seat: int) -> State:
        return _fail_if("left", state)

    @staticmethod
    def seen(turn: Any, by: int, seat: int | None) -> Any:
        return _fail_if("seen", turn)


def _fail_if(name: str, state: Any) -> Any:
    if state.get("fails") == name:
        raise RuntimeError(name)
    return state


FAULTY = Rules(
    min_players=2,
    max_players=2,
    setup=Faulty.setup,
    current=Faulty.current,
    legal=Faulty.legal,
    apply=Faulty.apply,
    view=Faulty.view,
    outcome=Faulty.outcome,
    left=Faulty.left,
    seen=Faulty.seen,
)
