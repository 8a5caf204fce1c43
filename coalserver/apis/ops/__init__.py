"""For those who run the server: is it alive? See README.md beside this file."""

from aiohttp import web

from coalserver import __version__
from coalserver.domain.errors import Refusal
from coalserver.web.api import Call, Dialect, Route
from coalserver.web.responses import document

STRAYS = {
    404: "not found",
    405: "method not allowed",
    413: "too large",
    415: "not JSON",
    500: "failed",
}


async def health(call: Call) -> web.StreamResponse:
    """200 while the server takes requests and writes to its disk; it ends when it cannot write."""
    return document(
        {
            "status": "ok",
            "version": __version__,
            "last_event": call.core.feed.head,
            "listeners": call.core.feed.waiting(),
        },
        headers={"Cache-Control": "no-store"},
    )


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    return document({"error": refusal.why}, 400)


def astray(status: int, request: web.Request) -> web.StreamResponse:
    return document({"error": STRAYS[status]}, status)


DIALECT = Dialect(
    "ops", ("/health",), (Route("GET", "/health", health),), refuse=refuse, astray=astray
)
