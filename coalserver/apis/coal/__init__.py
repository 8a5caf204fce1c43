"""The COAL data API: Minecraft worlds, their players and their logs. See README.md beside this file."""

from coalserver.apis.coal import (
    agents,
    chats,
    events,
    hosting,
    log_lines,
    players,
    properties,
    saves,
    screenshots,
    servers,
    sessions,
    users,
)
from coalserver.apis.coal.errors import render_error, render_http_error
from coalserver.web.api import Api

API = Api(
    "coal",
    prefixes=("/api/v1",),
    routes=(
        *users.ROUTES,
        *servers.ROUTES,
        *properties.ROUTES,
        *hosting.ROUTES,
        *saves.ROUTES,
        *players.ROUTES,
        *sessions.ROUTES,
        *chats.ROUTES,
        *log_lines.ROUTES,
        *screenshots.ROUTES,
        *events.ROUTES,
        *agents.ROUTES,
    ),
    render_error=render_error,
    render_http_error=render_http_error,
    cors=True,
)
