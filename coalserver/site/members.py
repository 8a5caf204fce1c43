"""Members: who may see the pages of an account, and those of admins; and what all others are told."""

from aiohttp import web

from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.site.auth import account_of
from coalserver.web.api import Call, Caller
from coalserver.web.pages.cookies import leads_to, signed_in, to_login
from coalserver.web.pages.i18n import N_, language_of
from coalserver.web.pages.pages import page

ONLY_ADMINS = N_("This page is for admins.")


def member_only(call: Call) -> Caller:
    """Somebody who is signed in and may come in."""
    call.caller = signed_in(call)
    account = account_of(call)
    if account is None:
        raise Refusal(Why.NO_TOKEN)
    if not account.active:
        raise Refusal(Why.INACTIVE)
    return call.caller


def admin_only(call: Call) -> Caller:
    """Somebody who runs the place."""
    caller = member_only(call)
    if not the_member(call).admin:
        raise Refusal(Why.NOT_ADMIN)
    return caller


def the_member(call: Call) -> Account:
    """The account behind a call that `member_only` or `admin_only` has let in."""
    account = account_of(call)
    if account is None:
        raise Refusal(Why.NO_TOKEN)
    return account


def turned_back(refusal: Refusal, call: Call, back: str) -> web.StreamResponse | None:
    """What one is told who may not be here; None for any other reason. `back` is where a form was shown."""
    if refusal.why is Why.NO_TOKEN:
        return to_login(call) if call.route.method == "GET" else leads_to(f"/login?next_url={back}")
    if refusal.why is Why.INACTIVE:
        return leads_to("/login")
    if refusal.why is Why.NOT_ADMIN:
        sentence = language_of(call.request).gettext(ONLY_ADMINS)
        return page(call.request, "astray.html", {"status": 403, "sentence": sentence}, 403)
    return None
