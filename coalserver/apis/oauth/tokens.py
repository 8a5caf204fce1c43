"""Tokens: exchanged for a code, a refresh token or an agent's secret; revoked (RFC 7009); checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from aiohttp import web
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnsupportedGrantTypeError

from coalserver.apis.oauth.errors import NO_STORE, render_oauth_error
from coalserver.apis.oauth.protocol import (
    CodeAdapter,
    OAuthLimiter,
    OAuthServer,
    TokenRequest,
    read_basic_credentials,
    with_basic_credentials,
)
from coalserver.core.caller import Caller
from coalserver.core.commands.oauth import (
    IssuedTokens,
    issue_agent_tokens,
    redeem_code,
    refresh_tokens,
    revoke_client_token,
)
from coalserver.core.queries.oauth import account_of_tokens, tokens_by_access_token
from coalserver.domain.accounts.oauth import DATA_SCOPE
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Route
from coalserver.web.bearer import get_bearer_token
from coalserver.web.body import read_raw_body
from coalserver.web.context import RequestContext
from coalserver.web.pages.forms import FORM_CONTENT_TYPE, Pairs, parse_form_aside
from coalserver.web.responses import json_response

JSON = "application/json"
GRANTS = ("authorization_code", "refresh_token")
THROTTLED_ERRORS = ("invalid_client", "invalid_grant")


async def issue_tokens(ctx: RequestContext) -> web.StreamResponse:
    """Issue tokens to a client that authenticates. Of two requests with one code, one succeeds."""
    pairs, credentials = await _read_request(ctx)
    server = OAuthServer(ctx.core)
    try:
        with _limited_failures(ctx):
            token_request = _token_request(pairs, credentials)
            _check_complete(token_request)
            server.check_credentials(token_request, credentials is not None)
            _check_grant(token_request)
            server.get_token_grant(token_request).validate_token_request()
    except OAuth2Error as error:
        return render_oauth_error(error, credentials is not None)
    command, kwargs = _redemption(token_request)
    issued: IssuedTokens = await ctx.core.execute(command, **kwargs)
    return json_response(
        {
            "access_token": issued.access,
            "token_type": "Bearer",
            "expires_in": int(issued.expires_in),
            "refresh_token": issued.refresh,
        },
        200,
        NO_STORE,
    )


async def revoke_token(ctx: RequestContext) -> web.StreamResponse:
    """Revoke an access or refresh token and the one issued with it (RFC 7009); unknown ones are 200.

    The client authenticates as at the token endpoint. Some clients require a JSON body.
    """
    pairs, credentials = await _read_request(ctx)
    server = OAuthServer(ctx.core)
    try:
        with _limited_failures(ctx):
            token_request = _token_request(pairs, credentials)
            _check_no_repeats(token_request)
            server.check_credentials(token_request, credentials is not None)
            client = server.authenticate(token_request)
        token = token_request.payload.data.get("token")
        if not token:
            raise InvalidRequestError()
    except OAuth2Error as error:
        return render_oauth_error(error, credentials is not None)
    await ctx.core.execute(revoke_client_token, client=client.id, token=token)
    return json_response({}, 200, NO_STORE)


@contextmanager
def _limited_failures(ctx: RequestContext) -> Iterator[None]:
    """Count wrong credentials and tokens of an address. Entering raises RATE_LIMITED."""
    limiter, limit_key = ctx.app.per_process(OAuthLimiter), f"token {ctx.network}"
    limiter.check(limit_key)
    try:
        yield
    except OAuth2Error as error:
        if error.error in THROTTLED_ERRORS:
            limiter.record_failure(limit_key)
        raise


async def _read_request(ctx: RequestContext) -> tuple[Pairs, tuple[str, str] | None]:
    """Return the parameters of the body and the credentials of HTTP Basic. Raises INVALID_REQUEST."""
    pairs = await _read_pairs(ctx)
    return pairs, read_basic_credentials(ctx.headers.get("Authorization", ""))


def _token_request(pairs: Pairs, credentials: tuple[str, str] | None) -> TokenRequest:
    """Return the request for Authlib. Raises what `with_basic_credentials` raises."""
    if credentials is not None:
        pairs = with_basic_credentials(pairs, credentials)
    return TokenRequest("POST", pairs)


def _redemption(token_request: TokenRequest) -> tuple[Any, dict[str, Any]]:
    """Return the command that redeems a validated request, and its arguments.

    The command checks the code or token again, since another request may have used it up.
    """
    client = token_request.client.client.id
    params = token_request.payload.data
    if token_request.refresh_token is not None:
        token = {"token": params["refresh_token"], "scope": params.get("scope", "")}
        return refresh_tokens, {"client": client, **token}
    code: CodeAdapter = token_request.authorization_code
    if code.code is None:
        return issue_agent_tokens, {"client": client}
    presented = {"code": params["code"], "redirect_uri": params.get("redirect_uri", "")}
    return redeem_code, {"client": client, **presented}


def _check_complete(token_request: TokenRequest) -> None:
    """Raise invalid_request if a parameter is given twice or the grant type is missing."""
    _check_no_repeats(token_request)
    if not token_request.payload.grant_type:
        raise InvalidRequestError()


def _check_grant(token_request: TokenRequest) -> None:
    """Raise invalid_request if the parameter of a grant is missing or empty.

    Raises unsupported_grant_type for another grant type and for one that does not match the code
    or refresh token.
    """
    params = token_request.payload.data
    if params["grant_type"] not in GRANTS:
        raise UnsupportedGrantTypeError("other")
    refreshing = "refresh_token" in params
    if not params.get("refresh_token" if refreshing else "code"):
        raise InvalidRequestError()
    if refreshing != (params["grant_type"] == "refresh_token"):
        raise UnsupportedGrantTypeError("other")


def _check_no_repeats(token_request: TokenRequest) -> None:
    """Raise invalid_request if a parameter is given twice (RFC 6749, 3.2)."""
    if max(map(len, token_request.payload.datalist.values()), default=0) > 1:
        raise InvalidRequestError()


async def _read_pairs(ctx: RequestContext) -> Pairs:
    """Return the parameters of a form or a JSON body; without a Content-Type it is JSON.

    Raises INVALID_REQUEST.
    """
    raw = await read_raw_body(ctx)
    if ctx.content_type == FORM_CONTENT_TYPE:
        return await parse_form_aside(raw)
    if "Content-Type" in ctx.headers and ctx.content_type != JSON:
        raise _unreadable_body()
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _unreadable_body() from None
    return _text_pairs(value)


def _text_pairs(value: Any) -> Pairs:
    """Return the members of a JSON object of strings; null members are left out."""
    if not isinstance(value, dict):
        raise _unreadable_body()
    pairs = {name: text for name, text in value.items() if text is not None}
    if not all(isinstance(text, str) for text in pairs.values()):
        raise _unreadable_body()
    return list(pairs.items())


def _unreadable_body() -> DomainError:
    return DomainError(ErrorCode.INVALID_REQUEST, fields={"body": ["Neither a form nor JSON."]})


def authenticate_account(ctx: RequestContext) -> Caller:
    """Return the account of the bearer token.

    Raises TOKEN_REQUIRED, INVALID_TOKEN or ACCOUNT_INACTIVE.
    """
    token = get_bearer_token(ctx)
    access = ctx.core.query(
        tokens_by_access_token, token=token, scope=DATA_SCOPE, now=ctx.core.expiry_time
    )
    account = ctx.core.query(account_of_tokens, token_pair=access)
    return Caller(account_id=account.id, token_id=access.id, account=account)


async def check_token(ctx: RequestContext) -> web.StreamResponse:
    """Return the scope of a valid access token."""
    return json_response({"scope": DATA_SCOPE}, 200, NO_STORE)


ROUTES = (
    Route("POST", "/oauth/v1/token", issue_tokens, reads_body=True),
    Route("POST", "/oauth/v1/revoke", revoke_token, reads_body=True),
    Route("GET", "/oauth/v1/test", check_token, auth=authenticate_account),
)
