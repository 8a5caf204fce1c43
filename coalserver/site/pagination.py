"""Pagination: numbered pages of lists in memory, and pages after a position for histories on disk."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from coalserver.core.steps import Steps
from coalserver.web.context import RequestContext

T = TypeVar("T")

#: The parameters of addresses with the number of a page, with a search, and with a position in a history.
PAGE, SEARCH, POSITION = "page", "q", "before"
#: Rows of a page.
PAGE_SIZE = 50
#: The highest page number that is read from an address.
MAX_PAGES = 10**6
#: Characters of a search, and of any text that the address of a list keeps.
MAX_SEARCH_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Pagination:
    """A numbered page of a list, and links to its neighbours, which are empty where there is none."""

    #: The path of the list, below the base path of the site.
    path: str
    page: int
    last: int
    #: The number of all rows.
    total: int
    #: The parameter with the number of the page.
    name: str = PAGE
    #: Parameters that links keep; empty ones are left out.
    filters: Mapping[str, str] = field(default_factory=dict)
    #: The element of the page that links lead to.
    fragment: str = ""

    @property
    def previous(self) -> str:
        return self._link(self.page - 1) if self.page > 1 else ""

    @property
    def next(self) -> str:
        return self._link(self.page + 1) if self.page < self.last else ""

    @property
    def query(self) -> str:
        """The query that leads to this page."""
        return "?" + urlencode({**self._filled_filters(), self.name: self.page})

    @property
    def place(self) -> str:
        """The query with which the links and forms of a row lead back here; empty for the plain first page."""
        number = {self.name: str(self.page)} if self.page > 1 else {}
        return make_query({**self._filled_filters(), **number})

    def beside(self, other: "Pagination") -> "Pagination":
        """Return this page with links that keep the page of another list of the same document."""
        kept = {**self.filters, other.name: str(other.page) if other.page > 1 else ""}
        return replace(self, filters=kept)

    def _filled_filters(self) -> dict[str, str]:
        return {name: value for name, value in self.filters.items() if value}

    def _link(self, number: int) -> str:
        fragment = f"#{self.fragment}" if self.fragment else ""
        return self.path + replace(self, page=number).query + fragment


class PositionPagination(NamedTuple):
    """Links from a page after a position to the first and to the next page, empty where there is none."""

    previous: str
    next: str
    #: As `Pagination.place`.
    place: str
    #: Such pages have no number.
    page: int = 0


def paginate(
    ctx: RequestContext,
    path: str,
    query: Callable[..., tuple[Sequence[T], int]],
    *,
    name: str = PAGE,
    filters: Mapping[str, str] = MappingProxyType({}),
    fragment: str = "",
    page_size: int = PAGE_SIZE,
    **kwargs: Any,
) -> tuple[Sequence[T], Pagination]:
    """Run a query for the page that the parameter `name` of the address names, and return its rows and links.

    The query takes `limit` and `offset` and returns rows and their total. A number beyond the last page stands for
    that one. Links lead to `path` and `fragment`, and keep the filters.
    """
    number = read_page_number(ctx, name)
    while True:
        offset = (number - 1) * page_size
        rows, total = ctx.core.query(query, limit=page_size, offset=offset, **kwargs)
        pages = Pagination(
            ctx.app.base_path + path,
            number,
            _last_page(total, page_size),
            total,
            name,
            filters,
            fragment,
        )
        if number <= pages.last:
            return rows, pages
        number = pages.last


async def paginate_in_steps(
    ctx: RequestContext,
    path: str,
    query: Callable[..., Steps[tuple[Sequence[T], int]]],
    filters: Mapping[str, str] = MappingProxyType({}),
    **kwargs: Any,
) -> tuple[Sequence[T], Pagination]:
    """Do what `paginate` does for a query in steps."""

    async def read(limit: int, offset: int) -> tuple[Sequence[T], int]:
        return await ctx.core.query_in_steps(query, limit=limit, offset=offset, **kwargs)

    return await _paginate_awaited(ctx, path, read, filters)


async def paginate_in_thread(
    ctx: RequestContext, path: str, read: Callable[..., tuple[Sequence[T], int]]
) -> tuple[Sequence[T], Pagination]:
    """Do what `paginate` does for a function that reads from a disk."""

    async def read_aside(limit: int, offset: int) -> tuple[Sequence[T], int]:
        return await asyncio.to_thread(read, limit=limit, offset=offset)

    return await _paginate_awaited(ctx, path, read_aside, {})


async def _paginate_awaited(
    ctx: RequestContext,
    path: str,
    read: Callable[[int, int], Awaitable[tuple[Sequence[T], int]]],
    filters: Mapping[str, str],
) -> tuple[Sequence[T], Pagination]:
    number = read_page_number(ctx)
    while True:
        rows, total = await read(PAGE_SIZE, (number - 1) * PAGE_SIZE)
        last = _last_page(total)
        if number <= last:
            return rows, Pagination(ctx.app.base_path + path, number, last, total, filters=filters)
        # The list may become shorter while it is read.
        number = last


def paginate_rows(
    ctx: RequestContext,
    path: str,
    rows: Sequence[T],
    *,
    name: str = PAGE,
    filters: Mapping[str, str] = MappingProxyType({}),
    fragment: str = "",
) -> tuple[Sequence[T], Pagination]:
    """Return the rows of the page that the address names, and its links, as `paginate` does."""
    last = _last_page(len(rows))
    number = min(read_page_number(ctx, name), last)
    start = (number - 1) * PAGE_SIZE
    pages = Pagination(ctx.app.base_path + path, number, last, len(rows), name, filters, fragment)
    return rows[start : start + PAGE_SIZE], pages


def read_page_number(ctx: RequestContext, name: str = PAGE) -> int:
    """Return the page that a parameter of the address names: 1 for what is no number above it, MAX_PAGES at most."""
    text = ctx.query.get(name, "")
    if not (text.isascii() and text.isdigit()):
        return 1
    # A cut number is above any page; Python refuses to parse thousands of digits.
    digits = text.lstrip("0")[: len(str(MAX_PAGES)) + 1]
    return min(max(int(digits or "0"), 1), MAX_PAGES)


def make_query(params: Mapping[str, str]) -> str:
    """Return the query of an address, empty without parameters."""
    return "?" + urlencode(params) if params else ""


def kept_query(
    ctx: RequestContext,
    *,
    numbers: Sequence[str] = (PAGE,),
    texts: Sequence[str] = (),
    **added: str,
) -> str:
    """Return the query that leads back to the list from which a link or a form was followed; see `kept_params`.

    `added` parameters come last.
    """
    return make_query({**kept_params(ctx, numbers, texts), **added})


def kept_params(
    ctx: RequestContext, numbers: Sequence[str], texts: Sequence[str] = ()
) -> dict[str, str]:
    """Return those parameters of the address that say where in a list it was reached from.

    The addresses of the links and forms of a row repeat them, see `Pagination.place`. They are put behind a path that
    the code names, so that no sender of a form can lead elsewhere.
    """
    params = {name: text[:MAX_SEARCH_LENGTH] for name in texts if (text := ctx.query.get(name, ""))}
    for name in numbers:
        number = read_page_number(ctx, name)
        if number > 1:
            params[name] = str(number)
    return params


def page_with(position: int) -> dict[str, str]:
    """Return the parameters of the address of the page with the row of a position, which counts from 0."""
    page = position // PAGE_SIZE + 1
    return {PAGE: str(page)} if page > 1 else {}


def _last_page(total: int, size: int = PAGE_SIZE) -> int:
    return max(1, -(-total // size))


def paginate_after(
    ctx: RequestContext,
    path: str,
    found: Sequence[T],
    position: Callable[[T], str],
    filters: dict[str, str] | None = None,
    page_size: int = PAGE_SIZE,
) -> tuple[Sequence[T], PositionPagination]:
    """Return the rows of a page, newest first, and its links.

    `found` has one row more than the page if there are older ones. The link to them names the position of the
    last row in `before`.
    """
    path, rows = ctx.app.base_path + path, found[:page_size]
    params = {name: value for name, value in (filters or {}).items() if value}
    older = ""
    if len(found) > page_size:
        older = path + make_query({**params, POSITION: position(rows[-1])})
    first = path + make_query(params)
    place = kept_query(ctx, numbers=(), texts=(*params, POSITION))
    return rows, PositionPagination(first if POSITION in ctx.query else "", older, place)
