"""The rooms API: games, rooms, sessions, events. See README.md beside this file."""

from coalserver.apis.rooms import accounts, events, games, rooms, sessions
from coalserver.apis.rooms.errors import astray, refuse
from coalserver.web.api import Dialect

DIALECT = Dialect(
    "rooms",
    prefixes=("/games", "/accounts"),
    routes=(
        *accounts.ROUTES,
        *games.ROUTES,
        *events.ROUTES,
        *rooms.ROUTES,
        *sessions.ROUTES,
    ),
    refuse=refuse,
    astray=astray,
    any_origin=True,
)
