"""Doors: who may see the pages of a world. Members see all of them; of a public world anybody may read the chat."""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote, urlsplit

from aiohttp import web

from coalserver.core.queries.accounts import account_numbered
from coalserver.core.queries.worlds import active_worlds, world_called, world_with
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.world import World
from coalserver.web.api import Call
from coalserver.web.pages.cookies import SEAL, browser_of, form_page, leads_to, to_login
from coalserver.web.responses import document

Page = Callable[[Call, World, Account], Awaitable[web.StreamResponse]]
Reading = Callable[[Call, World, Account | None], Awaitable[web.StreamResponse]]
Handler = Callable[[Call], Awaitable[web.StreamResponse]]

#: The status of what is refused to a script; 400 for all others.
STATUS = {
    Why.NO_TOKEN: 401,
    Why.BAD_TOKEN: 403,
    Why.INACTIVE: 403,
    Why.NOT_YOURS: 403,
    Why.WORLD_NOT_FOUND: 404,
    Why.VISITOR_NOT_FOUND: 404,
    Why.OTHER_NOT_FOUND: 404,
    Why.KEY_REUSED: 422,
    Why.RATE_LIMITED: 429,
}


def member(call: Call) -> Account | None:
    """The account that is signed in, if it is active."""
    found = call.core.see(account_numbered, id=call.caller.account) if call.caller.account else None
    return found if found is not None and found.active else None


def for_members(page: Page) -> Handler:
    """A page of a world for those who belong to the community."""

    @wraps(page)
    async def handler(call: Call) -> web.StreamResponse:
        account = member(call)
        if account is None:
            return turned_away(call)
        world = the_world(call)
        return await page(call, world, account) if world else elsewhere(call)

    return handler


def for_readers(page: Reading) -> Handler:
    """A page of a world that anybody may see if the world is public."""

    @wraps(page)
    async def handler(call: Call) -> web.StreamResponse:
        account, world = member(call), the_world(call)
        if account is None and not (world and world.public):
            return turned_away(call)
        return await page(call, world, account) if world else elsewhere(call)

    return handler


def for_all_members(page: Callable[[Call, Account], Awaitable[web.StreamResponse]]) -> Handler:
    """A page for members that is of no world."""

    @wraps(page)
    async def handler(call: Call) -> web.StreamResponse:
        account = member(call)
        return turned_away(call) if account is None else await page(call, account)

    return handler


def the_world(call: Call) -> World | None:
    """The world an address names by its short name or its number."""
    name = call.path["world"]
    try:
        return call.core.see(world_called, short_name=name)
    except Refusal:
        pass
    try:
        return call.core.see(world_with, id=call.number("world"))
    except Refusal:
        return None


def path_of(world: World) -> str:
    """Where the pages of a world are."""
    return f"/servers/{quote(world.short_name or str(world.id))}"


def only_world(call: Call) -> World | None:
    worlds = call.core.see(active_worlds)
    return worlds[0] if len(worlds) == 1 else None


def turned_away(call: Call) -> web.StreamResponse:
    """Sign in first; or wait, if one has."""
    signed_in = call.caller.account != 0
    if speaks_json(call):
        raise Refusal(Why.INACTIVE if signed_in else Why.NO_TOKEN)
    if not signed_in:
        return to_login(call)
    account = call.core.see(account_numbered, id=call.caller.account)
    return form_page(call, "signing/waiting.html", {"account": account})


def elsewhere(call: Call) -> web.StreamResponse:
    """There is no such world: to the same page of the only one there is, or to the first page."""
    if speaks_json(call) or call.route.method != "GET":
        raise Refusal(Why.WORLD_NOT_FOUND)
    world = only_world(call)
    rest = call.request.path.split("/", 3)[3:]
    return leads_to("/".join([path_of(world), *map(quote, rest)]) if world else "/")


def speaks_json(call: Call) -> bool:
    """Whether a script asks, and not a person."""
    accepted = call.request.headers.get("Accept", "")
    return call.route.endpoint == "hear" or "application/json" in accepted


def refused(refusal: Refusal, call: Call) -> web.StreamResponse:
    """What a script is told. One whose page was open for too long gets what its next form needs."""
    said = {"error": refusal.why.value}
    if refusal.why is Why.BAD_TOKEN and refusal.facts.get("what") == "form":
        said[SEAL] = browser_of(call).seal(call.now)
    return document(said, STATUS.get(refusal.why, 400), {"Cache-Control": "no-store"})


def same_origin(call: Call) -> None:
    """Refuse a page of another site: a WebSocket may come from any, with the cookie of ours."""
    origin = call.request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != urlsplit(call.origin).netloc:
        raise Refusal(Why.NOT_YOURS)
