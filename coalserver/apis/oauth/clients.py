"""Clients: anyone registers one; who has its registration token sees, changes and removes it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from authlib.oauth2 import OAuth2Error
from marshmallow import fields

from coalserver.apis.oauth.errors import NO_STORE
from coalserver.apis.oauth.protocol import ClientMetadata, OAuthLimiter
from coalserver.core.commands.oauth import (
    ClientCredentials,
    get_client_credentials,
    register_client,
    update_client_metadata,
)
from coalserver.core.commands.oauth import delete_client as delete_client_command
from coalserver.core.queries.oauth import client_by_code
from coalserver.domain.accounts.oauth import MAX_REDIRECT_URIS, MAX_URI_LENGTH, OAuthClient
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import constant_time_equals
from coalserver.web.api import AppContext, RequestContext, Route
from coalserver.web.bearer import find_bearer_token
from coalserver.web.body import invalid_body, load_body
from coalserver.web.responses import json_response, no_content
from coalserver.web.schemas import AnyJson, RequestSchema, Secret, Text
from coalserver.web.throttling import FailureLimiter

METADATA = ClientMetadata()


class RegistrationLimiter(FailureLimiter):
    """Registrations of one address: at most 300 an hour, since they need no login."""

    def __init__(self, shared: AppContext) -> None:
        super().__init__(max_failures=300, seconds=3600)


class RegisterClientSchema(RequestSchema):
    """What a client says of itself. Members that it leaves out may also be null."""

    redirect_uris = fields.List(Secret(1, MAX_URI_LENGTH), required=True)
    client_id = Text(1, 200, allow_none=True)
    client_name = Text(0, 200, allow_none=True)
    client_uri = Secret(0, MAX_URI_LENGTH, allow_none=True)
    logo_uri = Secret(0, MAX_URI_LENGTH, allow_none=True)


class UpdateClientSchema(RegisterClientSchema):
    """The same once more, and what proves it."""

    client_id = Text(1, 200, required=True)
    client_secret = Secret(0, 200, allow_none=True)
    scope = Secret(0, 200, allow_none=True)


#: Whatever its Content-Type says, the body is JSON.
ANY_JSON = AnyJson(64 * 1024, allow_any=True)
REGISTER_CLIENT, UPDATE_CLIENT = RegisterClientSchema(), UpdateClientSchema()


async def register(ctx: RequestContext) -> web.StreamResponse:
    """Make a client; its secrets are in the answer."""
    limit_key = f"register {ctx.address}"
    ctx.app.per_process(RegistrationLimiter).check(limit_key)
    params = _read_params(ctx, REGISTER_CLIENT)
    ctx.app.per_process(RegistrationLimiter).record_failure(limit_key)
    registered = await ctx.core.execute(
        register_client,
        redirect_uris=params["redirect_uris"],
        preferred_code=params.get("client_id") or "",
        **_description(params),
    )
    return json_response(render_client(registered, ctx.origin), 201, NO_STORE)


async def read_client(ctx: RequestContext) -> web.StreamResponse:
    """The client as it is; with a new secret where the old one has ended."""
    client = _authenticate_client(ctx)
    registered = await ctx.core.execute(get_client_credentials, client=client.id)
    return json_response(render_client(registered, ctx.origin), 200, NO_STORE)


async def replace_client(ctx: RequestContext) -> web.StreamResponse:
    """What the client is from now on. Looks at the body first, as the original does."""
    params = _read_params(ctx, UPDATE_CLIENT)
    client = _authenticate_client(ctx)
    if params["client_id"] != client.code:
        return json_response({"error": "invalid_client_id"}, 400, NO_STORE)
    stored_secret = ctx.core.context.cipher.decrypt(client.secret)
    expired = client.is_secret_expired(ctx.now)
    if expired or not constant_time_equals(params.get("client_secret") or "", stored_secret):
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={"client_secret": ["Not the current one."]}
        )
    registered = await ctx.core.execute(
        update_client_metadata,
        client=client.id,
        redirect_uris=params["redirect_uris"],
        scope=params.get("scope"),
        **_description(params),
    )
    return json_response(render_client(registered, ctx.origin), 200, NO_STORE)


async def delete_client(ctx: RequestContext) -> web.StreamResponse:
    """The client is no more, and its tokens prove nothing from now on."""
    await ctx.core.execute(delete_client_command, client=_authenticate_client(ctx).id)
    return no_content(NO_STORE)


def render_client(registered: ClientCredentials, origin: str) -> dict[str, Any]:
    """A client as the document shows it; what it has not said is absent."""
    client = registered.client
    payload = {
        "client_id": client.code,
        "redirect_uris": list(client.redirect_uris),
        "scope": client.scope,
        "client_secret": registered.secret,
        "client_secret_expires_at": int(client.secret_until),
        "registration_access_token": registered.registration_token,
        "registration_client_uri": f"{origin}/oauth/v1/clients/{client.code}",
    }
    optional = {"client_name": client.title, "client_uri": client.home, "logo_uri": client.logo}
    return payload | {name: value for name, value in optional.items() if value}


def _read_params(ctx: RequestContext, schema: RequestSchema) -> dict[str, Any]:
    """What the body says, once it is known to be usable."""
    value = ctx.body["value"]
    if not isinstance(value, dict):
        raise invalid_body("The body must be a JSON object.")
    params = load_body(schema, value)
    if not 0 < len(params["redirect_uris"]) <= MAX_REDIRECT_URIS:
        raise DomainError(
            ErrorCode.INVALID_REQUEST,
            fields={"redirect_uris": [f"Must be 1 to {MAX_REDIRECT_URIS}."]},
        )
    pages = {name: params[name] for name in ("client_uri", "logo_uri") if params.get(name)}
    for name, uri in pages.items():
        if not uri.lower().startswith(("http://", "https://")) or not uri.isprintable():
            raise DomainError(
                ErrorCode.INVALID_REQUEST, fields={name: ["Not the address of a page."]}
            )
    try:
        METADATA.validate({"redirect_uris": params["redirect_uris"], **pages})
    except OAuth2Error as error:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"metadata": [error.error]}) from None
    return params


def _description(params: Mapping[str, Any]) -> dict[str, str]:
    names = {"title": "client_name", "home": "client_uri", "logo": "logo_uri"}
    return {field: params.get(member) or "" for field, member in names.items()}


def _authenticate_client(ctx: RequestContext) -> OAuthClient:
    """The client of this address, if the registration token shown is its own."""
    limit_key = f"client {ctx.address}"
    limiter = ctx.app.per_process(OAuthLimiter)
    limiter.check(limit_key)
    presented = find_bearer_token(ctx.request)
    client = ctx.core.query(client_by_code, code=ctx.path["client"])
    encrypted = client.registration_token if client is not None else ""
    token = ctx.core.context.cipher.decrypt(encrypted) if encrypted else ""
    if client is None or not token or not constant_time_equals(presented, token):
        if "Authorization" in ctx.request.headers:
            limiter.record_failure(limit_key)
        raise DomainError(ErrorCode.INVALID_TOKEN)
    return client


CLIENT_PATH = "/oauth/v1/clients/{client}"
ROUTES = (
    Route("POST", "/oauth/v1/register", register, ANY_JSON, media=()),
    Route("GET", CLIENT_PATH, read_client),
    Route("PUT", CLIENT_PATH, replace_client, ANY_JSON, media=()),
    Route("DELETE", CLIENT_PATH, delete_client),
)
