"""The rooms API: games, rooms, sessions, events. See README.md beside this file."""

from coalserver.dialects.rooms import accounts, events, games, rooms, sessions
from coalserver.dialects.rooms.wording import astray, refuse
from coalserver.web.dialect import Dialect

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
