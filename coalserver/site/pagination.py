"""Pagination: numbered pages of lists in memory, and pages after a position for histories on disk."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from coalserver.core.steps import Steps
from coalserver.web.context import RequestContext

T = TypeVar("T")

#: The parameter of addresses with the number of a page.
PAGE = "page"
#: Rows of a page.
PAGE_SIZE = 50
#: The highest page number that is read from an address.
MAX_PAGES = 10**6


class Pagination(NamedTuple):
    """Links from a page of a list to its neighbours, empty where there is none.

    Numbered pages have `page`, `last`, the number of all rows, and `query`, which leads to the page itself. For all
    others the numbers are 0, and `previous` leads to the first page.
    """

    previous: str = ""
    next: str = ""
    page: int = 0
    last: int = 0
    total: int = 0
    query: str = ""


def paginate(
    ctx: RequestContext,
    query: Callable[..., tuple[Sequence[T], int]],
    *,
    name: str = PAGE,
    filters: Mapping[str, str] = MappingProxyType({}),
    fragment: str = "",
    page_size: int = PAGE_SIZE,
    **kwargs: Any,
) -> tuple[Sequence[T], Pagination]:
    """Run a query for the page that the parameter `name` of the address names, and return its rows and links.

    The query takes `limit` and `offset` and returns rows and their total. Links keep the non-empty filters and lead
    to `fragment`.
    """
    rows, total = ctx.core.query(query, **_page_params(ctx, name, page_size), **kwargs)
    return rows, _numbered_pages(ctx, total, filters, name, fragment, page_size)


async def paginate_in_steps(
    ctx: RequestContext,
    query: Callable[..., Steps[tuple[Sequence[T], int]]],
    filters: Mapping[str, str] = MappingProxyType({}),
    **kwargs: Any,
) -> tuple[Sequence[T], Pagination]:
    """Do what `paginate` does for a query in steps. Links keep the non-empty filters."""
    rows, total = await ctx.core.query_in_steps(query, **_page_params(ctx), **kwargs)
    return rows, _numbered_pages(ctx, total, filters)


def paginate_rows(
    ctx: RequestContext,
    rows: Sequence[T],
    filters: Mapping[str, str] = MappingProxyType({}),
    fragment: str = "",
) -> tuple[Sequence[T], Pagination]:
    """Return the rows of the page that the address names, and its links, as `paginate` does."""
    params = _page_params(ctx)
    start = params["offset"]
    page = rows[start : start + params["limit"]]
    return page, _numbered_pages(ctx, len(rows), filters, PAGE, fragment)


async def paginate_in_thread(
    ctx: RequestContext, read: Callable[..., tuple[Sequence[T], int]]
) -> tuple[Sequence[T], Pagination]:
    """Do what `paginate` does for a function that reads from a disk."""
    rows, total = await asyncio.to_thread(partial(read, **_page_params(ctx)))
    return rows, _numbered_pages(ctx, total, {})


def page_filter(ctx: RequestContext, name: str) -> dict[str, str]:
    """Return the filter that keeps the page of one list in the links of another list of the same document."""
    number = _page_number(ctx, name)
    return {name: str(number)} if number > 1 else {}


def _page_params(ctx: RequestContext, name: str = PAGE, size: int = PAGE_SIZE) -> dict[str, int]:
    return {"limit": size, "offset": (_page_number(ctx, name) - 1) * size}


def _numbered_pages(
    ctx: RequestContext,
    total: int,
    filters: Mapping[str, str],
    name: str = PAGE,
    fragment: str = "",
    page_size: int = PAGE_SIZE,
) -> Pagination:
    page, last = _page_number(ctx, name), max(1, -(-total // page_size))

    end = f"#{fragment}" if fragment else ""

    def link(number: int) -> str:
        params = {key: value for key, value in filters.items() if value}
        return "?" + urlencode({**params, name: number})

    return Pagination(
        previous=link(min(page - 1, last)) + end if page > 1 else "",
        next=link(page + 1) + end if page < last else "",
        page=page,
        last=last,
        total=total,
        query=link(page),
    )


def paginate_after(
    ctx: RequestContext,
    path: str,
    found: Sequence[T],
    position: Callable[[T], str],
    filters: dict[str, str] | None = None,
    page_size: int = PAGE_SIZE,
) -> tuple[Sequence[T], Pagination]:
    """Return the rows of a page, newest first, and its links.

    `found` has one row more than the page if there are older ones. The link to them names the position of the
    last row in `before`.
    """
    path, rows = ctx.app.base_path + path, found[:page_size]
    params = {name: value for name, value in (filters or {}).items() if value}
    first = f"{path}?{urlencode(params)}" if params else path
    older = ""
    if len(found) > page_size:
        older = f"{path}?{urlencode({**params, 'before': position(rows[-1])})}"
    return rows, Pagination(previous=first if "before" in ctx.query else "", next=older)


def _page_number(ctx: RequestContext, name: str) -> int:
    text = ctx.query.get(name, "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    return min(max(number, 1), MAX_PAGES)
