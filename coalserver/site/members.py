"""Members: who may see the pages of an account, and those of admins; and what all others are told."""

from aiohttp import web

from coalserver.core.caller import Caller
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import optional_login, redirect, redirect_to_login
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.pages.pages import render_page

ADMINS_ONLY = N_("This page is for admins.")


def member_only(ctx: RequestContext) -> Caller:
    """Somebody who is signed in and may come in."""
    ctx.caller = optional_login(ctx)
    account = ctx.caller.account
    if account is None:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    if not account.active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE)
    return ctx.caller


def admin_only(ctx: RequestContext) -> Caller:
    """Somebody who runs the place."""
    caller = member_only(ctx)
    if not caller.get_account().admin:
        raise DomainError(ErrorCode.ADMIN_REQUIRED)
    return caller


def render_access_error(
    error: DomainError, ctx: RequestContext, return_path: str
) -> web.StreamResponse | None:
    """What one is told who may not be here; None for any other reason. `back` is where a form was shown."""
    if error.code is ErrorCode.TOKEN_REQUIRED:
        return (
            redirect_to_login(ctx)
            if ctx.route.method == "GET"
            else redirect(f"/login?next_url={return_path}")
        )
    if error.code is ErrorCode.ACCOUNT_INACTIVE:
        return redirect("/login")
    if error.code is ErrorCode.ADMIN_REQUIRED:
        message = request_language(ctx.request).gettext(ADMINS_ONLY)
        return render_page(ctx.request, "error.html", {"status": 403, "message": message}, 403)
    return None
