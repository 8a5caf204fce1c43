"""The hosts & sessions API: hosts, their friends and ban lists, and their sessions. See README.md in this folder."""

from coalserver.apis.hosts import hosts, openapi, sessions, sync
from coalserver.apis.hosts.errors import render_error, render_http_error, render_unavailable
from coalserver.web.api import Api

API = Api(
    "hosts",
    prefixes=("/hosts", "/sessions", "/sync", "/openapi.json"),
    routes=(*hosts.ROUTES, *sessions.ROUTES, *sync.ROUTES, *openapi.ROUTES),
    render_error=render_error,
    render_http_error=render_http_error,
    render_unavailable=render_unavailable,
    cors=True,
)
