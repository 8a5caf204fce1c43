"""Deed commands: what an admin asks for is done and noted in one unit, or neither."""

from collections.abc import Callable
from typing import Any, TypeVar

from coalserver.core.unit import Unit
from coalserver.domain.account import Account
from coalserver.domain.deed import COMMAND_LINE, Deed, What
from coalserver.domain.refusal import Refusal, Why

T = TypeVar("T")
#: Of what a deed was about, and of what it has changed.
LONGEST = 300


def noted(
    unit: Unit,
    *,
    by: int,
    what: What,
    about: str,
    act: Callable[..., T],
    detail: str = "",
    **asked: Any,
) -> T:
    """Do what an admin or the command line asks for, and keep that they did."""
    may_act(unit, by)
    answer = act(unit, **asked)
    note(unit, by=by, what=what, about=about, detail=detail)
    return answer


def note(unit: Unit, *, by: int, what: What, about: str, detail: str = "") -> Deed:
    """Keep that this was done."""
    doer = unit.get(Account, by)
    name = doer.shown if doer is not None else ""
    id = unit.new_id(Deed)
    return unit.put(Deed(id, unit.now, by, name, what, about[:LONGEST], detail[:LONGEST]))


def may_act(unit: Unit, by: int) -> None:
    """Refuse who is no admin, or is none any more."""
    if by == COMMAND_LINE:
        return
    doer = unit.get(Account, by)
    if doer is None or not (doer.admin and doer.active):
        raise Refusal(Why.NOT_ADMIN)
