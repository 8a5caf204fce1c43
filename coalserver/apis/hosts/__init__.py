"""The hosts & sessions API: hosts, whom they let in, and the sessions they launch. See README.md beside this file."""

from coalserver.apis.hosts import hosts, openapi, sessions, sync
from coalserver.apis.hosts.errors import astray, refuse, unkept
from coalserver.web.api import Dialect

DIALECT = Dialect(
    "hosts",
    prefixes=("/hosts", "/sessions", "/sync", "/openapi.json"),
    routes=(*hosts.ROUTES, *sessions.ROUTES, *sync.ROUTES, *openapi.ROUTES),
    refuse=refuse,
    astray=astray,
    unkept=unkept,
    any_origin=True,
)
