"""Doors: who may see the pages of a world. Members see all of them; of a public world anybody may read the chat."""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote, urlsplit

from aiohttp import web

from coalserver.core.queries.worlds import active_worlds, get_world, world_by_short_name
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.world import World
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import (
    CSRF_FIELD,
    form_page,
    read_browser_cookie,
    redirect,
    redirect_to_login,
)
from coalserver.web.responses import json_response

MemberPage = Callable[[RequestContext, World, Account], Awaitable[web.StreamResponse]]
ReaderPage = Callable[[RequestContext, World, Account | None], Awaitable[web.StreamResponse]]
Handler = Callable[[RequestContext], Awaitable[web.StreamResponse]]

#: The status of what is refused to a script; 400 for all others.
ERROR_STATUSES = {
    ErrorCode.TOKEN_REQUIRED: 401,
    ErrorCode.INVALID_TOKEN: 403,
    ErrorCode.ACCOUNT_INACTIVE: 403,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.WORLD_NOT_FOUND: 404,
    ErrorCode.VISITOR_NOT_FOUND: 404,
    ErrorCode.TARGET_NOT_FOUND: 404,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 422,
    ErrorCode.RATE_LIMITED: 429,
}


def find_member(ctx: RequestContext) -> Account | None:
    """The account that is signed in, if it is active."""
    found = ctx.caller.account
    return found if found is not None and found.active else None


def members_only(page: MemberPage) -> Handler:
    """A page of a world for those who belong to the community."""

    @wraps(page)
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        account = find_member(ctx)
        if account is None:
            return sign_in_response(ctx)
        world = find_world(ctx)
        return await page(ctx, world, account) if world else redirect_unknown_world(ctx)

    return handler


def readers_only(page: ReaderPage) -> Handler:
    """A page of a world that anybody may see if the world is public."""

    @wraps(page)
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        account, world = find_member(ctx), find_world(ctx)
        if account is None and not (world and world.public):
            return sign_in_response(ctx)
        return await page(ctx, world, account) if world else redirect_unknown_world(ctx)

    return handler


def account_only(
    page: Callable[[RequestContext, Account], Awaitable[web.StreamResponse]],
) -> Handler:
    """A page for members that is of no world."""

    @wraps(page)
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        account = find_member(ctx)
        return sign_in_response(ctx) if account is None else await page(ctx, account)

    return handler


def find_world(ctx: RequestContext) -> World | None:
    """The world an address names by its short name or its number."""
    name = ctx.path["world"]
    try:
        return ctx.core.query(world_by_short_name, short_name=name)
    except DomainError:
        pass
    try:
        return ctx.core.query(get_world, id=ctx.int_param("world"))
    except DomainError:
        return None


def world_path(world: World) -> str:
    """Where the pages of a world are."""
    return f"/servers/{quote(world.short_name or str(world.id))}"


def only_world(ctx: RequestContext) -> World | None:
    worlds = ctx.core.query(active_worlds)
    return worlds[0] if len(worlds) == 1 else None


def sign_in_response(ctx: RequestContext) -> web.StreamResponse:
    """Sign in first; or wait, if one has."""
    account = ctx.caller.account
    if wants_json(ctx):
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE if account else ErrorCode.TOKEN_REQUIRED)
    if account is None:
        return redirect_to_login(ctx)
    return form_page(ctx, "signing/waiting.html", {"account": account})


def redirect_unknown_world(ctx: RequestContext) -> web.StreamResponse:
    """There is no such world: to the same page of the only one there is, or to the first page."""
    if wants_json(ctx) or ctx.route.method != "GET":
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    world = only_world(ctx)
    path_parts = ctx.request.path.split("/", 3)[3:]
    return redirect("/".join([world_path(world), *map(quote, path_parts)]) if world else "/")


def wants_json(ctx: RequestContext) -> bool:
    """Whether a script asks, and not a person."""
    accepted = ctx.request.headers.get("Accept", "")
    return ctx.route.endpoint == "events" or "application/json" in accepted


def render_json_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """What a script is told. One whose page was open for too long gets what its next form needs."""
    payload = {"error": error.code.value}
    if error.code is ErrorCode.INVALID_TOKEN and error.details.get("what") == "form":
        payload[CSRF_FIELD] = read_browser_cookie(ctx).csrf_token(ctx.now)
    return json_response(
        payload, ERROR_STATUSES.get(error.code, 400), {"Cache-Control": "no-store"}
    )


def check_same_origin(ctx: RequestContext) -> None:
    """Refuse a page of another site: a WebSocket may come from any, with the cookie of ours."""
    origin = ctx.request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != urlsplit(ctx.origin).netloc:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
