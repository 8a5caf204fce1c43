"""Signing in: the pages on which people prove who they are, sign up, and leave."""

import logging
import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from coalserver.core.commands.account_admin import end_sign_in, open_sign_in, sign_up
from coalserver.core.queries.accounts import account_numbered, admin_there
from coalserver.core.queries.players import account_with
from coalserver.domain.accounts.account import Account, checked_email, checked_password
from coalserver.domain.accounts.oauth import same
from coalserver.domain.errors import Refusal, Why
from coalserver.security.passwords import Passwords
from coalserver.web.api import Call, Route, Web
from coalserver.web.pages.cookies import (
    form_page,
    leads_to,
    let_in,
    let_out,
    local,
    own_form,
    signed_in,
)
from coalserver.web.pages.i18n import N_, language_of
from coalserver.web.pages.pages import may_lead_anywhere, page
from coalserver.web.pages.typed import shown, typed
from coalserver.web.throttling import Failures

log = logging.getLogger(__name__)

LONGEST = {"email": 254, "password": 1000, "nickname": 50, "code": 100, "next_url": 8000}

#: Why -> (status, sentence).
WORDS: dict[Why, tuple[int, str]] = {
    Why.BAD_TOKEN: (403, N_("This page was open for too long. Please try again.")),
    Why.BAD_CREDENTIALS: (403, N_("E-mail and password do not match.")),
    Why.RATE_LIMITED: (429, N_("Too many tries. Try again in {wait} seconds.")),
    Why.EMAIL_TAKEN: (400, N_("This e-mail has an account already. Sign in instead.")),
    Why.EMAIL_INVALID: (400, N_("This is not an e-mail address.")),
    Why.PASSWORD_TOO_SHORT: (400, N_("A password has at least {least} characters.")),
}
OTHER = (400, N_("That did not work."))
WRONG_CODE = N_("This is not the code that the server has shown when it was started.")
TEMPLATES = {"log_in": "signing/in.html", "make_account": "signing/up.html"}


@dataclass(frozen=True, slots=True)
class SignUps:
    """Whether who signs up may come in at once, and what proves that one has started the server."""

    open: bool = False
    #: Until there is an admin.
    code: str = field(default_factory=lambda: secrets.token_hex(16))


class Tries(Failures):
    """Sign-ups by address: each costs us a password's hash, and an account."""

    def __init__(self, shared: Web) -> None:
        super().__init__(most=20, seconds=3600)


def account_of(call: Call) -> Account | None:
    """Who is signed in."""
    return call.core.see(account_numbered, id=call.caller.account) if call.caller.account else None


async def ask_in(call: Call) -> web.StreamResponse:
    """Ask for e-mail and password; who is signed in goes on, or is told that he has to wait."""
    account = account_of(call)
    if account is None:
        return _form(call, "signing/in.html", {})
    if not account.active:
        return form_page(call, "signing/waiting.html", {"account": account})
    return leads_to(local(call.query.get("next_url", "/")))


async def log_in(call: Call) -> web.StreamResponse:
    """Sign this browser in, and go on to where one wanted to go."""
    await typed(call, LONGEST)
    email, password = call.body["email"].strip().lower(), call.body["password"]
    tried = (f"login {call.address}", f"login {email}")
    call.web.failures.check(*tried)
    account = call.core.see(account_with, email=email)
    kept = account.password if account else None
    proof = await call.web.service(Passwords).proved(kept, password)
    # Once more: others may have failed while this one was proved.
    call.web.failures.check(*tried)
    if account is None or not proof.ok:
        call.web.failures.note(*tried)
        raise Refusal(Why.BAD_CREDENTIALS)
    return await _let_in(call, account, proof.rehash)


async def ask_up(call: Call) -> web.StreamResponse:
    """Ask for what an account needs; and for the code, while nobody runs the place."""
    if account_of(call) is not None:
        return leads_to("/login")
    return _form(call, "signing/up.html", {})


async def make_account(call: Call) -> web.StreamResponse:
    """Make an account, the first admin's with the code, and sign this browser in."""
    await typed(call, LONGEST)
    ups = call.web.service(SignUps)
    tried = f"sign-up {call.address}"
    tries = call.web.own(Tries)
    tries.check(tried)
    email = checked_email(call.body["email"])
    checked_password(call.body["password"])
    code = call.body["code"].strip().lower()
    if code and (call.core.see(admin_there) or not same(code, ups.code)):
        tries.note(tried)
        raise Refusal(Why.BAD_CREDENTIALS, what="code")
    if call.core.see(account_with, email=email) is not None:
        tries.note(tried)
        raise Refusal(Why.EMAIL_TAKEN)
    tries.note(tried)
    account = await call.core.do(
        sign_up,
        email=email,
        password=await call.web.service(Passwords).hashed(call.body["password"]),
        nickname=shown(call.body["nickname"]),
        active=ups.open,
        first=bool(code),
    )
    log.info("Account %s has signed up%s.", account.id, " as admin" if account.admin else "")
    return await _let_in(call, account, None)


async def log_out(call: Call) -> web.StreamResponse:
    """This browser is nobody's any more."""
    await own_form(call)
    if call.caller.token:
        await call.core.do(end_sign_in, sign_in=call.caller.token)
    return let_out(call, leads_to("/"))


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """The form again, with what was typed and what was wrong; or a page that says it."""
    status, sentence = WORDS.get(refusal.why, OTHER)
    if refusal.facts.get("what") == "code":
        sentence = WRONG_CODE
    facts = {"wait": 60, "least": 8, **refusal.facts}
    sentence = language_of(call.request).gettext(sentence).format(**facts)
    template = TEMPLATES.get(call.route.endpoint)
    if template is not None:
        answer = _form(call, template, {"wrong": sentence}, status)
    else:
        answer = page(call.request, "astray.html", {"status": status, "sentence": sentence}, status)
    if status == 429:
        answer.headers["Retry-After"] = str(facts["wait"])
    return answer


async def _let_in(call: Call, account: Account, rehashed: str | None) -> web.StreamResponse:
    secret = await call.core.do(
        open_sign_in,
        account=account.id,
        browser=shown(call.request.headers.get("User-Agent", "")),
        rehashed=rehashed,
        instead_of=call.caller.token,
    )
    go_on = local(call.body["next_url"] or "/")
    return let_in(call, leads_to(go_on if account.active else "/login"), secret)


def _form(call: Call, template: str, context: dict[str, Any], status: int = 200) -> web.Response:
    kept = {name: call.body.get(name, "") for name in ("email", "nickname", "code")}
    kept["next_url"] = local(call.body.get("next_url") or call.query.get("next_url") or "/")
    first = not call.core.see(admin_there)
    response = form_page(call, template, {"typed": kept, "first": first, **context}, status)
    # Who signs in on the way to a client goes on to wherever that client is.
    return may_lead_anywhere(response)


ROUTES = (
    Route("GET", "/login", ask_in, who=signed_in),
    Route("POST", "/login", log_in, who=signed_in),
    Route("POST", "/logout", log_out, who=signed_in),
    Route("GET", "/signup", ask_up, who=signed_in),
    Route("POST", "/signup", make_account, who=signed_in),
)
