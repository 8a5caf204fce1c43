"""Consent: the page on which somebody lets a client act for him, or does not."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web
from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError

from coalserver.apis.oauth.errors import render_oauth_error
from coalserver.apis.oauth.protocol import OAuthServer, TokenRequest
from coalserver.core.commands.oauth import grant_consent, revoke_consent
from coalserver.core.queries.accounts import account_by_id
from coalserver.core.queries.oauth import client_by_code, has_consent
from coalserver.domain.accounts.account import Account
from coalserver.web.api import RequestContext, Route
from coalserver.web.pages.cookies import (
    form_page,
    is_csrf_valid,
    optional_login,
    redirect,
    redirect_to_login,
)
from coalserver.web.pages.forms import read_form
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.pages import allow_any_form_target

PERMISSIONS = (
    N_("see the worlds, players, chats and screenshots on this server, and its users’ e-mails"),
    N_("write in the chat of the game under your name"),
    N_("put up screenshots for you, and take yours down"),
)
ADMIN_PERMISSIONS = (N_("make, change, start and pause worlds, since you are an admin"),)
#: What a program that asks wrongly is told, on the page.
ERROR_MESSAGES = {
    "invalid_scope": N_("This server has only one kind of access, called data."),
    "unsupported_response_type": N_("It does not ask the way this server answers."),
    "unauthorized_client": N_("It is not allowed to ask."),
}
UNKNOWN_CLIENT = N_(
    "The program that made it is not known here, or would have you sent to a place it has not named."
)
FORM_EXPIRED = N_("This page was open for too long. Please choose again.")


async def consent_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask whoever is signed in; who has granted before is sent on at once."""
    account = _active_account(ctx)
    if account is None:
        return redirect_to_login(ctx)
    auth_request = TokenRequest("GET", list(ctx.request.query.items()))
    try:
        _validate(ctx, auth_request, account)
    except OAuth2Error as error:
        client = ctx.core.query(client_by_code, code=auth_request.payload.client_id or "")
        known = client is not None and ctx.core.query(
            has_consent, account=account.id, client=client.id, scope=client.scope
        )
        return (
            _redirect_with_error(auth_request, error)
            if error.redirect_uri and known
            else _render_consent(ctx, account, auth_request, error)
        )
    client_id = auth_request.client.client.id
    if ctx.core.query(has_consent, account=account.id, client=client_id, scope=auth_request.scope):
        return await _grant(ctx, auth_request, account)
    return _render_consent(ctx, account, auth_request)


async def decide(ctx: RequestContext) -> web.StreamResponse:
    """Grant or deny; the browser goes back to the client either way."""
    account = _active_account(ctx)
    if account is None:
        return redirect_to_login(ctx)
    auth_request = TokenRequest("GET", list(ctx.request.query.items()))
    form = await read_form(ctx.request)
    error: OAuth2Error | None = None
    try:
        _validate(ctx, auth_request, account)
    except OAuth2Error as validation_error:
        error = validation_error
    if not is_csrf_valid(ctx, form):
        return _render_consent(ctx, account, auth_request, error, 403, FORM_EXPIRED)
    if error is not None:
        return _redirect_with_error(auth_request, error)
    if "grant" in dict(form):
        return await _grant(ctx, auth_request, account)
    await ctx.core.execute(
        revoke_consent, client=auth_request.client.client.id, account_id=account.id
    )
    return _redirect_with_error(
        auth_request, AccessDeniedError(redirect_uri=auth_request.payload.redirect_uri)
    )


async def code_page(ctx: RequestContext) -> web.StreamResponse:
    """What a program without an address of its own asks one to copy into it."""
    if _active_account(ctx) is None:
        return redirect_to_login(ctx)
    code, error = ctx.query.get("code", ""), ctx.query.get("error", "")
    context = {
        "title": N_("Not connected"),
        "text": N_("The program was not let in:"),
        "value": error,
    }
    if code:
        text = N_(
            "Copy this code into the program that asked for it. It works once, for ten minutes."
        )
        context = {"title": N_("Your code"), "text": text, "value": code}
    elif not error:
        context = {
            "title": N_("Nothing to show"),
            "text": N_("There is neither a code nor an error."),
            "value": "",
        }
    return form_page(ctx, "oauth/code.html", context)


def _active_account(ctx: RequestContext) -> Account | None:
    """Who is signed in and may come in."""
    account = ctx.core.query(account_by_id, id=ctx.caller.account) if ctx.caller.account else None
    return account if account is not None and account.active else None


def _validate(ctx: RequestContext, auth_request: TokenRequest, account: Account) -> None:
    """Raises a fault that leads back to the client only where that address is known to be the client's."""
    if not auth_request.payload.redirect_uri:
        raise InvalidRequestError()
    OAuthServer(ctx.core).get_consent_grant(auth_request, account)


async def _grant(
    ctx: RequestContext, auth_request: TokenRequest, account: Account
) -> web.StreamResponse:
    params = auth_request.payload.data
    challenge = params.get("code_challenge", "")
    code = await ctx.core.execute(
        grant_consent,
        client=auth_request.client.client.id,
        account_id=account.id,
        scope=auth_request.scope,
        redirect_uri=params["redirect_uri"],
        challenge=challenge,
        method=params.get("code_challenge_method", "") if challenge else "",
    )
    return redirect(_redirect_uri(auth_request, [("code", code)]))


def _redirect_with_error(auth_request: TokenRequest, error: OAuth2Error) -> web.StreamResponse:
    """To the client with an error code; where it is not known to be the client, nowhere."""
    code = error.error
    if code == "unsupported_response_type" and not auth_request.payload.response_type:
        code = "invalid_request"
    if not error.redirect_uri:
        return render_oauth_error(InvalidRequestError())
    return redirect(_redirect_uri(auth_request, [("error", code)]))


def _redirect_uri(auth_request: TokenRequest, params: Iterable[tuple[str, str]]) -> str:
    state = auth_request.payload.state
    all_params = [*params, *([("state", state)] if state else [])]
    location: str = add_params_to_uri(auth_request.payload.redirect_uri, all_params)
    return location


def _render_consent(
    ctx: RequestContext,
    account: Account,
    auth_request: TokenRequest,
    error: OAuth2Error | None = None,
    status: int = 200,
    form_error: str = "",
) -> web.StreamResponse:
    """Who asks, for what, and where one goes from here."""
    can_redirect = error is None or bool(error.redirect_uri)
    client = (
        ctx.core.query(client_by_code, code=auth_request.payload.client_id or "")
        if can_redirect
        else None
    )
    uri = auth_request.payload.redirect_uri or ""
    message = ""
    if error is not None:
        message = (
            ERROR_MESSAGES.get(error.error, N_("It asks in a way this server does not know."))
            if client
            else UNKNOWN_CLIENT
        )
    context = {
        "account": account,
        "client": client,
        "error": message,
        "form_error": form_error,
        "permissions": (*PERMISSIONS, *(ADMIN_PERMISSIONS if account.admin else ())),
        "redirect_host": urlsplit(uri).netloc if client else "",
        "action": ctx.request.path_qs,
    }
    return allow_any_form_target(form_page(ctx, "oauth/consent.html", context, status))


ROUTES = (
    Route("GET", "/oauth/v1/auth", consent_page, auth=optional_login, private=True),
    Route("POST", "/oauth/v1/auth", decide, auth=optional_login, private=True),
    Route("GET", "/oauth/v1/show", code_page, auth=optional_login, private=True),
)
