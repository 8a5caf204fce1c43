"""Members: who may see the pages of an account, and those of admins; and what all others are told."""

from aiohttp import web

from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.site.auth import signed_in_account
from coalserver.web.api import Caller, RequestContext
from coalserver.web.pages.cookies import optional_login, redirect, redirect_to_login
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.pages.pages import render_page

ADMINS_ONLY = N_("This page is for admins.")


def member_only(ctx: RequestContext) -> Caller:
    """Somebody who is signed in and may come in."""
    ctx.caller = optional_login(ctx)
    account = signed_in_account(ctx)
    if account is None:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    if not account.active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE)
    return ctx.caller


def admin_only(ctx: RequestContext) -> Caller:
    """Somebody who runs the place."""
    caller = member_only(ctx)
    if not get_member(ctx).admin:
        raise DomainError(ErrorCode.ADMIN_REQUIRED)
    return caller


def get_member(ctx: RequestContext) -> Account:
    """The account behind a call that `member_only` or `admin_only` has let in."""
    account = signed_in_account(ctx)
    if account is None:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    return account


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
