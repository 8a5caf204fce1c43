"""Which routes were requested: the table of routes is data, written down from the documents of the APIs."""

import re
from collections.abc import Iterable

from tests.contracts.tables import table


def unasked(asked: Iterable[str]) -> list[str]:
    """The routes that no request went to."""
    requests = set(asked)
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
