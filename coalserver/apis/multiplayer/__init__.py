"""The multiplayer API: players, data, leaderboards, matchmaking, rooms and realtime, as in README.md."""

from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.errors import render_error, render_http_error, render_unavailable
from coalserver.apis.multiplayer.idempotency import answering_repeats
from coalserver.apis.multiplayer.players import logout
from coalserver.web.api import Api, Route


def all_routes() -> tuple[Route, ...]:
    """Return the ROUTES of all modules in this package."""
    names = sorted(module.name for module in iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    routes = (route for module in modules for route in getattr(module, "ROUTES", ()))
    return tuple(map(_answering_repeats, routes))


def _answering_repeats(route: Route) -> Route:
    """Return a route that answers repetitions of a request with an Idempotency-Key.

    Routes that only need the token of the game are reads, or answer a secret that is not stored.
    """
    if route.method == "GET" or route.auth not in (auth.player, auth.game_owner):
        return route
    if route.handler is logout:
        # A repeated logout makes the player offline again: its authentication counts as activity.
        return route
    return replace(route, handler=answering_repeats(route.handler), name=route.endpoint)


API = Api(
    "multiplayer",
    prefixes=(
        "/api/game_players.php",
        "/api/game_data.php",
        "/api/game_room.php",
        "/api/leaderboard.php",
        "/api/matchmaking.php",
        "/api/realtime.php",
        "/api/time.php",
        # A misspelt file is answered like an unknown endpoint, which pages of other origins can read.
        "/api/*.php",
        "/realtime",
    ),
    routes=all_routes(),
    render_error=render_error,
    render_http_error=render_http_error,
    render_unavailable=render_unavailable,
    cors=True,
)
