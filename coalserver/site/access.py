"""Access to pages: authenticators of accounts and admins, and wrappers for the pages of worlds.

Members, which are active accounts, see all worlds. Anyone can read the chat of a public world.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote, urlsplit

from aiohttp import web

from coalserver.core.caller import Caller
from coalserver.core.queries.worlds import active_worlds, get_world, world_by_short_name
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.world import World
from coalserver.site.errors import error_page, wants_json
from coalserver.web.api import Handler
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page, optional_login, redirect, redirect_to_login
from coalserver.web.pages.i18n import N_, request_language

MemberPage = Callable[[RequestContext, Account], Awaitable[web.StreamResponse]]
WorldMemberPage = Callable[[RequestContext, World, Account], Awaitable[web.StreamResponse]]
WorldReaderPage = Callable[[RequestContext, World, Account | None], Awaitable[web.StreamResponse]]

ADMINS_ONLY = N_("You don’t have access to this page")


def require_member(ctx: RequestContext) -> Caller:
    """Authenticate a member. Raises TOKEN_REQUIRED or ACCOUNT_INACTIVE."""
    caller = ctx.caller = optional_login(ctx)
    if caller.account is None:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    if not caller.account.active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE)
    return caller


def require_admin(ctx: RequestContext) -> Caller:
    """Authenticate an admin. Raises ADMIN_REQUIRED and what `require_member` raises."""
    caller = require_member(ctx)
    if not caller.get_account().admin:
        raise DomainError(ErrorCode.ADMIN_REQUIRED)
    return caller


def render_access_error(
    error: DomainError, ctx: RequestContext, form_path: str
) -> web.StreamResponse | None:
    """Return the response to a caller without access, or None for any other error.

    `form_path` is the page to which the login leads back after a rejected POST.
    """
    if error.code is ErrorCode.TOKEN_REQUIRED:
        return (
            redirect_to_login(ctx)
            if ctx.route.method == "GET"
            else redirect(f"/login?next_url={form_path}")
        )
    if error.code is ErrorCode.ACCOUNT_INACTIVE:
        return redirect("/login")
    if error.code is ErrorCode.ADMIN_REQUIRED:
        return error_page(ctx, 403, request_language(ctx.request).gettext(ADMINS_ONLY))
    return None


def find_member(ctx: RequestContext) -> Account | None:
    """Return the account of the login session if it is active."""
    account = ctx.caller.account
    return account if account is not None and account.active else None


def member_page(page: MemberPage) -> Handler:
    """Return the handler of a page for members. Others are sent to the login."""

    @wraps(page)
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        account = find_member(ctx)
        return login_response(ctx) if account is None else await page(ctx, account)

    return handler


def world_member_page(page: WorldMemberPage) -> Handler:
    """Return the handler of a page of a world for members."""

    @wraps(page)
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        account = find_member(ctx)
        if account is None:
            return login_response(ctx)
        world = find_world(ctx)
        return await page(ctx, world, account) if world else redirect_unknown_world(ctx)

    return handler


def world_reader_page(page: WorldReaderPage) -> Handler:
    """Return the handler of a page of a world for members, and for everyone if the world is public."""

    @wraps(page)
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        account, world = find_member(ctx), find_world(ctx)
        if account is None and not (world and world.public):
            return login_response(ctx)
        return await page(ctx, world, account) if world else redirect_unknown_world(ctx)

    return handler


def find_world(ctx: RequestContext) -> World | None:
    """Return the world that the path names by its short name or its id, or None."""
    try:
        return ctx.core.query(world_by_short_name, short_name=ctx.path["world"])
    except DomainError:
        pass
    try:
        return ctx.core.query(get_world, id=ctx.int_param("world"))
    except DomainError:
        return None


def world_path(world: World) -> str:
    """Return the path of a world's page, without a slash at its end."""
    return f"/servers/{quote(world.short_name or str(world.id))}"


def only_world(ctx: RequestContext) -> World | None:
    """Return the only active world; None if there is none, or more than one."""
    worlds = ctx.core.query(active_worlds, limit=2)
    return worlds[0] if len(worlds) == 1 else None


def login_response(ctx: RequestContext) -> web.StreamResponse:
    """Return the redirect to the login; for an inactive account, the page that says it is pending.

    For a script, raises TOKEN_REQUIRED or ACCOUNT_INACTIVE.
    """
    account = ctx.caller.account
    if wants_json(ctx):
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE if account else ErrorCode.TOKEN_REQUIRED)
    if account is None:
        return redirect_to_login(ctx)
    return form_page(ctx, "signing/waiting.html", {"account": account})


def redirect_unknown_world(ctx: RequestContext) -> web.StreamResponse:
    """Return the redirect to the same page of the only world, or to the home page.

    For a script, and for a form, raises WORLD_NOT_FOUND.
    """
    if wants_json(ctx) or ctx.route.method != "GET":
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    world = only_world(ctx)
    path_parts = ctx.request.path.split("/", 3)[3:]
    return redirect("/".join([world_path(world), *map(quote, path_parts)]) if world else "/")


def check_same_origin(ctx: RequestContext) -> None:
    """Raise PERMISSION_DENIED for a page of another origin.

    Browsers let every page open a WebSocket here, and send the cookie with it.
    """
    origin = ctx.request.headers.get("Origin")
    # Not parsed: an invalid origin is another one.
    host = None if origin is None else origin.partition("://")[2]
    if host is not None and host != urlsplit(ctx.public_url).netloc:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
