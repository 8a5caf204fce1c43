"""Authorization server metadata (RFC 8414), from which clients learn the endpoints."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from coalserver.apis.oauth.errors import NO_STORE
from coalserver.domain.accounts.oauth import AUTH_METHODS, DATA_SCOPE
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

WELL_KNOWN = "/.well-known/oauth-authorization-server"


async def server_metadata(ctx: RequestContext) -> web.StreamResponse:
    """Return the metadata. The issuer is the URL under which the client reached the server."""
    return json_response(render_metadata(ctx.public_url), 200, NO_STORE)


async def metadata_of_path(ctx: RequestContext) -> web.StreamResponse:
    """Return the metadata of an issuer with this path (RFC 8414, 3.1), that of `base_url`; else 404."""
    if "/" + ctx.path["issuer"].rstrip("/") != urlsplit(ctx.public_url).path:
        return json_response({"error": "not_found"}, 404, NO_STORE)
    return await server_metadata(ctx)


def render_metadata(issuer: str) -> dict[str, Any]:
    """Return the metadata of an issuer, a URL without a trailing slash."""
    endpoint = f"{issuer}/oauth/v1"
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{endpoint}/auth",
        "token_endpoint": f"{endpoint}/token",
        "registration_endpoint": f"{endpoint}/register",
        "revocation_endpoint": f"{endpoint}/revoke",
        "scopes_supported": [DATA_SCOPE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "code_challenge_methods_supported": ["S256", "plain"],
    }


ROUTES = (
    Route("GET", WELL_KNOWN, server_metadata),
    Route("GET", WELL_KNOWN + "/{issuer:.+}", metadata_of_path),
)
