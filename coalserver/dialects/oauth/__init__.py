"""OAuth 2: clients, consent and tokens. See README.md beside this file."""

from coalserver.dialects.oauth import clients, consent, tokens
from coalserver.dialects.oauth.wording import astray, refuse
from coalserver.web.dialect import Dialect

DIALECT = Dialect(
    "oauth",
    prefixes=("/oauth",),
    routes=(*clients.ROUTES, *consent.ROUTES, *tokens.ROUTES),
    refuse=refuse,
    astray=astray,
    any_origin=True,
)
