"""The multiplayer API: players, data, leaderboard, matchmaking, rooms, realtime. See README.md beside this file."""

from importlib import import_module
from pkgutil import iter_modules

from coalserver.apis.multiplayer.errors import astray, refuse, unkept
from coalserver.web.api import Dialect, Route


def every_route() -> tuple[Route, ...]:
    """The ROUTES of the modules beside this file, one for each part of the document."""
    names = sorted(module.name for module in iter_modules(__path__))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return tuple(route for module in modules for route in getattr(module, "ROUTES", ()))


DIALECT = Dialect(
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
    routes=every_route(),
    refuse=refuse,
    astray=astray,
    unkept=unkept,
    any_origin=True,
)
