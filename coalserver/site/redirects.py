"""Shortcuts: short links to worlds, and addresses that lead to the page that is meant."""

from urllib.parse import quote

from aiohttp import web

from coalserver.core.queries.worlds import world_called
from coalserver.domain.accounts.account import Account
from coalserver.site.access import for_all_members, only_world, path_of
from coalserver.site.worlds.world import WORLD
from coalserver.web.api import Call, Route
from coalserver.web.pages.cookies import leads_to, signed_in
from coalserver.web.pages.pages import HEADERS

#: Pages that are of the only world where no world is named.
PAGES = ("chats", "players", "sessions", "deaths", "achievements", "screenshots")


@for_all_members
async def to_the_only_world(call: Call, account: Account) -> web.StreamResponse:
    """302 to this page of the only world, or to the first page."""
    world = only_world(call)
    page = call.request.path.strip("/")
    return leads_to(f"{path_of(world)}/{quote(page)}" if world else "/")


async def short_link(call: Call) -> web.StreamResponse:
    """301 to the world that is called so; refused if none is."""
    return moved(path_of(call.core.see(world_called, short_name=call.path["short_name"])))


async def without_slash(call: Call) -> web.StreamResponse:
    """301 to the same address without the stroke at its end."""
    path = quote(call.request.path.rstrip("/"))
    query = call.request.rel_url.raw_query_string
    return moved(f"{path}?{query}" if query else path)


def moved(location: str) -> web.Response:
    """301; asked again each time, for a short name may be another world's one day."""
    # A path of two strokes would lead to another site.
    headers = {**HEADERS, "Location": "/" + location.lstrip("/")}
    return web.Response(status=301, headers=headers)


ROUTES = (
    *(Route("GET", f"/{page}", to_the_only_world, who=signed_in) for page in PAGES),
    *(Route("GET", f"/{page}/", without_slash) for page in PAGES if page != "sessions"),
    *(Route("GET", f"{WORLD}/{page}/", without_slash) for page in PAGES),
    Route("GET", "/{short_name}", short_link),
)
