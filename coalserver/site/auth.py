"""Signing in: the pages on which people prove who they are, sign up, and leave."""

import logging
import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from coalserver.core.commands.accounts import create_login_session, revoke_login_session, sign_up
from coalserver.core.queries.accounts import find_account_by_email, has_admin
from coalserver.domain.accounts.account import Account, validate_email, validate_password
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import constant_time_equals
from coalserver.security.passwords import PasswordService
from coalserver.web.api import Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.pages.cookies import (
    clear_login_cookie,
    form_page,
    optional_login,
    redirect,
    safe_redirect_path,
    set_login_cookie,
)
from coalserver.web.pages.forms import clean_text, read_csrf_form, read_fields
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.pages.pages import allow_any_form_target, render_page
from coalserver.web.throttling import FailureLimiter

log = logging.getLogger(__name__)

MAX_LENGTHS = {"email": 254, "password": 1000, "nickname": 50, "code": 100, "next_url": 8000}

#: Why -> (status, sentence).
ERROR_MESSAGES: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.INVALID_TOKEN: (403, N_("This page was open for too long. Please try again.")),
    ErrorCode.INVALID_CREDENTIALS: (403, N_("E-mail and password do not match.")),
    ErrorCode.RATE_LIMITED: (429, N_("Too many tries. Try again in {wait} seconds.")),
    ErrorCode.EMAIL_TAKEN: (400, N_("This e-mail has an account already. Sign in instead.")),
    ErrorCode.INVALID_EMAIL: (400, N_("This is not an e-mail address.")),
    ErrorCode.PASSWORD_TOO_SHORT: (400, N_("A password has at least {minimum} characters.")),
}
DEFAULT_ERROR = (400, N_("That did not work."))
WRONG_START_CODE = N_("This is not the code that the server has shown when it was started.")
FORM_TEMPLATES = {"log_in": "signing/login.html", "register_account": "signing/signup.html"}


@dataclass(frozen=True, slots=True)
class SignupPolicy:
    """Whether who signs up may come in at once, and what proves that one has started the server."""

    open: bool = False
    #: Until there is an admin.
    start_code: str = field(default_factory=lambda: secrets.token_hex(16))


class SignupLimiter(FailureLimiter):
    """Sign-ups by address: each costs us a password's hash, and an account."""

    def __init__(self, shared: AppContext) -> None:
        super().__init__(max_failures=20, seconds=3600)


async def login_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask for e-mail and password; who is signed in goes on, or is told that he has to wait."""
    account = ctx.caller.account
    if account is None:
        return _render_form(ctx, "signing/login.html", {})
    if not account.active:
        return form_page(ctx, "signing/waiting.html", {"account": account})
    return redirect(safe_redirect_path(ctx.query.get("next_url", "/")))


async def log_in(ctx: RequestContext) -> web.StreamResponse:
    """Sign this browser in, and go on to where one wanted to go."""
    await read_fields(ctx, MAX_LENGTHS)
    email, password = ctx.body["email"].strip().lower(), ctx.body["password"]
    limiter, limit_keys = ctx.app.failure_limiter, (f"login {ctx.address}", f"login {email}")
    with limiter.guard(*limit_keys, on=ErrorCode.INVALID_CREDENTIALS):
        account = ctx.core.query(find_account_by_email, email=email)
        password_hash = account.password if account else None
        result = await ctx.app.service(PasswordService).verify(password_hash, password)
        # Again: other attempts may have failed during the verification.
        limiter.check(*limit_keys)
        if account is None or not result.ok:
            raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    return await _start_login(ctx, account, result.rehash)


async def signup_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask for what an account needs; and for the code, while nobody runs the place."""
    if ctx.caller.account is not None:
        return redirect("/login")
    return _render_form(ctx, "signing/signup.html", {})


async def register_account(ctx: RequestContext) -> web.StreamResponse:
    """Make an account, the first admin's with the code, and sign this browser in."""
    await read_fields(ctx, MAX_LENGTHS)
    policy = ctx.app.service(SignupPolicy)
    limit_key = f"sign-up {ctx.address}"
    limiter = ctx.app.per_process(SignupLimiter)
    limiter.check(limit_key)
    email = validate_email(ctx.body["email"])
    validate_password(ctx.body["password"])
    limiter.record_failure(limit_key)
    code = ctx.body["code"].strip().lower()
    if code and (ctx.core.query(has_admin) or not constant_time_equals(code, policy.start_code)):
        raise DomainError(ErrorCode.INVALID_CREDENTIALS, what="code")
    if ctx.core.query(find_account_by_email, email=email) is not None:
        raise DomainError(ErrorCode.EMAIL_TAKEN)
    account = await ctx.core.execute(
        sign_up,
        email=email,
        password=await ctx.app.service(PasswordService).hash(ctx.body["password"]),
        nickname=clean_text(ctx.body["nickname"]),
        active=policy.open,
        first=bool(code),
    )
    log.info("Account %s has signed up%s.", account.id, " as admin" if account.admin else "")
    return await _start_login(ctx, account, None)


async def log_out(ctx: RequestContext) -> web.StreamResponse:
    """This browser is nobody's any more."""
    await read_csrf_form(ctx)
    if ctx.caller.token_id:
        await ctx.core.execute(revoke_login_session, login_session_id=ctx.caller.token_id)
    return clear_login_cookie(ctx, redirect("/"))


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """The form again, with what was typed and what was wrong; or a page that says it."""
    status, message = ERROR_MESSAGES.get(error.code, DEFAULT_ERROR)
    if error.details.get("what") == "code":
        message = WRONG_START_CODE
    details = {"wait": 60, "minimum": 8, **error.details}
    message = request_language(ctx.request).gettext(message).format(**details)
    template = FORM_TEMPLATES.get(ctx.route.endpoint)
    if template is not None:
        response = _render_form(ctx, template, {"error": message}, status)
    else:
        response = render_page(
            ctx.request, "error.html", {"status": status, "message": message}, status
        )
    if status == 429:
        response.headers["Retry-After"] = str(details["wait"])
    return response


async def _start_login(
    ctx: RequestContext, account: Account, rehashed: str | None
) -> web.StreamResponse:
    secret = await ctx.core.execute(
        create_login_session,
        account_id=account.id,
        browser=clean_text(ctx.request.headers.get("User-Agent", "")),
        rehashed=rehashed,
        replaces_id=ctx.caller.token_id,
    )
    target = safe_redirect_path(ctx.body["next_url"] or "/")
    return set_login_cookie(ctx, redirect(target if account.active else "/login"), secret)


def _render_form(
    ctx: RequestContext, template: str, context: dict[str, Any], status: int = 200
) -> web.Response:
    values = {name: ctx.body.get(name, "") for name in ("email", "nickname", "code")}
    values["next_url"] = safe_redirect_path(
        ctx.body.get("next_url") or ctx.query.get("next_url") or "/"
    )
    no_admin = not ctx.core.query(has_admin)
    response = form_page(
        ctx, template, {"form_values": values, "no_admin": no_admin, **context}, status
    )
    # Who signs in on the way to a client goes on to wherever that client is.
    return allow_any_form_target(response)


ROUTES = (
    Route("GET", "/login", login_page, auth=optional_login),
    Route("POST", "/login", log_in, auth=optional_login),
    Route("POST", "/logout", log_out, auth=optional_login),
    Route("GET", "/signup", signup_page, auth=optional_login),
    Route("POST", "/signup", register_account, auth=optional_login),
)
