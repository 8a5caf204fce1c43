"""Pagination: numbered pages of lists in memory, and pages after a position for histories on disk."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from coalserver.core.steps import Steps
from coalserver.web.context import RequestContext

T = TypeVar("T")

#: Rows of a page.
PAGE_SIZE = 50
#: The highest page number that is read from an address.
MAX_PAGES = 10**6


class Pagination(NamedTuple):
    """Links from a page of a list to its neighbours, empty where there is none.

    Numbered pages have `page` and `last`. For all others these are 0, and `previous` leads to the first page.
    """

    previous: str = ""
    next: str = ""
    page: int = 0
    last: int = 0


def paginate(
    ctx: RequestContext, query: Callable[..., tuple[Sequence[T], int]], **kwargs: Any
) -> tuple[Sequence[T], Pagination]:
    """Run a query for the page that the address names, and return its rows and links.

    The query takes `limit` and `offset` and returns rows and their total.
    """
    rows, total = ctx.core.query(query, **_page_params(ctx), **kwargs)
    return rows, _numbered_pages(ctx, total, {})


async def paginate_in_steps(
    ctx: RequestContext,
    query: Callable[..., Steps[tuple[Sequence[T], int]]],
    filters: Mapping[str, str] = MappingProxyType({}),
    **kwargs: Any,
) -> tuple[Sequence[T], Pagination]:
    """Do what `paginate` does for a query in steps. Links keep the non-empty filters."""
    rows, total = await ctx.core.query_in_steps(query, **_page_params(ctx), **kwargs)
    return rows, _numbered_pages(ctx, total, filters)


def _page_params(ctx: RequestContext) -> dict[str, int]:
    return {"limit": PAGE_SIZE, "offset": (_page_number(ctx) - 1) * PAGE_SIZE}


def _numbered_pages(ctx: RequestContext, total: int, filters: Mapping[str, str]) -> Pagination:
    page, last = _page_number(ctx), max(1, -(-total // PAGE_SIZE))

    def link(number: int) -> str:
        params = {name: value for name, value in filters.items() if value}
        return "?" + urlencode({**params, "page": number})

    return Pagination(
        previous=link(min(page - 1, last)) if page > 1 else "",
        next=link(page + 1) if page < last else "",
        page=page,
        last=last,
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


def _page_number(ctx: RequestContext) -> int:
    text = ctx.query.get("page", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    return min(max(number, 1), MAX_PAGES)
