"""Login, sign-up and logout."""

import logging
import secrets
from dataclasses import dataclass, field

from aiohttp import web

from coalserver.core.commands.accounts import (
    browser_digest,
    create_login_session,
    revoke_login_session,
    sign_up,
)
from coalserver.core.queries.accounts import find_account_by_email, has_admin
from coalserver.domain.accounts.account import Account, validate_email, validate_password
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import constant_time_equals, printable
from coalserver.security.passwords import PasswordService, VerifyResult
from coalserver.site.errors import ErrorMessages, add_retry_after, error_message, error_page
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.login_limits import login_limit_keys
from coalserver.web.pages.cookies import (
    clear_login_cookie,
    form_page,
    known_browser_secret,
    optional_login,
    redirect,
    safe_redirect_path,
    set_login_cookie,
)
from coalserver.web.pages.forms import FormSchema, RawText, load_form, read_csrf_form
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.pages.pages import allow_any_form_target
from coalserver.web.schemas import Name, Secret, Text
from coalserver.web.throttling import UseLimit

log = logging.getLogger(__name__)

MAX_PASSWORD_LENGTH, MAX_NICKNAME_LENGTH = 1000, 50
ERROR_MESSAGES: ErrorMessages = {
    ErrorCode.INVALID_CREDENTIALS: (403, N_("Incorrect e‑mail or password.")),
    ErrorCode.EMAIL_TAKEN: (
        400,
        N_("An account with this e‑mail already exists. Sign in instead."),
    ),
    ErrorCode.INVALID_EMAIL: (400, N_("Enter a valid e‑mail address.")),
}
WRONG_START_CODE: ErrorMessages = {
    ErrorCode.INVALID_CREDENTIALS: (
        403,
        N_("The start code is incorrect. The server prints it when it starts."),
    )
}
FORM_TEMPLATES = {"log_in": "signing/login.html", "register_account": "signing/signup.html"}


class LoginSchema(FormSchema):
    """The form of the login page."""

    email = Text(high=254)
    password = Secret(high=MAX_PASSWORD_LENGTH)
    next_url = RawText(high=8000)


class SignupSchema(LoginSchema):
    """The form of the sign-up page."""

    nickname = Name(high=MAX_NICKNAME_LENGTH)
    code = Text(high=100)


LOG_IN, SIGN_UP = LoginSchema(), SignupSchema()


@dataclass(frozen=True, slots=True)
class SignupPolicy:
    """Whether new accounts are active at once, and the code that makes the first admin."""

    open: bool = False
    #: Valid until the server has an admin.
    start_code: str = field(default_factory=lambda: secrets.token_hex(16))


async def login_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask for e-mail and password. A signed-in user is redirected, or sees that the account is pending."""
    account = ctx.caller.account
    if account is None:
        return _render_form(ctx, "signing/login.html")
    if not account.active:
        return form_page(ctx, "signing/waiting.html", {"account": account})
    return redirect(safe_redirect_path(ctx.query.get("next_url", "/")))


async def log_in(ctx: RequestContext) -> web.StreamResponse:
    """Sign this browser in and redirect to `next_url`."""
    form = await load_form(ctx, LOG_IN)
    email = form["email"].lower()
    account = ctx.core.query(find_account_by_email, email=email)
    result = await verify_password(
        ctx, email, account.password if account else None, form["password"]
    )
    if account is None:
        raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    return await _start_login(ctx, account, form["next_url"], result.rehash)


async def verify_password(
    ctx: RequestContext, email: str, password_hash: str | None, password: str
) -> VerifyResult:
    """Verify a password against its hash; None is the hash of an unknown account.

    Raises RATE_LIMITED after too many failures of the address or the account, and INVALID_CREDENTIALS.
    """
    limiter = ctx.app.failure_limiter
    keys = login_limit_keys(ctx, email, browser_digest(known_browser_secret(ctx)))
    with limiter.guard(*keys, on=ErrorCode.INVALID_CREDENTIALS):
        result = await ctx.app.service(PasswordService).verify(password_hash, password)
        # Other attempts can have failed during the verification.
        limiter.check(*keys)
        if not result.ok:
            raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    return result


async def signup_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask for the fields of an account, and for the start code while the server has no admin."""
    if ctx.caller.account is not None:
        return redirect("/login")
    return _render_form(ctx, "signing/signup.html")


async def register_account(ctx: RequestContext) -> web.StreamResponse:
    """Create an account and sign this browser in. With the start code, the account is the first admin's."""
    form = await load_form(ctx, SIGN_UP)
    policy = ctx.app.service(SignupPolicy)
    email, code = validate_email(form["email"]), form["code"].lower()
    validate_password(form["password"])
    ctx.take(UseLimit.ACCOUNTS)
    if code and (ctx.core.query(has_admin) or not constant_time_equals(code, policy.start_code)):
        raise DomainError(ErrorCode.INVALID_CREDENTIALS, subject="code")
    if ctx.core.query(find_account_by_email, email=email) is not None:
        raise DomainError(ErrorCode.EMAIL_TAKEN)
    account = await ctx.core.execute(
        sign_up,
        email=email,
        password=await ctx.app.service(PasswordService).hash(form["password"]),
        nickname=form["nickname"],
        active=policy.open,
        first=bool(code),
    )
    log.info("Account %s signed up%s.", account.id, " as admin" if account.admin else "")
    return await _start_login(ctx, account, form["next_url"])


async def log_out(ctx: RequestContext) -> web.StreamResponse:
    """Revoke the login session of this browser."""
    await read_csrf_form(ctx)
    if ctx.caller.token_id:
        await ctx.core.execute(revoke_login_session, login_session_id=ctx.caller.token_id)
    return clear_login_cookie(ctx, redirect("/"))


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return the form again with its input and an error message, or an error page."""
    messages = WRONG_START_CODE if error.details.get("subject") == "code" else ERROR_MESSAGES
    status, message = error_message(error, messages, request_language(ctx.request))
    template = FORM_TEMPLATES.get(ctx.route.endpoint)
    if template is None:
        return add_retry_after(error_page(ctx, status, message), error)
    return add_retry_after(_render_form(ctx, template, message, status), error)


async def _start_login(
    ctx: RequestContext, account: Account, next_url: str, rehashed: str | None = None
) -> web.StreamResponse:
    secret = await ctx.core.execute(
        create_login_session,
        account_id=account.id,
        browser=printable(ctx.request.headers.get("User-Agent", "")).strip(),
        rehashed=rehashed,
        replaces_id=ctx.caller.token_id,
        known_digest=browser_digest(known_browser_secret(ctx)),
    )
    path = safe_redirect_path(next_url or "/") if account.active else "/login"
    return set_login_cookie(ctx, redirect(path), secret)


def _render_form(
    ctx: RequestContext, template: str, error: str = "", status: int = 200
) -> web.Response:
    values = {name: ctx.body.get(name, "") for name in ("email", "nickname", "code")}
    values["next_url"] = safe_redirect_path(
        ctx.body.get("next_url") or ctx.query.get("next_url") or "/"
    )
    context = {"form_values": values, "no_admin": not ctx.core.query(has_admin), "error": error}
    response = form_page(ctx, template, context, status)
    # The login of an app's user ends with a redirect to the app, at any address.
    return allow_any_form_target(response)


ROUTES = (
    Route("GET", "/login", login_page, auth=optional_login),
    Route("POST", "/login", log_in, auth=optional_login, reads_body=True),
    Route("POST", "/logout", log_out, auth=optional_login, reads_body=True),
    Route("GET", "/signup", signup_page, auth=optional_login),
    Route("POST", "/signup", register_account, auth=optional_login, reads_body=True),
)
