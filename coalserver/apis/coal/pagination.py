"""Lists: pages of `size` rows with an opaque cursor for the next. New rows do not shift pages."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import orjson
from aiohttp import web
from marshmallow import ValidationError

from coalserver.apis.coal.params import (
    DateTimeField,
    IntegerField,
    SearchField,
    TextField,
    read_params,
)
from coalserver.apis.coal.render import JsonObject
from coalserver.core.ports import PageKey
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import RequestSchema
from coalserver.web.streaming.subscriptions import CURSOR_HEADER

PAGE_SIZE = 10
MAX_PAGE_SIZE = 50


class Created(Protocol):
    """An entity that lists sort by age."""

    @property
    def id(self) -> int: ...

    @property
    def created(self) -> float: ...


T = TypeVar("T")
C = TypeVar("C", bound=Created)
Q = TypeVar("Q")


class ListSchema(RequestSchema):
    """Parameters of every list. `cursor` is loaded as `after`, unless it is blank."""

    #: The types of the values that a cursor of this list encodes.
    kinds: tuple[type | tuple[type, ...], ...] = ()

    size = IntegerField(1, MAX_PAGE_SIZE, strict=True, load_default=PAGE_SIZE)
    cursor = TextField(load_default="")

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters. An invalid cursor is reported if the others are valid."""
        cursor = loaded.pop("cursor")
        if cursor.strip():
            loaded["after"] = self.position(decode_cursor(cursor, self.kinds))
        return loaded

    def position(self, values: list[Any]) -> Any:
        """Return the values of a cursor as the list's query takes them."""
        return values


class OldestFirstSchema(ListSchema):
    """Parameters of a list of live entities, oldest first."""

    kinds = ((int, float), int)


class TimeRangeSchema(ListSchema):
    """Parameters of a list that is newest first; `since` is inclusive, `before` exclusive."""

    #: The time is null for a line without a date.
    kinds = ((float, int, type(None)), int)

    since = DateTimeField()
    before = DateTimeField()

    def position(self, values: list[Any]) -> PageKey:
        return PageKey(*values)


class SearchSchema(TimeRangeSchema):
    """Parameters of a list with full-text search."""

    words = SearchField(data_key="q")


OLDEST_FIRST, TIME_RANGE = OldestFirstSchema(), TimeRangeSchema()


async def read_filters(
    ctx: RequestContext, schema: RequestSchema = TIME_RANGE
) -> tuple[int, dict[str, Any]]:
    """Return the page size and the other parameters of a list, named as its query names them."""
    params = await read_params(ctx, schema)
    return params.pop("size"), params


async def oldest_first_page(
    ctx: RequestContext,
    name: str,
    query: Callable[..., Sequence[C]],
    render: Callable[[RequestContext, C], JsonObject],
) -> JsonObject:
    """Return a page of live entities, oldest first, as its payload.

    The query takes `after`, the creation time and the id of the last row of the page before, and `limit`.
    """
    params = await read_params(ctx, OLDEST_FIRST)
    size, after = params["size"], params.get("after")
    rows = ctx.core.query(query, after=tuple(after) if after else None, limit=size + 1)
    return render_page(name, rows, size, lambda row: render(ctx, row), _creation_order)


async def newest_first_page(
    ctx: RequestContext,
    name: str,
    size: int,
    read: Callable[[Q, int], Awaitable[Sequence[T]]],
    query: Q,
    render: Callable[[RequestContext, T], JsonObject],
    position: Callable[[T], Sequence[Any]],
) -> web.StreamResponse:
    """Return a page of stored rows, newest first."""
    # Taken before the rows are read, so that a client which subscribes from it misses nothing.
    feed_cursor = ctx.core.feed.head
    rows = await read(query, size + 1)
    payload = render_page(name, rows, size, lambda row: render(ctx, row), position)
    return json_response(payload, headers={CURSOR_HEADER: str(feed_cursor)})


def render_page(
    name: str,
    rows: Sequence[T],
    size: int,
    render: Callable[[T], JsonObject],
    position: Callable[[T], Sequence[Any]],
) -> JsonObject:
    """Return the first `size` rows as a payload, with a cursor if there are more rows."""
    payload: JsonObject = {name: [render(row) for row in rows[:size]]}
    if len(rows) > size:
        payload["cursor"] = encode_cursor(position(rows[size - 1]))
    return payload


def encode_cursor(position: Sequence[Any]) -> str:
    """Return a position in a list as a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(list(position))).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type | tuple[type, ...]]) -> list[Any]:
    """Return the values of a cursor, one of each kind. Raises ValidationError."""
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


def _invalid_cursor(cursor: str, reason: str) -> ValidationError:
    return ValidationError({"cursor": [f"Invalid cursor {cursor[:100]}. Details: {reason}"]})


def _creation_order(row: Created) -> tuple[float, int]:
    return row.created, row.id
