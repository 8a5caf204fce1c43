"""OAuth 2: clients, consent and tokens. See README.md beside this file."""

from coalserver.apis.oauth import clients, consent, tokens
from coalserver.apis.oauth.errors import astray, refuse
from coalserver.web.api import Dialect

DIALECT = Dialect(
    "oauth",
    prefixes=("/oauth",),
    routes=(*clients.ROUTES, *consent.ROUTES, *tokens.ROUTES),
    refuse=refuse,
    astray=astray,
    any_origin=True,
)
