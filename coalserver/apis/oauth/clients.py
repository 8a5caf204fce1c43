"""OAuth clients: public registration, and configuration for the holder of the registration token."""

from typing import Any

from aiohttp import web
from authlib.oauth2 import OAuth2Error
from marshmallow import ValidationError, fields, validate

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
from coalserver.domain.accounts.oauth import (
    AUTH_METHODS,
    MAX_REDIRECT_URIS,
    MAX_URI_LENGTH,
    OAuthClient,
)
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import constant_time_equals
from coalserver.web.api import Route
from coalserver.web.bearer import find_bearer_token
from coalserver.web.body import invalid_body, load_body
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, no_content
from coalserver.web.schemas import AnyJson, Name, RequestSchema, Secret, Text
from coalserver.web.throttling import UseLimit

METADATA = ClientMetadata()


class PageUri(Secret):
    """The http(s) address of a page, or an empty string."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        uri = super()._deserialize(value, *args, **kwargs)
        if uri and not (uri.lower().startswith(("http://", "https://")) and uri.isprintable()):
            raise ValidationError("Not the address of a page.")
        return uri


class RegisterClientSchema(RequestSchema):
    """Metadata of a new client. Optional members may also be null."""

    redirect_uris = fields.List(
        Secret(1, MAX_URI_LENGTH), required=True, validate=validate.Length(1, MAX_REDIRECT_URIS)
    )
    client_id = Text(1, 200, allow_none=True)
    client_name = Name(0, 200, allow_none=True)
    client_uri = PageUri(0, MAX_URI_LENGTH, allow_none=True)
    logo_uri = PageUri(0, MAX_URI_LENGTH, allow_none=True)
    token_endpoint_auth_method = Text(
        0, 200, allow_none=True, validate=validate.OneOf(AUTH_METHODS)
    )

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        """Return the members; raise ValidationError where they break RFC 7591.

        Redirect URIs are checked by the core: Authlib knows no schemes of apps.
        """
        metadata = {name: loaded[name] for name in ("client_uri", "logo_uri") if loaded.get(name)}
        try:
            if metadata:
                METADATA.validate(metadata)
        except OAuth2Error as error:
            raise ValidationError({"metadata": [error.error]}) from None
        return loaded


class UpdateClientSchema(RegisterClientSchema):
    """New metadata of a client, with its id and its current secret."""

    client_id = Text(1, 200, required=True)
    client_secret = Secret(0, 200, allow_none=True)
    scope = Secret(0, 200, allow_none=True)


#: The body is parsed as JSON whatever its Content-Type is.
ANY_JSON = AnyJson(64 * 1024, allow_any=True)
REGISTER_CLIENT, UPDATE_CLIENT = RegisterClientSchema(), UpdateClientSchema()


async def register(ctx: RequestContext) -> web.StreamResponse:
    """Register a client and return its credentials; 201. Raises TOO_MANY_REQUESTS."""
    params = _load_params(ctx, REGISTER_CLIENT)
    ctx.take(UseLimit.OAUTH_CLIENTS)
    registered = await ctx.core.execute(
        register_client,
        redirect_uris=params["redirect_uris"],
        preferred_code=params.get("client_id") or "",
        auth_method=params.get("token_endpoint_auth_method") or "",
        **_description(params),
    )
    return _client_response(ctx, registered, 201)


async def read_client(ctx: RequestContext) -> web.StreamResponse:
    """Return a client's configuration. An expired secret is replaced by a new one."""
    client = _authenticate_client(ctx)
    return _client_response(ctx, await ctx.core.execute(get_client_credentials, client=client.id))


async def replace_client(ctx: RequestContext) -> web.StreamResponse:
    """Replace a client's metadata.

    The body is validated before the registration token, as in the original: an invalid body is
    a 400 for everyone.
    """
    params = _load_params(ctx, UPDATE_CLIENT)
    client = _authenticate_client(ctx)
    if params["client_id"] != client.code:
        return json_response({"error": "invalid_client_id"}, 400, NO_STORE)
    stored_secret = ctx.core.context.cipher.decrypt(client.secret) if client.secret else ""
    expired = client.is_secret_expired(ctx.core.expiry_time)
    if expired or not constant_time_equals(params.get("client_secret") or "", stored_secret):
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={"client_secret": ["Not the current secret."]}
        )
    registered = await ctx.core.execute(
        update_client_metadata,
        client=client.id,
        redirect_uris=params["redirect_uris"],
        scope=params.get("scope"),
        auth_method=params.get("token_endpoint_auth_method"),
        **_description(params),
    )
    return _client_response(ctx, registered)


async def delete_client(ctx: RequestContext) -> web.StreamResponse:
    """Delete a client with its grants and tokens."""
    client = _authenticate_client(ctx).id
    while not await ctx.core.execute(delete_client_command, client=client):
        pass
    return no_content(NO_STORE)


def render_client(registered: ClientCredentials, origin: str) -> dict[str, Any]:
    """Return a client as the document shows it; empty optional members are left out.

    A public client has no secret and no expiry of it (RFC 7591, 3.2.1).
    """
    client = registered.client
    payload = {
        "client_id": client.code,
        "redirect_uris": list(client.redirect_uris),
        "scope": client.scope,
        **_secret_members(registered),
        "registration_access_token": registered.registration_token,
        "registration_client_uri": f"{origin}/oauth/v1/clients/{client.code}",
    }
    optional = {
        "client_name": client.title,
        "client_uri": client.home,
        "logo_uri": client.logo,
        "token_endpoint_auth_method": client.auth_method,
    }
    return payload | {name: value for name, value in optional.items() if value}


def _secret_members(registered: ClientCredentials) -> dict[str, Any]:
    if registered.client.is_public:
        return {}
    return {
        "client_secret": registered.secret,
        "client_secret_expires_at": int(registered.client.secret_until),
    }


def _client_response(
    ctx: RequestContext, registered: ClientCredentials, status: int = 200
) -> web.StreamResponse:
    return json_response(render_client(registered, ctx.public_url), status, NO_STORE)


def _load_params(ctx: RequestContext, schema: RequestSchema) -> dict[str, Any]:
    """Return the members of the body. Raises INVALID_REQUEST."""
    value = ctx.body["value"]
    if not isinstance(value, dict):
        raise invalid_body("The body must be a JSON object.")
    return load_body(schema, value)


def _description(params: dict[str, Any]) -> dict[str, str]:
    names = {"title": "client_name", "home": "client_uri", "logo": "logo_uri"}
    return {field: params.get(member) or "" for field, member in names.items()}


def _authenticate_client(ctx: RequestContext) -> OAuthClient:
    """Return the client in the path.

    Raises INVALID_TOKEN if the bearer token is not its registration token, and RATE_LIMITED.
    """
    limiter, limit_key = ctx.app.per_process(OAuthLimiter), f"client {ctx.network}"
    limiter.check(limit_key)
    presented = find_bearer_token(ctx)
    client = ctx.core.query(client_by_code, code=ctx.path["client"])
    encrypted = client.registration_token if client is not None else ""
    token = ctx.core.context.cipher.decrypt(encrypted) if encrypted else ""
    if client is None or not token or not constant_time_equals(presented, token):
        if "Authorization" in ctx.headers:
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
