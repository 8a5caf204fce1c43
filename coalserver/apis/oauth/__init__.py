"""OAuth 2: clients, consent, tokens and metadata. See README.md beside this file."""

from coalserver.apis.oauth import clients, consent, metadata, tokens
from coalserver.apis.oauth.errors import render_error, render_http_error
from coalserver.web.api import Api

API = Api(
    "oauth",
    prefixes=("/oauth",),
    routes=(*clients.ROUTES, *consent.ROUTES, *tokens.ROUTES, *metadata.ROUTES),
    render_error=render_error,
    render_http_error=render_http_error,
    cors=True,
)
