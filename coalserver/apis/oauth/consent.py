"""Consent: the page on which somebody lets a client act for him, or does not."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web
from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError

from coalserver.apis.oauth.errors import fault_said
from coalserver.apis.oauth.protocol import Asked, Protocol
from coalserver.core.commands.oauth import allow_client, deny_client
from coalserver.core.queries.accounts import account_numbered
from coalserver.core.queries.oauth import client_known, granted
from coalserver.domain.accounts.account import Account
from coalserver.web.api import Call, Route
from coalserver.web.pages.cookies import form_page, is_own, leads_to, signed_in, to_login
from coalserver.web.pages.forms import read_form
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.pages import may_lead_anywhere

MAY = (
    N_("see the worlds, players, chats and screenshots on this server, and its users’ e-mails"),
    N_("write in the chat of the game under your name"),
    N_("put up screenshots for you, and take yours down"),
)
MAY_AS_ADMIN = (N_("make, change, start and pause worlds, since you are an admin"),)
#: What a program that asks wrongly is told, on the page.
FAULTS = {
    "invalid_scope": N_("This server has only one kind of access, called data."),
    "unsupported_response_type": N_("It does not ask the way this server answers."),
    "unauthorized_client": N_("It is not allowed to ask."),
}
BROKEN = N_(
    "The program that made it is not known here, or would have you sent to a place it has not named."
)
TOO_LATE = N_("This page was open for too long. Please choose again.")


async def ask(call: Call) -> web.StreamResponse:
    """Ask whoever is signed in; who has granted before is sent on at once."""
    account = _account(call)
    if account is None:
        return to_login(call)
    asked = Asked("GET", list(call.request.query.items()))
    try:
        _validated(call, asked, account)
    except OAuth2Error as fault:
        client = call.core.see(client_known, code=asked.payload.client_id or "")
        known = client is not None and call.core.see(
            granted, account=account.id, client=client.id, scope=client.scope
        )
        return (
            _sent_back(asked, fault)
            if fault.redirect_uri and known
            else _page(call, account, asked, fault)
        )
    asking = asked.client.client.id
    if call.core.see(granted, account=account.id, client=asking, scope=asked.scope):
        return await _sent_on(call, asked, account)
    return _page(call, account, asked)


async def decide(call: Call) -> web.StreamResponse:
    """Grant or deny; the browser goes back to the client either way."""
    account = _account(call)
    if account is None:
        return to_login(call)
    asked = Asked("GET", list(call.request.query.items()))
    form = await read_form(call.request)
    fault: OAuth2Error | None = None
    try:
        _validated(call, asked, account)
    except OAuth2Error as found:
        fault = found
    if not is_own(call, form):
        return _page(call, account, asked, fault, 403, TOO_LATE)
    if fault is not None:
        return _sent_back(asked, fault)
    if "grant" in dict(form):
        return await _sent_on(call, asked, account)
    await call.core.do(deny_client, client=asked.client.client.id, account=account.id)
    return _sent_back(asked, AccessDeniedError(redirect_uri=asked.payload.redirect_uri))


async def show(call: Call) -> web.StreamResponse:
    """What a program without an address of its own asks one to copy into it."""
    if _account(call) is None:
        return to_login(call)
    code, error = call.query.get("code", ""), call.query.get("error", "")
    shown = {
        "title": N_("Not connected"),
        "words": N_("The program was not let in:"),
        "value": error,
    }
    if code:
        words = N_(
            "Copy this code into the program that asked for it. It works once, for ten minutes."
        )
        shown = {"title": N_("Your code"), "words": words, "value": code}
    elif not error:
        shown = {
            "title": N_("Nothing to show"),
            "words": N_("There is neither a code nor an error."),
            "value": "",
        }
    return form_page(call, "oauth/show.html", shown)


def _account(call: Call) -> Account | None:
    """Who is signed in and may come in."""
    account = (
        call.core.see(account_numbered, id=call.caller.account) if call.caller.account else None
    )
    return account if account is not None and account.active else None


def _validated(call: Call, asked: Asked, account: Account) -> None:
    """Raises a fault that leads back to the client only where that address is known to be the client's."""
    if not asked.payload.redirect_uri:
        raise InvalidRequestError()
    Protocol(call.core).get_consent_grant(asked, account)


async def _sent_on(call: Call, asked: Asked, account: Account) -> web.StreamResponse:
    said = asked.payload.data
    challenge = said.get("code_challenge", "")
    code = await call.core.do(
        allow_client,
        client=asked.client.client.id,
        account=account.id,
        scope=asked.scope,
        redirect_uri=said["redirect_uri"],
        challenge=challenge,
        method=said.get("code_challenge_method", "") if challenge else "",
    )
    return leads_to(_with(asked, [("code", code)]))


def _sent_back(asked: Asked, fault: OAuth2Error) -> web.StreamResponse:
    """To the client with an error code; where it is not known to be the client, nowhere."""
    code = fault.error
    if code == "unsupported_response_type" and not asked.payload.response_type:
        code = "invalid_request"
    if not fault.redirect_uri:
        return fault_said(InvalidRequestError())
    return leads_to(_with(asked, [("error", code)]))


def _with(asked: Asked, params: Iterable[tuple[str, str]]) -> str:
    state = asked.payload.state
    more = [*params, *([("state", state)] if state else [])]
    location: str = add_params_to_uri(asked.payload.redirect_uri, more)
    return location


def _page(
    call: Call,
    account: Account,
    asked: Asked,
    fault: OAuth2Error | None = None,
    status: int = 200,
    wrong: str = "",
) -> web.StreamResponse:
    """Who asks, for what, and where one goes from here."""
    leads_back = fault is None or bool(fault.redirect_uri)
    client = call.core.see(client_known, code=asked.payload.client_id or "") if leads_back else None
    uri = asked.payload.redirect_uri or ""
    told = ""
    if fault is not None:
        told = (
            FAULTS.get(fault.error, N_("It asks in a way this server does not know."))
            if client
            else BROKEN
        )
    context = {
        "account": account,
        "client": client,
        "fault": told,
        "wrong": wrong,
        "may": (*MAY, *(MAY_AS_ADMIN if account.admin else ())),
        "place": urlsplit(uri).netloc if client else "",
        "action": call.request.path_qs,
    }
    return may_lead_anywhere(form_page(call, "oauth/consent.html", context, status))


ROUTES = (
    Route("GET", "/oauth/v1/auth", ask, who=signed_in, private=True),
    Route("POST", "/oauth/v1/auth", decide, who=signed_in, private=True),
    Route("GET", "/oauth/v1/show", show, who=signed_in, private=True),
)
