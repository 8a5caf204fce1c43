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

from coalserver.core.queries.accounts import account_numbered, sign_in_shown
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import NOBODY, Call, Caller
from coalserver.web.pages.forms import Pairs, read_form
from coalserver.web.pages.i18n import choose
from coalserver.web.pages.pages import HEADERS, WHO, page

COOKIE = "coal"
#: Where no other site of the same domain can have set it.
GUARDED = "__Host-coal"
#: Seconds for which a form that was shown can be sent; as often as one likes.
FORM_SECONDS = 20 * 60
#: The field of every form that holds its seal.
SEAL = "csrf_token"


@dataclass(frozen=True, slots=True)
class Browser:
    """What the cookie of a request holds; a new secret where there was none."""

    secret: str
    fresh: bool

    def seal(self, now: float) -> str:
        """What a form shown now must come back with."""
        stamp = str(int(now))
        return f"{stamp}.{hmac.new(self.secret.encode(), stamp.encode(), 'sha256').hexdigest()}"

    def sealed(self, shown: str, now: float) -> bool:
        """Whether a form was shown to this browser, not long ago."""
        stamp, _, _ = shown.partition(".")
        if self.fresh or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
            return False
        right = self.seal(int(stamp))
        age = now - int(stamp)
        return hmac.compare_digest(right, _ascii(shown)) and -60 <= age < FORM_SECONDS


def browser_of(call: Call) -> Browser:
    """The browser a request came from."""
    secret = call.request.cookies.get(_name(call), "")
    if len(secret) < 32 or not secret.isascii():
        return Browser(secrets.token_hex(24), True)
    return Browser(secret, False)


def signed_in(call: Call) -> Caller:
    """The account that is signed in with this browser, or nobody; `token` is the sign-in."""
    secret = call.request.cookies.get(_name(call), "")
    found = call.core.see(sign_in_shown, secret=secret, now=call.now) if secret else None
    account = call.core.see(account_numbered, id=found.account) if found else None
    if found is None or account is None:
        return NOBODY
    call.request[WHO] = account
    choose(call.request, account.language)
    return Caller(account=found.account, token=found.id)


async def own_form(call: Call) -> Pairs:
    """The form that was sent; refuses one that no page of ours has shown to this browser."""
    pairs = await read_form(call.request)
    checked_own(call, pairs)
    return pairs


def checked_own(call: Call, pairs: Pairs) -> None:
    """Refuse a form that no page of ours has shown to this browser."""
    if not is_own(call, pairs):
        raise Refusal(Why.BAD_TOKEN, what="form")


def is_own(call: Call, pairs: Pairs) -> bool:
    return browser_of(call).sealed(dict(pairs).get(SEAL, ""), call.now)


def form_page(
    call: Call, template: str, context: dict[str, Any], status: int = 200
) -> web.Response:
    """A page with forms, for this browser only."""
    browser = browser_of(call)
    response = page(call.request, template, {SEAL: browser.seal(call.now), **context}, status)
    response.headers["Cache-Control"] = "no-store"
    if browser.fresh:
        _set(call, response, browser.secret, None)
    return response


def leads_to(location: str) -> web.Response:
    """302: the browser goes on there, and nobody keeps where."""
    headers = {**HEADERS, "Cache-Control": "no-store", "Pragma": "no-cache", "Location": location}
    return web.Response(status=302, headers=headers)


def let_in(call: Call, response: web.Response, secret: str) -> web.Response:
    """The browser is signed in from now on."""
    _set(call, response, secret, int(call.core.setting.limits.sign_in))
    return response


def let_out(call: Call, response: web.Response) -> web.Response:
    """The browser is nobody's from now on."""
    response.del_cookie(_name(call), path="/", secure=_secure(call), httponly=True, samesite="Lax")
    return response


def local(path: str) -> str:
    """A path of this site as it is; `/` for whatever could lead anywhere else."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return "/"
    return quote(path, safe="/?&=%:+,;@!$'()*~#[]-._")


def to_login(call: Call) -> web.Response:
    """302: sign in first, then come back here."""
    return leads_to("/login?next_url=" + quote(call.request.path_qs, safe=""))


def _set(call: Call, response: web.Response, secret: str, seconds: int | None) -> None:
    response.set_cookie(
        _name(call),
        secret,
        max_age=seconds,
        path="/",
        secure=_secure(call),
        httponly=True,
        samesite="Lax",
    )


def _secure(call: Call) -> bool:
    return call.origin.startswith("https://")


def _name(call: Call) -> str:
    return GUARDED if _secure(call) else COOKIE


def _ascii(text: str) -> str:
    return text if text.isascii() else ""
