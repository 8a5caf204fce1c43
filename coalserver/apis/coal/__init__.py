"""The COAL data API: worlds, who plays in them and what their logs tell. See README.md beside this file."""

from coalserver.apis.coal import (
    achievements,
    agents,
    chats,
    deaths,
    events,
    loglines,
    players,
    properties,
    queue,
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
        *queue.ROUTES,
        *players.ROUTES,
        *sessions.ROUTES,
        *chats.ROUTES,
        *deaths.ROUTES,
        *achievements.ROUTES,
        *loglines.ROUTES,
        *screenshots.ROUTES,
        *events.ROUTES,
        *agents.ROUTES,
    ),
    render_error=render_error,
    render_http_error=render_http_error,
    cors=True,
)
