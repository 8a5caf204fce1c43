"""Shortcuts: short links to worlds, and addresses that lead to the page that is meant."""

from urllib.parse import quote

from aiohttp import web

from coalserver.core.queries.worlds import world_by_short_name
from coalserver.domain.accounts.account import Account
from coalserver.site.access import account_only, only_world, world_path
from coalserver.site.worlds.world import WORLD_PATH
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import optional_login, redirect
from coalserver.web.pages.pages import PAGE_HEADERS

#: Pages that are of the only world where no world is named.
PAGES = ("chats", "players", "sessions", "deaths", "achievements", "screenshots")


@account_only
async def redirect_to_only_world(ctx: RequestContext, account: Account) -> web.StreamResponse:
    """302 to this page of the only world, or to the first page."""
    world = only_world(ctx)
    page = ctx.request.path.strip("/")
    return redirect(f"{world_path(world)}/{quote(page)}" if world else "/")


async def redirect_short_link(ctx: RequestContext) -> web.StreamResponse:
    """301 to the world that is called so; refused if none is."""
    return redirect_permanently(
        world_path(ctx.core.query(world_by_short_name, short_name=ctx.path["short_name"]))
    )


async def redirect_without_slash(ctx: RequestContext) -> web.StreamResponse:
    """301 to the same address without the stroke at its end."""
    path = quote(ctx.request.path.rstrip("/"))
    query = ctx.request.rel_url.raw_query_string
    return redirect_permanently(f"{path}?{query}" if query else path)


def redirect_permanently(location: str) -> web.Response:
    """301; asked again each time, for a short name may be another world's one day."""
    # A path of two strokes would lead to another site.
    headers = {**PAGE_HEADERS, "Location": "/" + location.lstrip("/")}
    return web.Response(status=301, headers=headers)


ROUTES = (
    *(Route("GET", f"/{page}", redirect_to_only_world, auth=optional_login) for page in PAGES),
    *(Route("GET", f"/{page}/", redirect_without_slash) for page in PAGES if page != "sessions"),
    *(Route("GET", f"{WORLD_PATH}/{page}/", redirect_without_slash) for page in PAGES),
    Route("GET", "/{short_name}", redirect_short_link),
)
