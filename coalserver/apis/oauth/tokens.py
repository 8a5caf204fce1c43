"""Tokens: a code, a refresh token or an agent's secret buys a pair."""

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
    is_basic_auth,
)
from coalserver.core.commands.oauth import (
    IssuedTokens,
    issue_agent_tokens,
    redeem_code,
    refresh_tokens,
)
from coalserver.core.queries.oauth import account_of_tokens, tokens_by_access_token
from coalserver.domain.accounts.oauth import DATA_SCOPE
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Caller, RequestContext, Route
from coalserver.web.bearer import get_bearer_token
from coalserver.web.pages.forms import FORM_CONTENT_TYPE, Pairs, parse_form
from coalserver.web.responses import json_response

JSON = "application/json"
GRANTS = ("authorization_code", "refresh_token")
THROTTLED_ERRORS = ("invalid_client", "invalid_grant")


async def issue_tokens(ctx: RequestContext) -> web.StreamResponse:
    """Tokens for a client that proves itself. Of two that come with one code, one gets them."""
    limit_key = f"token {ctx.address}"
    limiter = ctx.app.per_process(OAuthLimiter)
    limiter.check(limit_key)
    pairs = await _read_pairs(ctx)
    header = ctx.request.headers.get("Authorization", "")
    with_basic = is_basic_auth(header)
    token_request = TokenRequest("POST", pairs, {"Authorization": header} if with_basic else {})
    try:
        _check_complete(token_request, with_basic)
        grant = OAuthServer(ctx.core).get_token_grant(token_request)
        grant.validate_token_request()
    except OAuth2Error as error:
        if error.error in THROTTLED_ERRORS:
            limiter.record_failure(limit_key)
        return render_oauth_error(error, with_basic)
    issued = await _redeem_grant(ctx, token_request)
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


async def _redeem_grant(ctx: RequestContext, token_request: TokenRequest) -> IssuedTokens:
    """What Authlib has found right is looked at once more where it is used up."""
    client = token_request.client.client.id
    params = token_request.payload.data
    if token_request.refresh_token is not None:
        token = params["refresh_token"]
        return await ctx.core.execute(
            refresh_tokens, client=client, token=token, scope=params["scope"]
        )
    code: CodeAdapter = token_request.authorization_code
    if code.code is None:
        return await ctx.core.execute(issue_agent_tokens, client=client)
    uri = params["redirect_uri"]
    return await ctx.core.execute(redeem_code, client=client, code=params["code"], redirect_uri=uri)


def _check_complete(token_request: TokenRequest, with_basic: bool) -> None:
    """All that has to be there is, once; and the grant is the one its token is for."""
    params = token_request.payload.data
    refreshing = "refresh_token" in params
    required = ("grant_type", *(() if with_basic else ("client_id", "client_secret")))
    grant_params = ("refresh_token",) if refreshing else ("redirect_uri", "code")
    if not all(params.get(name) for name in required):
        raise InvalidRequestError()
    if any(len(values) > 1 for values in token_request.payload.datalist.values()):
        raise InvalidRequestError()
    if params["grant_type"] not in GRANTS:
        raise UnsupportedGrantTypeError("other")
    if not all(params.get(name) for name in grant_params):
        raise InvalidRequestError()
    if refreshing != (params["grant_type"] == "refresh_token"):
        raise UnsupportedGrantTypeError("other")


async def _read_pairs(ctx: RequestContext) -> Pairs:
    """The parameters, from a form or from JSON; what has no type is JSON."""
    try:
        raw = await ctx.request.read()
    except web.RequestPayloadError:
        raise _unreadable_body() from None
    if ctx.request.content_type == FORM_CONTENT_TYPE:
        return parse_form(raw)
    if "Content-Type" in ctx.request.headers and ctx.request.content_type != JSON:
        raise _unreadable_body()
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _unreadable_body() from None
    return _text_pairs(value)


def _text_pairs(value: Any) -> Pairs:
    if not isinstance(value, dict):
        raise _unreadable_body()
    pairs = {name: text for name, text in value.items() if text is not None}
    if not all(isinstance(text, str) for text in pairs.values()):
        raise _unreadable_body()
    return list(pairs.items())


def _unreadable_body() -> DomainError:
    return DomainError(ErrorCode.INVALID_REQUEST, fields={"body": ["Neither a form nor JSON."]})


def authenticate_account(ctx: RequestContext) -> Caller:
    """The account whose access token this is. No other scheme, and no other place, is looked at."""
    token = get_bearer_token(ctx.request)
    access = ctx.core.query(tokens_by_access_token, token=token, scope=DATA_SCOPE, now=ctx.now)
    return Caller(account=ctx.core.query(account_of_tokens, token_pair=access).id, token=access.id)


async def check_token(ctx: RequestContext) -> web.StreamResponse:
    """Whether a token is good."""
    return json_response({"scope": DATA_SCOPE}, 200, NO_STORE)


ROUTES = (
    Route("POST", "/oauth/v1/token", issue_tokens),
    Route("GET", "/oauth/v1/test", check_token, auth=authenticate_account),
)
