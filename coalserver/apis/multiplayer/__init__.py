"""The multiplayer API: players, data, leaderboards, matchmaking, rooms and realtime, as in README.md."""

from importlib import import_module
from pkgutil import iter_modules

from coalserver.apis.multiplayer.errors import render_error, render_http_error, render_unavailable
from coalserver.web.api import Api, Route


def all_routes() -> tuple[Route, ...]:
    """Return the ROUTES of all modules in this package."""
    names = sorted(module.name for module in iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return tuple(route for module in modules for route in getattr(module, "ROUTES", ()))


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
        "/realtime",
    ),
    routes=all_routes(),
    render_error=render_error,
    render_http_error=render_http_error,
    render_unavailable=render_unavailable,
    cors=True,
)
