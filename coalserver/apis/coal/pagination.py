"""Lists: pages of `size` rows, and the opaque cursor of the next. Rows that come meanwhile move no page."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web

from coalserver.apis.coal.params import (
    DateTimeField,
    IntegerField,
    SearchField,
    TextField,
    read_params,
)
from coalserver.core.ports import PageKey
from coalserver.core.state import State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import RequestSchema
from coalserver.web.streaming.subscriptions import CURSOR_HEADER

T = TypeVar("T")
PAGE_SIZE = 10
MAX_PAGE_SIZE = 50


class ListSchema(RequestSchema):
    """Any list."""

    size = IntegerField(1, MAX_PAGE_SIZE, strict=True, load_default=PAGE_SIZE)
    cursor = TextField(load_default="")


class TimeRangeSchema(ListSchema):
    """A list by time: from `since` on, and before `before`."""

    since = DateTimeField()
    before = DateTimeField()


class SearchSchema(TimeRangeSchema):
    """A list in which words may be looked for."""

    q = SearchField()


async def read_time_range(ctx: RequestContext) -> tuple[int, dict[str, Any]]:
    """How many rows of a list that is newest first are asked for, and from when."""
    params = await read_params(ctx, TimeRangeSchema())
    after = decode_page_key(params["cursor"])
    return params["size"], {
        "since": params.get("since"),
        "before": params.get("before"),
        "after": after,
    }


async def read_oldest_first(
    ctx: RequestContext,
    query: Callable[[State], Iterable[T]],
    sort_key: Callable[[T], tuple[float, int]],
) -> tuple[int, list[T]]:
    """How many rows of a list that is oldest first are asked for, and those that come next, one more if there is."""
    params = await read_params(ctx, ListSchema())
    after = decode_cursor(params["cursor"], (int, float), int)
    rows = sorted(ctx.core.query(query), key=sort_key)
    found = [row for row in rows if after is None or [*sort_key(row)] > after]
    return params["size"], found[: params["size"] + 1]


def render_list(
    name: str,
    rows: Sequence[T],
    size: int,
    render: Callable[[T], dict[str, Any]],
    position: Callable[[T], Sequence[Any]],
    feed_cursor: int | None = None,
) -> web.StreamResponse:
    """A page of the rows, of which one more than `size` was asked for; with a cursor if there is one more.

    `heard` is where in the feed who listens goes on.
    """
    payload: dict[str, Any] = {name: [render(row) for row in rows[:size]]}
    if len(rows) > size:
        payload["cursor"] = encode_cursor(position(rows[size - 1]))
    return json_response(
        payload, headers=None if feed_cursor is None else {CURSOR_HEADER: str(feed_cursor)}
    )


def encode_cursor(position: Sequence[Any]) -> str:
    """A place in a list as a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(list(position))).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type | tuple[type, ...]) -> list[Any] | None:
    """The place that a cursor of such a list names; None for no cursor."""
    if not cursor.strip():
        return None
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        position = orjson.loads(raw)
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        raise _invalid_cursor(cursor, "it is not complete") from None
    if not isinstance(position, list) or len(position) != len(kinds):
        raise _invalid_cursor(cursor, "it is another list's")
    for part, kind in zip(position, kinds, strict=True):
        if not isinstance(part, kind) or isinstance(part, bool):
            raise _invalid_cursor(cursor, "it is another list's")
        if isinstance(part, int) and not 0 <= part < 2**63:
            raise _invalid_cursor(cursor, "it is another list's")
    return position


def decode_page_key(cursor: str) -> PageKey | None:
    """The place in a list that is newest first."""
    position = decode_cursor(cursor, (float, int, type(None)), int)
    return None if position is None else PageKey(*position)


def _invalid_cursor(cursor: str, reason: str) -> DomainError:
    message = f"Invalid cursor {cursor[:100]}. Details: {reason}"
    return DomainError(ErrorCode.INVALID_REQUEST, fields={"cursor": [message]}, whole=True)
