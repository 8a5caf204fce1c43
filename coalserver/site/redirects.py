"""Redirects: short links to worlds, pages of the only world, and paths with a slash at their end."""

from urllib.parse import quote

from aiohttp import web

from coalserver.core.queries.worlds import world_by_short_name
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError
from coalserver.site.access import member_page, only_world, world_path
from coalserver.site.errors import wants_json
from coalserver.site.worlds.world import WORLD_PATH
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import optional_login, redirect
from coalserver.web.pages.pages import PAGE_HEADERS
from coalserver.web.responses import json_response

#: Pages of a world that can be opened without naming it while there is only one.
PAGES = ("chats", "players", "sessions", "deaths", "achievements", "screenshots")


@member_page
async def redirect_to_only_world(ctx: RequestContext, account: Account) -> web.StreamResponse:
    """Redirect to this page of the only world, or to the home page."""
    world = only_world(ctx)
    page = ctx.request.path.strip("/")
    return redirect(f"{world_path(world)}/{quote(page)}" if world else "/")


async def redirect_short_link(ctx: RequestContext) -> web.StreamResponse:
    """Redirect to the world with this short name. Raises WORLD_NOT_FOUND for a person.

    For a script, an unknown name is a path like any other that does not exist.
    """
    try:
        world = ctx.core.query(world_by_short_name, short_name=ctx.path["short_name"])
    except DomainError:
        if not wants_json(ctx):
            raise
        return json_response({"error": "not_found"}, 404, {"Cache-Control": "no-store"})
    return redirect_permanently(world_path(world))


async def redirect_without_slash(ctx: RequestContext) -> web.StreamResponse:
    """Redirect to the same address without the slash at its end."""
    path = quote(ctx.request.path.rstrip("/"))
    query = ctx.request.rel_url.raw_query_string
    return redirect_permanently(f"{path}?{query}" if query else path)


def redirect_permanently(location: str) -> web.Response:
    """Return a 301 that is revalidated each time: short names can move to another world."""
    # Browsers read a path that begins with two slashes as another host.
    headers = {**PAGE_HEADERS, "Location": "/" + location.lstrip("/")}
    return web.Response(status=301, headers=headers)


ROUTES = (
    *(Route("GET", f"/{page}", redirect_to_only_world, auth=optional_login) for page in PAGES),
    *(Route("GET", f"/{page}/", redirect_without_slash) for page in PAGES if page != "sessions"),
    *(Route("GET", f"{WORLD_PATH}/{page}/", redirect_without_slash) for page in PAGES),
    Route("GET", "/{short_name}", redirect_short_link),
)
