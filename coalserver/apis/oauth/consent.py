"""The consent page, on which a user lets a client act for their account or denies it."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web
from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError

from coalserver.apis.oauth.errors import render_oauth_error
from coalserver.apis.oauth.protocol import OAuthServer, TokenRequest
from coalserver.core.commands.oauth import grant_consent, revoke_consent
from coalserver.core.queries.oauth import client_by_code, has_consent
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.oauth import OAuthClient
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page, optional_login, redirect, redirect_to_login
from coalserver.web.pages.forms import is_csrf_valid, read_form
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.pages import allow_any_form_target, page_route

PERMISSIONS = (
    N_(
        "view this server’s worlds, players, chats and screenshots, and its users’ e‑mail addresses"
    ),
    N_("send chat messages to worlds under your name"),
    N_("upload screenshots for you, and delete yours"),
)
ADMIN_PERMISSIONS = (N_("add, change, start and stop worlds, since you are an administrator"),)
#: Authlib's error code -> its message on the page.
ERROR_MESSAGES = {
    "invalid_scope": N_("The app asks for access that this server does not offer."),
    "unsupported_response_type": N_("The app asks for a response that this server does not offer."),
    "unauthorized_client": N_("The app is not allowed to ask for access."),
}
INVALID_AUTHORIZATION = N_("The request of the app is not valid.")
UNKNOWN_CLIENT = N_(
    "The app is not registered on this server, or the link leads to an address that is not the app’s."
)
FORM_EXPIRED = N_("This form expired. Please choose again.")


async def consent_page(ctx: RequestContext) -> web.StreamResponse:
    """Show the consent page. With an earlier grant, redirect to the client at once."""
    account = _active_account(ctx)
    if account is None:
        return redirect_to_login(ctx)
    auth_request = TokenRequest("GET", list(ctx.request.query.items()))
    try:
        uri = _validate(ctx, auth_request, account)
    except OAuth2Error as error:
        client = ctx.core.query(client_by_code, code=auth_request.payload.client_id or "")
        known = client is not None and ctx.core.query(
            has_consent, account=account.id, client=client.id, scope=client.scope
        )
        return (
            _redirect_with_error(auth_request, error)
            if error.redirect_uri and known
            else _render_consent(ctx, account, auth_request, error.redirect_uri, error)
        )
    asking: OAuthClient = auth_request.client.client
    known = ctx.core.query(
        has_consent, account=account.id, client=asking.id, scope=auth_request.scope
    )
    if known and asking.is_identified_by(uri):
        return await _grant(ctx, auth_request, account, uri)
    return _render_consent(ctx, account, auth_request, uri)


async def decide(ctx: RequestContext) -> web.StreamResponse:
    """Grant or deny access, and redirect to the client."""
    account = _active_account(ctx)
    if account is None:
        return redirect_to_login(ctx)
    auth_request = TokenRequest("GET", list(ctx.request.query.items()))
    form = await read_form(ctx.request)
    error: OAuth2Error | None = None
    try:
        uri = _validate(ctx, auth_request, account)
    except OAuth2Error as validation_error:
        error, uri = validation_error, validation_error.redirect_uri
    if not is_csrf_valid(ctx, form):
        return _render_consent(ctx, account, auth_request, uri, error, 403, FORM_EXPIRED)
    if error is not None:
        return _redirect_with_error(auth_request, error)
    if "grant" in dict(form):
        return await _grant(ctx, auth_request, account, uri)
    await ctx.core.execute(
        revoke_consent, client=auth_request.client.client.id, account_id=account.id
    )
    return _redirect_with_error(auth_request, AccessDeniedError(redirect_uri=uri))


async def code_page(ctx: RequestContext) -> web.StreamResponse:
    """Show a code or an error, for apps without a redirect address of their own."""
    if _active_account(ctx) is None:
        return redirect_to_login(ctx)
    code, error = ctx.query.get("code", ""), ctx.query.get("error", "")
    title, text = N_("Not connected"), N_("The app was denied access:")
    if code:
        title = N_("Your code")
        text = N_("Copy this code into the app that asks for it. It works once, for ten minutes.")
    elif not error:
        title, text = N_("Nothing to show"), N_("This address has no code and no error.")
    return form_page(ctx, "oauth/code.html", {"title": title, "text": text, "value": code or error})


def _active_account(ctx: RequestContext) -> Account | None:
    """Return the account of the login session if it is active."""
    account = ctx.caller.account
    return account if account is not None and account.active else None


def _validate(ctx: RequestContext, auth_request: TokenRequest, account: Account) -> str:
    """Return the redirect URI: the request's, or the only one of the client.

    Raises OAuth2Error for an invalid request. The error has a redirect URI only where the client
    has registered it.
    """
    grant = OAuthServer(ctx.core).get_consent_grant(auth_request, account)
    uri: str = grant.redirect_uri
    return uri


async def _grant(
    ctx: RequestContext, auth_request: TokenRequest, account: Account, uri: str
) -> web.StreamResponse:
    params = auth_request.payload.data
    challenge = params.get("code_challenge", "")
    code = await ctx.core.execute(
        grant_consent,
        client=auth_request.client.client.id,
        account_id=account.id,
        scope=auth_request.scope,
        redirect_uri=params.get("redirect_uri", ""),
        challenge=challenge,
        method=params.get("code_challenge_method", "") if challenge else "",
    )
    return redirect(_redirect_uri(auth_request, uri, [("code", code)]))


def _redirect_with_error(auth_request: TokenRequest, error: OAuth2Error) -> web.StreamResponse:
    """Redirect to the client with an error code; without a registered address, return a 400."""
    code = error.error
    if code == "unsupported_response_type" and not auth_request.payload.response_type:
        code = "invalid_request"
    if not error.redirect_uri:
        return render_oauth_error(InvalidRequestError())
    return redirect(_redirect_uri(auth_request, error.redirect_uri, [("error", code)]))


def _redirect_uri(auth_request: TokenRequest, uri: str, params: Iterable[tuple[str, str]]) -> str:
    state = auth_request.payload.state
    all_params = [*params, *([("state", state)] if state else [])]
    location: str = add_params_to_uri(uri, all_params)
    return location


def _render_consent(
    ctx: RequestContext,
    account: Account,
    auth_request: TokenRequest,
    uri: str | None,
    error: OAuth2Error | None = None,
    status: int = 0,
    form_error: str = "",
) -> web.StreamResponse:
    """Return the consent page: the client, its permissions and the address it redirects to.

    Without a registered address, `uri`, it is a 400 page that names no client.
    """
    client = (
        ctx.core.query(client_by_code, code=auth_request.payload.client_id or "") if uri else None
    )
    message = ""
    if error is not None:
        message = (
            ERROR_MESSAGES.get(error.error, INVALID_AUTHORIZATION) if client else UNKNOWN_CLIENT
        )
    context = {
        "account": account,
        "client": client,
        "error": message,
        "form_error": form_error,
        "permissions": (*PERMISSIONS, *(ADMIN_PERMISSIONS if account.admin else ())),
        "redirect_host": urlsplit(uri).netloc or f"{urlsplit(uri).scheme}:" if uri else "",
        "action": ctx.request.path_qs,
    }
    status = status or (200 if client else 400)
    return allow_any_form_target(form_page(ctx, "oauth/consent.html", context, status))


PAGES = (
    Route("GET", "/oauth/v1/auth", consent_page, auth=optional_login, private=True),
    Route("POST", "/oauth/v1/auth", decide, auth=optional_login, private=True, reads_body=True),
    Route("GET", "/oauth/v1/show", code_page, auth=optional_login, private=True),
)
ROUTES = tuple(map(page_route, PAGES))
