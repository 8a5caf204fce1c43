"""Coverage of routes. The table of routes is data, taken from the documents of the APIs."""

import re
from collections.abc import Iterable

from tests.contracts.tables import table


def unrequested_routes(requests: Iterable[str]) -> list[str]:
    """Return the routes without a request."""
    requests = set(requests)
    routes = {route: _pattern(route) for route in table("routes")}
    return [
        route
        for route, pattern in routes.items()
        if not any(pattern.fullmatch(one) for one in requests)
    ]


def _pattern(route: str) -> "re.Pattern[str]":
    pieces = re.split(r"(\{\w+\})", route)
    return re.compile(
        "".join("[^/]+" if piece.startswith("{") else re.escape(piece) for piece in pieces)
    )
