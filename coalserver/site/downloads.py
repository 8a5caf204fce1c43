"""Downloads for operators of Minecraft servers: the agent, and scripts that start Minecraft for it."""

from aiohttp import web

from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.pages import assets
from coalserver.web.responses import raw_response

#: Browsers show plain text instead of running or saving it.
CONTENT_TYPE = "text/plain; charset=utf-8"
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
FILES = (
    "README.md",
    "log4j2.xml",
    "log4j2-1.7.xml",
    "mc-start.sh",
    "mc-stop.sh",
    "mc_coal_agent.py",
    "timezones.py",
)


async def download(ctx: RequestContext) -> web.StreamResponse:
    """Return one of the files unchanged. Needs no login."""
    name = ctx.route.path.rpartition("/")[2]
    return raw_response((assets("static") / "mc" / name).read_bytes(), 200, HEADERS, CONTENT_TYPE)


ROUTES = tuple(Route("GET", f"/mc/{name}", download) for name in FILES)
