"""Tokens: a code, a refresh token or an agent's secret buys a pair."""

from typing import Any

import orjson
from aiohttp import web
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnsupportedGrantTypeError

from coalserver.apis.oauth.errors import NOT_KEPT, fault_said
from coalserver.apis.oauth.limits import Guesses
from coalserver.apis.oauth.protocol import Asked, HeldCode, Protocol, basic
from coalserver.core.commands.oauth import Issued, admit_agent, redeem_code, renew_access
from coalserver.core.queries.oauth import access_shown, owner_of
from coalserver.domain.accounts.oauth import DATA
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call, Caller, Route
from coalserver.web.pages.forms import FORM, Pairs, fields_of
from coalserver.web.responses import document

JSON = "application/json"
GRANTS = ("authorization_code", "refresh_token")
SECRETS = ("invalid_client", "invalid_grant")


async def buy(call: Call) -> web.StreamResponse:
    """Tokens for a client that proves itself. Of two that come with one code, one gets them."""
    tried = f"token {call.address}"
    guesses = call.web.own(Guesses)
    guesses.check(tried)
    pairs = await _sent(call)
    header = call.request.headers.get("Authorization", "")
    with_basic = basic(header)
    asked = Asked("POST", pairs, {"Authorization": header} if with_basic else {})
    try:
        _complete(asked, with_basic)
        grant = Protocol(call.core).get_token_grant(asked)
        grant.validate_token_request()
    except OAuth2Error as fault:
        if fault.error in SECRETS:
            guesses.note(tried)
        return fault_said(fault, with_basic)
    issued = await _bought(call, asked)
    return document(
        {
            "access_token": issued.access,
            "token_type": "Bearer",
            "expires_in": int(issued.lasts),
            "refresh_token": issued.refresh,
        },
        200,
        NOT_KEPT,
    )


async def _bought(call: Call, asked: Asked) -> Issued:
    """What Authlib has found right is looked at once more where it is used up."""
    client = asked.client.client.id
    said = asked.payload.data
    if asked.refresh_token is not None:
        token = said["refresh_token"]
        return await call.core.do(renew_access, client=client, token=token, scope=said["scope"])
    held: HeldCode = asked.authorization_code
    if held.code is None:
        return await call.core.do(admit_agent, client=client)
    uri = said["redirect_uri"]
    return await call.core.do(redeem_code, client=client, code=said["code"], redirect_uri=uri)


def _complete(asked: Asked, with_basic: bool) -> None:
    """All that has to be there is, once; and the grant is the one its token is for."""
    said = asked.payload.data
    renewing = "refresh_token" in said
    always = ("grant_type", *(() if with_basic else ("client_id", "client_secret")))
    more = ("refresh_token",) if renewing else ("redirect_uri", "code")
    if not all(said.get(name) for name in always):
        raise InvalidRequestError()
    if any(len(values) > 1 for values in asked.payload.datalist.values()):
        raise InvalidRequestError()
    if said["grant_type"] not in GRANTS:
        raise UnsupportedGrantTypeError("other")
    if not all(said.get(name) for name in more):
        raise InvalidRequestError()
    if renewing != (said["grant_type"] == "refresh_token"):
        raise UnsupportedGrantTypeError("other")


async def _sent(call: Call) -> Pairs:
    """The parameters, from a form or from JSON; what has no type is JSON."""
    try:
        raw = await call.request.read()
    except web.RequestPayloadError:
        raise _unreadable() from None
    if call.request.content_type == FORM:
        return fields_of(raw)
    if "Content-Type" in call.request.headers and call.request.content_type != JSON:
        raise _unreadable()
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _unreadable() from None
    return _texts(value)


def _texts(value: Any) -> Pairs:
    if not isinstance(value, dict):
        raise _unreadable()
    given = {name: text for name, text in value.items() if text is not None}
    if not all(isinstance(text, str) for text in given.values()):
        raise _unreadable()
    return list(given.items())


def _unreadable() -> Refusal:
    return Refusal(Why.MALFORMED, fields={"body": ["Neither a form nor JSON."]})


def data_token(call: Call) -> Caller:
    """The account whose access token this is. No other scheme, and no other place, is looked at."""
    scheme, _, token = call.request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise Refusal(Why.NO_TOKEN)
    access = call.core.see(access_shown, token=token, scope=DATA, now=call.now)
    return Caller(account=call.core.see(owner_of, access=access).id, token=access.id)


async def test(call: Call) -> web.StreamResponse:
    """Whether a token is good."""
    return document({"scope": DATA}, 200, NOT_KEPT)


ROUTES = (
    Route("POST", "/oauth/v1/token", buy),
    Route("GET", "/oauth/v1/test", test, who=data_token),
)
