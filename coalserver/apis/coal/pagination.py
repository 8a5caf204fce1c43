"""Lists: pages of `size` rows, and the opaque cursor of the next. Rows that come meanwhile move no page."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web

from coalserver.apis.coal.params import Loose, Moment, Number, Words, asked
from coalserver.core.ports import Place
from coalserver.core.state import State
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call
from coalserver.web.responses import document
from coalserver.web.schemas import Form
from coalserver.web.streaming.subscriptions import CURSOR

T = TypeVar("T")
SIZE = 10
MOST = 50


class Listing(Form):
    """Any list."""

    size = Number(1, MOST, strict=True, load_default=SIZE)
    cursor = Words(load_default="")


class Dated(Listing):
    """A list by time: from `since` on, and before `before`."""

    since = Moment()
    before = Moment()


class Searched(Dated):
    """A list in which words may be looked for."""

    q = Loose()


async def asked_by_time(call: Call) -> tuple[int, dict[str, Any]]:
    """How many rows of a list that is newest first are asked for, and from when."""
    said = await asked(call, Dated())
    after = in_history(said["cursor"])
    return said["size"], {"since": said.get("since"), "before": said.get("before"), "after": after}


async def asked_by_age(
    call: Call, query: Callable[[State], Iterable[T]], age: Callable[[T], tuple[float, int]]
) -> tuple[int, list[T]]:
    """How many rows of a list that is oldest first are asked for, and those that come next, one more if there is."""
    said = await asked(call, Listing())
    after = read(said["cursor"], (int, float), int)
    rows = sorted(call.core.see(query), key=age)
    found = [row for row in rows if after is None or [*age(row)] > after]
    return said["size"], found[: said["size"] + 1]


def listed(
    name: str,
    rows: Sequence[T],
    size: int,
    shown: Callable[[T], dict[str, Any]],
    place: Callable[[T], Sequence[Any]],
    heard: int | None = None,
) -> web.StreamResponse:
    """A page of the rows, of which one more than `size` was asked for; with a cursor if there is one more.

    `heard` is where in the feed who listens goes on.
    """
    answer: dict[str, Any] = {name: [shown(row) for row in rows[:size]]}
    if len(rows) > size:
        answer["cursor"] = written(place(rows[size - 1]))
    return document(answer, headers=None if heard is None else {CURSOR: str(heard)})


def written(place: Sequence[Any]) -> str:
    """A place in a list as a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(list(place))).decode().rstrip("=")


def read(cursor: str, *kinds: type | tuple[type, ...]) -> list[Any] | None:
    """The place that a cursor of such a list names; None for no cursor."""
    if not cursor.strip():
        return None
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        place = orjson.loads(raw)
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        raise _invalid(cursor, "it is not complete") from None
    if not isinstance(place, list) or len(place) != len(kinds):
        raise _invalid(cursor, "it is another list's")
    for part, kind in zip(place, kinds, strict=True):
        if not isinstance(part, kind) or isinstance(part, bool):
            raise _invalid(cursor, "it is another list's")
        if isinstance(part, int) and not 0 <= part < 2**63:
            raise _invalid(cursor, "it is another list's")
    return place


def in_history(cursor: str) -> Place | None:
    """The place in a list that is newest first."""
    place = read(cursor, (float, int, type(None)), int)
    return None if place is None else Place(*place)


def _invalid(cursor: str, why: str) -> Refusal:
    said = f"Invalid cursor {cursor[:100]}. Details: {why}"
    return Refusal(Why.MALFORMED, fields={"cursor": [said]}, whole=True)
