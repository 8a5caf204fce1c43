"""The overview page of a world, its events, and starting and stopping a hosted world."""

from aiohttp import web
from babel.numbers import format_decimal

from coalserver.core import topics
from coalserver.core.commands.worlds import start_world, stop_world
from coalserver.core.queries.worlds import get_world
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.world import World
from coalserver.site.access import (
    check_same_origin,
    world_member_page,
    world_path,
    world_reader_page,
)
from coalserver.site.errors import wants_json
from coalserver.site.worlds.context import allowed_actions, world_context, world_summary
from coalserver.site.worlds.event_payloads import event_renderer
from coalserver.site.worlds.history import HistoryFilter
from coalserver.site.worlds.line_rows import render_row
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page, optional_login, redirect
from coalserver.web.pages.forms import read_csrf_form
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.responses import json_response
from coalserver.web.streaming.event_stream import serve_events
from coalserver.web.streaming.subscriptions import CURSOR_HEADER, Subscription

#: Lines of the log on the overview.
LATEST_ROWS = 12
EVENT_RENDERERS = {True: event_renderer(public=True), False: event_renderer(public=False)}


@world_reader_page
async def world_page(
    ctx: RequestContext, world: World, account: Account | None
) -> web.StreamResponse:
    """Render status, online players and the latest lines; for a script, return the status as JSON."""
    if wants_json(ctx):
        headers = {CURSOR_HEADER: str(ctx.core.feed.head), "Cache-Control": "no-store"}
        return json_response(world_summary(ctx, world, account), 200, headers)
    page_context, public = world_context(ctx, world, account, "world"), account is None
    lines = await HistoryFilter(world.id).find_lines(ctx.core.history, LATEST_ROWS)
    context = {
        **page_context,
        "latest": [render_row(line, public=public) for line in lines],
        "lag_seconds": format_decimal(
            (world.behind or 0) / 1000, "0.0", request_language(ctx.request).locale
        ),
    }
    return form_page(ctx, "worlds/world.html", context)


@world_member_page
async def play(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Request the start of a hosted world."""
    await read_csrf_form(ctx)
    await ctx.core.execute(start_world, world_id=world.id)
    return redirect(world_path(world))


@world_member_page
async def confirm_pause(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Ask before a hosted world is stopped. Raises PERMISSION_DENIED unless the caller is an admin."""
    if not account.admin:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    if not allowed_actions(world, account).get("pause"):
        return redirect(world_path(world))
    context = {
        **world_context(ctx, world, account, "world"),
        "title": N_("Stop world"),
        "texts": [N_("The world is saved and stopped. Players who are online are disconnected.")],
        "action": f"{world_path(world)}/pause",
    }
    return form_page(ctx, "worlds/confirm.html", context)


@world_member_page
async def pause(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Request the stop of a hosted world. Raises PERMISSION_DENIED unless the caller is an admin."""
    await read_csrf_form(ctx)
    if not account.admin:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    await ctx.core.execute(stop_world, world_id=world.id)
    return redirect(world_path(world))


@world_reader_page
async def events(ctx: RequestContext, world: World, account: Account | None) -> web.StreamResponse:
    """Serve the events of a world. All members get the same bytes, and all other readers too."""
    check_same_origin(ctx)
    topic, core, public = topics.world(world.id), ctx.core, account is None
    # For each event on the control topic, the transport calls `subscribe` again, which checks the access.
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
    Route("GET", WORLD_PATH + "/pause", confirm_pause, auth=optional_login),
    Route("POST", WORLD_PATH + "/pause", pause, auth=optional_login),
)
