"""Worlds: the page of each one, what is new there, and asking one of ours to run or to stop."""

from aiohttp import web

from coalserver.core import topics
from coalserver.core.commands.worlds import start_world, stop_world
from coalserver.core.queries.worlds import get_world
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.world import World
from coalserver.site.access import (
    check_same_origin,
    members_only,
    readers_only,
    wants_json,
    world_path,
)
from coalserver.site.worlds.context import world_context, world_summary
from coalserver.site.worlds.event_payloads import event_renderer
from coalserver.site.worlds.history import HistoryFilter
from coalserver.site.worlds.line_rows import render_row
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page, optional_login, redirect
from coalserver.web.pages.forms import read_csrf_form
from coalserver.web.responses import json_response
from coalserver.web.streaming.event_stream import serve_events
from coalserver.web.streaming.subscriptions import CURSOR_HEADER, Subscription

#: Of what was said and done, on the page of a world.
LATEST_ROWS = 12
EVENT_RENDERERS = {True: event_renderer(public=True), False: event_renderer(public=False)}


@readers_only
async def world_page(
    ctx: RequestContext, world: World, account: Account | None
) -> web.StreamResponse:
    """How a world is, who is in it, and what was said and done there last; a script is told how it is."""
    if wants_json(ctx):
        headers = {CURSOR_HEADER: str(ctx.core.feed.head), "Cache-Control": "no-store"}
        return json_response(world_summary(ctx, world, account), 200, headers)
    page_context, public = world_context(ctx, world, account, "world"), account is None
    lines = await HistoryFilter(world.id).find_lines(ctx.core.history, LATEST_ROWS)
    context = {
        **page_context,
        "latest": [render_row(line, public=public) for line in lines],
    }
    return form_page(ctx, "worlds/world.html", context)


@members_only
async def play(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Ask for a world to run."""
    await read_csrf_form(ctx)
    await ctx.core.execute(start_world, world_id=world.id)
    return redirect(world_path(world))


@members_only
async def pause(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Ask for a world to be stopped and put away; for admins."""
    await read_csrf_form(ctx)
    if not account.admin:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    await ctx.core.execute(stop_world, world_id=world.id)
    return redirect(world_path(world))


@readers_only
async def events(ctx: RequestContext, world: World, account: Account | None) -> web.StreamResponse:
    """What happens in a world from now on, or from an event on; the same bytes for all who hear."""
    check_same_origin(ctx)
    topic, core, public = topics.world(world.id), ctx.core, account is None
    # Who is signed out, or put on hold, hears no more: it is found out anew before anything is told.
    subscription = Subscription(
        (topic,), ("public" if public else "member",), EVENT_RENDERERS[public], control_topic=topic
    )

    def subscribe() -> Subscription:
        world_now = core.query(get_world, id=world.id)
        if public and world_now.public:
            return subscription
        account_now = optional_login(ctx).account
        if account_now is None or not account_now.active:
            raise DomainError(ErrorCode.TOKEN_REQUIRED)
        return subscription

    return await serve_events(ctx, subscribe)


WORLD_PATH = "/servers/{world}"
ROUTES = (
    Route("GET", WORLD_PATH, world_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/events", events, auth=optional_login),
    Route("POST", WORLD_PATH + "/play", play, auth=optional_login),
    Route("POST", WORLD_PATH + "/pause", pause, auth=optional_login),
)
