"""Noughts and crosses, the example of rules. A turn is `{"cell": 0..8}`.

State: `{"grid": nine characters, "turn": seat, "left": seat or null}`. In the grid, `.` is an empty cell, `0` and `1`
are the marks of seats 0 and 1. `left` is the seat whose member left the room.
"""

import random
from collections.abc import Mapping
from typing import Any

from coalserver.game import Option, Rules, refuse

LINES = (
    (0, 1, 2), (3, 4, 5), (6, 7, 8),
    (0, 3, 6), (1, 4, 7), (2, 5, 8),
    (0, 4, 8), (2, 4, 6),
)  # fmt: skip

State = dict[str, Any]


def setup(seats: int, options: Mapping[str, Any], rng: random.Random) -> State:
    """Return the empty grid. Seat 0 begins, or a random seat with `first` = "random"."""
    first = rng.randrange(seats) if options.get("first") == "random" else 0
    return {"grid": "." * 9, "turn": first, "left": None}


def current(state: State) -> tuple[int, ...]:
    """Return the seat whose turn it is; empty when the game is over."""
    return () if outcome(state) is not None else (state["turn"],)


def legal(state: State, seat: int, turn: Any) -> None:
    """Refuse a turn that does not name an empty cell: `not_a_cell`, `cell_not_empty`."""
    cell = turn.get("cell") if isinstance(turn, dict) else None
    if type(cell) is not int or not 0 <= cell <= 8:
        refuse("not_a_cell")
    if state["grid"][cell] != ".":
        refuse("cell_not_empty")


def apply(state: State, seat: int, turn: Any) -> State:
    """Return the state with the seat's mark in the cell and the other seat's turn."""
    cell, grid = turn["cell"], state["grid"]
    return {**state, "grid": grid[:cell] + str(seat) + grid[cell + 1 :], "turn": 1 - seat}


def view(state: State, seat: int | None) -> dict[str, str]:
    """Return the grid, which is visible to all."""
    return {"grid": state["grid"]}


def outcome(state: State) -> dict[str, int | None] | None:
    """Return `{"winner": seat}`, null for a draw; None before. Leaving loses the game."""
    grid = state["grid"]
    if state["left"] is not None:
        return {"winner": 1 - state["left"]}
    for a, b, c in LINES:
        if grid[a] != "." and grid[a] == grid[b] == grid[c]:
            return {"winner": int(grid[a])}
    return None if "." in grid else {"winner": None}


def left(state: State, seat: int) -> State:
    """Return the state with the seat marked as left, which ends the game."""
    return {**state, "left": seat}


def seen(turn: Any, by: int, seat: int | None) -> dict[str, int]:
    """Return the cell only; other members of the turn are not published."""
    return {"cell": turn["cell"]}


RULES = Rules(
    min_players=2,
    max_players=2,
    setup=setup,
    current=current,
    legal=legal,
    apply=apply,
    view=view,
    outcome=outcome,
    left=left,
    seen=seen,
    options=(Option("first", str, "host", choices=("host", "random")),),
)
