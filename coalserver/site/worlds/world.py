"""The overview page of a world, its events, and starting and stopping a hosted world."""

import math

from aiohttp import web
from babel.numbers import format_decimal

from coalserver.core import topics
from coalserver.core.hosting import Hosting
from coalserver.core.queries.worlds import get_world
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.transitions import Order
from coalserver.domain.minecraft.world import World
from coalserver.site.access import (
    check_same_origin,
    world_member_page,
    world_path,
    world_reader_page,
)
from coalserver.site.errors import add_retry_after, wants_json
from coalserver.site.worlds.console_lines import shown_crash
from coalserver.site.worlds.context import world_context, world_summary
from coalserver.site.worlds.event_payloads import event_renderer
from coalserver.site.worlds.history import HistoryFilter
from coalserver.site.worlds.hosted import refusal_sentence
from coalserver.site.worlds.line_rows import render_row
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page, login_reader, optional_login, redirect
from coalserver.web.pages.forms import read_csrf_form
from coalserver.web.pages.i18n import N_, Language, request_language
from coalserver.web.responses import json_response
from coalserver.web.streaming.event_stream import serve_events
from coalserver.web.streaming.subscriptions import CURSOR_HEADER, Subscription

#: Lines of the log on the overview.
LATEST_ROWS = 12
TOO_MANY_STARTS = N_("You have started worlds too often. Try again in {minutes} min.")
EVENT_RENDERERS = {True: event_renderer(public=True), False: event_renderer(public=False)}


@world_reader_page
async def world_page(
    ctx: RequestContext, world: World, account: Account | None
) -> web.StreamResponse:
    """Render status, online players and the latest lines; for a script, return the status as JSON."""
    if wants_json(ctx):
        headers = {CURSOR_HEADER: str(ctx.core.feed.head), "Cache-Control": "no-store"}
        return json_response(world_summary(ctx, world, account), 200, headers)
    return await render_world_page(ctx, world, account)


async def render_world_page(
    ctx: RequestContext, world: World, account: Account | None, refusal: str = ""
) -> web.StreamResponse:
    """Render the overview of a world, with the sentence of a refused order."""
    page_context, public = world_context(ctx, world, account, "world"), account is None
    lines = await HistoryFilter(world.id).find_lines(ctx.core.history, LATEST_ROWS)
    crash, is_admin = None, account is not None and account.admin
    if world.hosted and is_admin:
        crash = await ctx.app.service(Hosting).crash(world.id)
    context = {
        **page_context,
        "refusal": refusal,
        "crash": crash and shown_crash(crash),
        "manage": f"/admin/servers/{world.id}" if is_admin else "",
        "latest": [render_row(line, public=public) for line in lines],
        "lag_seconds": format_decimal(
            (world.behind or 0) / 1000, "0.0", request_language(ctx.request).locale
        ),
    }
    return form_page(ctx, "worlds/world.html", context, status=400 if refusal else 200)


def order_page(order: Order | None) -> Handler:
    """Return the handler that gives an order to a hosted world, or saves it, and leads back to its page."""

    @world_member_page
    async def handler(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
        await read_csrf_form(ctx)
        return await give_order(ctx, world, account, order)

    return handler


async def give_order(
    ctx: RequestContext, world: World, account: Account, order: Order | None
) -> web.StreamResponse:
    """Give an order to a hosted world, or save it without one, and lead to its page, which shows a refusal."""
    hosting = ctx.app.service(Hosting)
    try:
        if order is None:
            await hosting.save(world.id, account.id)
        else:
            await hosting.order(world.id, order, account.id)
    except DomainError as error:
        return await _render_order_error(ctx, world, account, error)
    return redirect(world_path(world))


async def _render_order_error(
    ctx: RequestContext, world: World, account: Account, error: DomainError
) -> web.StreamResponse:
    """Render the page of a world with the sentence of a refused order; raise any other error again."""
    sentence = order_error_sentence(error, request_language(ctx.request))
    if sentence is None:
        raise error
    ctx.app.count_refusal(error)
    response = await render_world_page(ctx, world, account, sentence)
    if error.code is ErrorCode.TOO_MANY_STARTS:
        response.set_status(429)
    return add_retry_after(response, error)


def order_error_sentence(error: DomainError, language: Language) -> str | None:
    """Return the sentence with which the page of a world shows a refused order; None for other errors."""
    if error.code is ErrorCode.ORDER_REFUSED:
        return refusal_sentence(error.details["refusal"], language)
    if error.code is ErrorCode.TOO_MANY_STARTS:
        return language.gettext(TOO_MANY_STARTS).format(
            minutes=math.ceil(error.details["retry_after"] / 60)
        )
    return None


#: Orders that are asked for on a page first: its title, and what the order does.
QUESTIONS = {
    Order.PAUSE: (
        N_("Stop world"),
        N_("The world is saved and stopped. Players who are online are disconnected."),
    ),
    Order.RESTART: (
        N_("Restart world"),
        N_("The world is stopped and started again. Players who are online are disconnected."),
    ),
    Order.KILL: (
        N_("Force stop world"),
        N_("The world is ended at once. What was not saved is lost."),
    ),
}


def question_page(order: Order) -> Handler:
    """Return the handler of the page that asks before an order is given.

    Raises ADMIN_REQUIRED unless the caller is an admin, and WORLD_NOT_FOUND for a connected world.
    """
    title, text = QUESTIONS[order]

    @world_member_page
    async def handler(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
        if not account.admin:
            raise DomainError(ErrorCode.ADMIN_REQUIRED)
        if not world.hosted:
            raise DomainError(ErrorCode.WORLD_NOT_FOUND)
        context = {
            **world_context(ctx, world, account, "world"),
            "title": title,
            "texts": [text],
            "action": f"{world_path(world)}/{order}",
        }
        return form_page(ctx, "worlds/confirm.html", context)

    return handler


@world_reader_page
async def events(ctx: RequestContext, world: World, account: Account | None) -> web.StreamResponse:
    """Serve the events of a world. All members get the same bytes, and all other readers too."""
    check_same_origin(ctx)
    topic, core, public = topics.world(world.id), ctx.core, account is None
    # An open stream keeps `subscribe`, and with `ctx` its request.
    id, read_login = world.id, login_reader(ctx)
    # For each event on the control topic, the transport calls `subscribe` again, which checks the access.
    subscription = Subscription(
        (topic,), ("public" if public else "member",), EVENT_RENDERERS[public], control_topic=topic
    )

    def subscribe() -> Subscription:
        world_now = core.query(get_world, id=id)
        if public and world_now.public:
            return subscription
        account_now = read_login().account
        if account_now is None or not account_now.active:
            raise DomainError(ErrorCode.TOKEN_REQUIRED)
        return subscription

    return await serve_events(ctx, subscribe)


WORLD_PATH = "/servers/{world}"
ROUTES = (
    Route("GET", WORLD_PATH, world_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/events", events, auth=optional_login),
    *(
        Route(
            "POST", f"{WORLD_PATH}/{order}", order_page(order), auth=optional_login, reads_body=True
        )
        for order in Order
    ),
    Route("POST", WORLD_PATH + "/save", order_page(None), auth=optional_login, reads_body=True),
    *(
        Route("GET", f"{WORLD_PATH}/{order}", question_page(order), auth=optional_login)
        for order in QUESTIONS
    ),
)
