"""Worlds: the page of each one, what is new there, and asking one of ours to run or to stop."""

from aiohttp import web

from coalserver.core import topics
from coalserver.core.commands.worlds import pause_world, play_world
from coalserver.core.queries.accounts import account_numbered
from coalserver.core.queries.worlds import world_with
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.world import World
from coalserver.site.access import for_members, for_readers, path_of, same_origin, speaks_json
from coalserver.site.worlds.context import frame, told
from coalserver.site.worlds.event_payloads import teller
from coalserver.site.worlds.history import Sieve
from coalserver.site.worlds.line_rows import row_of
from coalserver.web.api import Call, Route
from coalserver.web.pages.cookies import form_page, leads_to, own_form, signed_in
from coalserver.web.responses import document
from coalserver.web.streaming.subscriptions import CURSOR, Subscription
from coalserver.web.streaming.transports import listened

#: Of what was said and done, on the page of a world.
LATEST = 12
TELL = {True: teller(public=True), False: teller(public=False)}


@for_readers
async def see_world(call: Call, world: World, account: Account | None) -> web.StreamResponse:
    """How a world is, who is in it, and what was said and done there last; a script is told how it is."""
    if speaks_json(call):
        headers = {CURSOR: str(call.core.feed.head), "Cache-Control": "no-store"}
        return document(told(call, world, account), 200, headers)
    shared, public = frame(call, world, account, "world"), account is None
    lines = await Sieve(world.id).lines(call.core.history, LATEST)
    context = {
        **shared,
        "latest": [row_of(line, public=public) for line in lines],
    }
    return form_page(call, "worlds/world.html", context)


@for_members
async def play(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Ask for a world to run."""
    await own_form(call)
    await call.core.do(play_world, world_id=world.id)
    return leads_to(path_of(world))


@for_members
async def pause(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Ask for a world to be stopped and put away; for admins."""
    await own_form(call)
    if not account.admin:
        raise Refusal(Why.NOT_YOURS)
    await call.core.do(pause_world, world_id=world.id)
    return leads_to(path_of(world))


@for_readers
async def hear(call: Call, world: World, account: Account | None) -> web.StreamResponse:
    """What happens in a world from now on, or from an event on; the same bytes for all who hear."""
    same_origin(call)
    where, core, public = topics.world(world.id), call.core, account is None
    # Who is signed out, or put on hold, hears no more: it is found out anew before anything is told.
    heard = Subscription((where,), ("public" if public else "member",), TELL[public], own=where)

    def subscribe() -> Subscription:
        there = core.see(world_with, id=world.id)
        if public and there.public:
            return heard
        now = core.see(account_numbered, id=signed_in(call).account)
        if now is None or not now.active:
            raise Refusal(Why.NO_TOKEN)
        return heard

    return await listened(call, subscribe)


WORLD = "/servers/{world}"
ROUTES = (
    Route("GET", WORLD, see_world, who=signed_in),
    Route("GET", WORLD + "/events", hear, who=signed_in),
    Route("POST", WORLD + "/play", play, who=signed_in),
    Route("POST", WORLD + "/pause", pause, who=signed_in),
)
