"""The browser's cookie: login sessions and CSRF tokens.

One cookie serves both. It holds a random secret: a login session stores its digest, and a CSRF token is an HMAC
under it.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web

from coalserver.core.caller import ANONYMOUS, Caller
from coalserver.core.queries.accounts import find_account, login_session_by_secret
from coalserver.web.context import RequestContext
from coalserver.web.pages.clock import set_request_zone
from coalserver.web.pages.cookie_header import find_cookie
from coalserver.web.pages.i18n import set_request_language
from coalserver.web.pages.pages import ACCOUNT_KEY, PAGE_HEADERS, render_page

COOKIE_NAME = "coal"
#: Prefix over HTTPS: browsers accept it from this host only, not from another subdomain, and for all paths.
HOST_PREFIX = "__Host-"
#: Prefix over HTTPS for a cookie of a base path.
SECURE_PREFIX = "__Secure-"
#: Suffix and lifetime of the cookie by which a browser is known after its logout.
KNOWN_SUFFIX, KNOWN_SECONDS = "-known", 30 * 86_400
#: Seconds for which a shown form can be submitted, any number of times.
CSRF_TOKEN_SECONDS = 20 * 60
#: Seconds by which a token may be ahead of the clock, should the clock be set back.
MAX_CLOCK_SKEW_SECONDS = 60
#: The field of every form that holds its CSRF token.
CSRF_FIELD = "csrf_token"


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """The secret in a request's cookie, or a new one if the request has none."""

    secret: str
    is_new: bool

    def csrf_token(self, now: float) -> str:
        """Return the token of a form shown now: a timestamp and its HMAC."""
        timestamp = str(int(now))
        return f"{timestamp}.{hmac.new(self.secret.encode(), timestamp.encode(), 'sha256').hexdigest()}"

    def verify_csrf_token(self, token: str, now: float) -> bool:
        """Return whether a form was shown to this browser within CSRF_TOKEN_SECONDS."""
        timestamp, _, _ = token.partition(".")
        if self.is_new or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            return False
        expected = self.csrf_token(int(timestamp))
        age = now - int(timestamp)
        return (
            hmac.compare_digest(expected, _ascii_or_empty(token))
            and -MAX_CLOCK_SKEW_SECONDS <= age < CSRF_TOKEN_SECONDS
        )


def read_browser_cookie(ctx: RequestContext) -> BrowserCookie:
    """Return the cookie of the browser that sent the request."""
    secret = find_cookie(ctx.headers, _cookie_name(ctx)) or ""
    if len(secret) < 32 or not secret.isascii():
        return BrowserCookie(secrets.token_hex(24), True)
    return BrowserCookie(secret, False)


def optional_login(ctx: RequestContext) -> Caller:
    """Return the account that is logged in with this browser, or ANONYMOUS.

    The caller's `token_id` is the login session. The account may be inactive.
    """
    caller = login_reader(ctx)()
    account = caller.account
    if account is not None:
        ctx.request[ACCOUNT_KEY] = account
        set_request_language(ctx.request, account.language)
        set_request_zone(ctx.request, account.chosen_zone)
    return caller


def login_reader(ctx: RequestContext) -> Callable[[], Caller]:
    """Return a function that returns who is logged in with this browser at present. It does not keep the request."""
    core, secret = ctx.core, find_cookie(ctx.headers, _cookie_name(ctx))

    def read() -> Caller:
        if not secret:
            return ANONYMOUS
        login_session = core.query(login_session_by_secret, secret=secret, now=core.expiry_time)
        account = core.query(find_account, id=login_session.account) if login_session else None
        if login_session is None or account is None:
            return ANONYMOUS
        return Caller(account_id=account.id, token_id=login_session.id, account=account)

    return read


def form_page(
    ctx: RequestContext, template: str, context: dict[str, Any], status: int = 200
) -> web.Response:
    """Render a page with forms. It is not cached, and sets a cookie if the browser has none."""
    cookie = read_browser_cookie(ctx)
    response = render_page(
        ctx.request, template, {CSRF_FIELD: cookie.csrf_token(ctx.now), **context}, status
    )
    response.headers["Cache-Control"] = "no-store"
    if cookie.is_new:
        _set_cookie(ctx, response, cookie.secret, None)
    return response


def redirect(location: str) -> web.Response:
    """Return a 302 that no cache stores."""
    headers = {
        **PAGE_HEADERS,
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
        "Location": location,
    }
    return web.Response(status=302, headers=headers)


def set_login_cookie(ctx: RequestContext, response: web.Response, secret: str) -> web.Response:
    """Log the browser in for the lifetime of a login session.

    A cookie that an earlier logout has left would hold the secret of that login: it is replaced.
    """
    name = _cookie_name(ctx) + KNOWN_SUFFIX
    if find_cookie(ctx.headers, name) is not None:
        _set_cookie(ctx, response, secret, KNOWN_SECONDS, name)
    _set_cookie(ctx, response, secret, int(ctx.core.context.limits.login_session))
    return response


def known_browser_secret(ctx: RequestContext) -> str:
    """Return the secret of the last login of this browser, also after its end; a random one without any."""
    name = _cookie_name(ctx)
    known = find_cookie(ctx.headers, name + KNOWN_SUFFIX) or find_cookie(ctx.headers, name)
    return known or secrets.token_hex(24)


def clear_login_cookie(ctx: RequestContext, response: web.Response) -> web.Response:
    """Log the browser out. Another cookie keeps the secret, which proves no login but a known browser."""
    if ctx.caller.token_id:
        secret = find_cookie(ctx.headers, _cookie_name(ctx)) or ""
        _set_cookie(ctx, response, secret, KNOWN_SECONDS, _cookie_name(ctx) + KNOWN_SUFFIX)
    response.del_cookie(
        _cookie_name(ctx),
        path=_cookie_path(ctx),
        secure=_is_https(ctx),
        httponly=True,
        samesite="Lax",
    )
    return response


def safe_redirect_path(path: str) -> str:
    """Return a path of this site unchanged, and `/` for anything that might lead elsewhere."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return "/"
    return quote(path, safe="/?&=%:+,;@!$'()*~#[]-._")


def redirect_to_login(ctx: RequestContext) -> web.Response:
    """Return a 302 to the login page, which leads back to this one."""
    return redirect("/login?next_url=" + quote(ctx.request.path_qs, safe=""))


def _set_cookie(
    ctx: RequestContext, response: web.Response, secret: str, seconds: int | None, name: str = ""
) -> None:
    response.set_cookie(
        name or _cookie_name(ctx),
        secret,
        max_age=seconds,
        path=_cookie_path(ctx),
        secure=_is_https(ctx),
        httponly=True,
        samesite="Lax",
    )


def _is_https(ctx: RequestContext) -> bool:
    return ctx.public_url.startswith("https://")


def _cookie_path(ctx: RequestContext) -> str:
    return ctx.app.base_path or "/"


def _cookie_name(ctx: RequestContext) -> str:
    """Return the name of the cookie. It has the base path: two servers of one host get each other's cookies."""
    base_path = ctx.app.base_path
    name = COOKIE_NAME + base_path.replace("/", ".")
    if not _is_https(ctx):
        return name
    return (SECURE_PREFIX if base_path else HOST_PREFIX) + name


def _ascii_or_empty(text: str) -> str:
    return text if text.isascii() else ""
