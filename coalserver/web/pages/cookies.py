"""Browsers: who is signed in with a cookie, and which forms our own pages sent.

One cookie does both. It holds a random secret: where a sign-in has its digest, it proves an account; and whoever
has been shown a form has been shown a seal that only who knows the cookie can make.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from coalserver.core.caller import ANONYMOUS, Caller
from coalserver.core.queries.accounts import find_account, login_session_by_secret
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext
from coalserver.web.pages.forms import Pairs, read_form
from coalserver.web.pages.i18n import set_request_language
from coalserver.web.pages.pages import ACCOUNT_KEY, PAGE_HEADERS, render_page

COOKIE_NAME = "coal"
#: Where no other site of the same domain can have set it.
SECURE_COOKIE_NAME = "__Host-coal"
#: Seconds for which a form that was shown can be sent; as often as one likes.
CSRF_TOKEN_SECONDS = 20 * 60
#: The field of every form that holds its seal.
CSRF_FIELD = "csrf_token"


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """What the cookie of a request holds; a new secret where there was none."""

    secret: str
    is_new: bool

    def csrf_token(self, now: float) -> str:
        """What a form shown now must come back with."""
        timestamp = str(int(now))
        return f"{timestamp}.{hmac.new(self.secret.encode(), timestamp.encode(), 'sha256').hexdigest()}"

    def verify_csrf_token(self, token: str, now: float) -> bool:
        """Whether a form was shown to this browser, not long ago."""
        timestamp, _, _ = token.partition(".")
        if self.is_new or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            return False
        expected = self.csrf_token(int(timestamp))
        age = now - int(timestamp)
        return (
            hmac.compare_digest(expected, _ascii_or_empty(token))
            and -60 <= age < CSRF_TOKEN_SECONDS
        )


def read_browser_cookie(ctx: RequestContext) -> BrowserCookie:
    """The browser a request came from."""
    secret = ctx.request.cookies.get(_cookie_name(ctx), "")
    if len(secret) < 32 or not secret.isascii():
        return BrowserCookie(secrets.token_hex(24), True)
    return BrowserCookie(secret, False)


def optional_login(ctx: RequestContext) -> Caller:
    """The account that is signed in with this browser, or nobody; `token` is the sign-in."""
    secret = ctx.request.cookies.get(_cookie_name(ctx), "")
    login_session = (
        ctx.core.query(login_session_by_secret, secret=secret, now=ctx.now) if secret else None
    )
    account = ctx.core.query(find_account, id=login_session.account) if login_session else None
    if login_session is None or account is None:
        return ANONYMOUS
    ctx.request[ACCOUNT_KEY] = account
    set_request_language(ctx.request, account.language)
    return Caller(account_id=account.id, token_id=login_session.id, account=account)


async def read_csrf_form(ctx: RequestContext) -> Pairs:
    """The form that was sent; refuses one that no page of ours has shown to this browser."""
    pairs = await read_form(ctx.request)
    check_csrf(ctx, pairs)
    return pairs


def check_csrf(ctx: RequestContext, pairs: Pairs) -> None:
    """Refuse a form that no page of ours has shown to this browser."""
    if not is_csrf_valid(ctx, pairs):
        raise DomainError(ErrorCode.INVALID_TOKEN, what="form")


def is_csrf_valid(ctx: RequestContext, pairs: Pairs) -> bool:
    return read_browser_cookie(ctx).verify_csrf_token(dict(pairs).get(CSRF_FIELD, ""), ctx.now)


def form_page(
    ctx: RequestContext, template: str, context: dict[str, Any], status: int = 200
) -> web.Response:
    """A page with forms, for this browser only."""
    cookie = read_browser_cookie(ctx)
    response = render_page(
        ctx.request, template, {CSRF_FIELD: cookie.csrf_token(ctx.now), **context}, status
    )
    response.headers["Cache-Control"] = "no-store"
    if cookie.is_new:
        _set_cookie(ctx, response, cookie.secret, None)
    return response


def redirect(location: str) -> web.Response:
    """302: the browser goes on there, and nobody keeps where."""
    headers = {
        **PAGE_HEADERS,
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
        "Location": location,
    }
    return web.Response(status=302, headers=headers)


def set_login_cookie(ctx: RequestContext, response: web.Response, secret: str) -> web.Response:
    """The browser is signed in from now on."""
    _set_cookie(ctx, response, secret, int(ctx.core.context.limits.login_session))
    return response


def clear_login_cookie(ctx: RequestContext, response: web.Response) -> web.Response:
    """The browser is nobody's from now on."""
    response.del_cookie(
        _cookie_name(ctx), path="/", secure=_is_https(ctx), httponly=True, samesite="Lax"
    )
    return response


def safe_redirect_path(path: str) -> str:
    """A path of this site as it is; `/` for whatever could lead anywhere else."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return "/"
    return quote(path, safe="/?&=%:+,;@!$'()*~#[]-._")


def redirect_to_login(ctx: RequestContext) -> web.Response:
    """302: sign in first, then come back here."""
    return redirect("/login?next_url=" + quote(ctx.request.path_qs, safe=""))


def _set_cookie(
    ctx: RequestContext, response: web.Response, secret: str, seconds: int | None
) -> None:
    response.set_cookie(
        _cookie_name(ctx),
        secret,
        max_age=seconds,
        path="/",
        secure=_is_https(ctx),
        httponly=True,
        samesite="Lax",
    )


def _is_https(ctx: RequestContext) -> bool:
    return ctx.origin.startswith("https://")


def _cookie_name(ctx: RequestContext) -> str:
    return SECURE_COOKIE_NAME if _is_https(ctx) else COOKIE_NAME


def _ascii_or_empty(text: str) -> str:
    return text if text.isascii() else ""
