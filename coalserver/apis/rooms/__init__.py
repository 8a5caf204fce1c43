"""The rooms API: games, rooms, sessions, events. See README.md in this folder."""

from coalserver.apis.rooms import accounts, events, games, rooms, sessions
from coalserver.apis.rooms.errors import render_error, render_http_error, wire_code
from coalserver.web.api import Api

API = Api(
    "rooms",
    prefixes=("/games", "/accounts"),
    routes=(
        *accounts.ROUTES,
        *games.ROUTES,
        *events.ROUTES,
        *rooms.ROUTES,
        *sessions.ROUTES,
    ),
    render_error=render_error,
    render_http_error=render_http_error,
    error_code=wire_code,
    cors=True,
)
