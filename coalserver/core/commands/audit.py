"""Deed commands: what an admin asks for is done and noted in one unit, or neither."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import COMMAND_LINE, Deed, What
from coalserver.domain.errors import Refusal, Why

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


class Asked(NamedTuple):
    """One of several things that are done together."""

    what: What
    about: str
    act: Callable[..., Any]
    asked: Mapping[str, Any]
    detail: str = ""


def noted_together(unit: Unit, *, by: int, deeds: Sequence[Asked]) -> None:
    """Do several things at once, each a deed of its own; where one is refused, none is done."""
    for one in deeds:
        asked = {"about": one.about, "act": one.act, "detail": one.detail, **one.asked}
        noted(unit, by=by, what=one.what, **asked)


def note_done(unit: Unit, *, by: int, what: What, about: str) -> Deed:
    """Keep what an admin had done that no command does."""
    may_act(unit, by)
    return note(unit, by=by, what=what, about=about)


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
