"""The site: pages for people. See README.md beside this file."""

from aiohttp import web

from coalserver.domain.errors import DomainError
from coalserver.site import auth, downloads, home, redirects
from coalserver.site.account import profile, security
from coalserver.site.admin import layout, overview
from coalserver.site.errors import (
    PAGE_STATUSES,
    render_http_error,
    render_json_error,
    wants_json,
)
from coalserver.site.worlds import chats, players, screenshots, world
from coalserver.web.api import Api
from coalserver.web.context import RequestContext
from coalserver.web.pages.pages import page_route

PAGES = (
    *home.ROUTES,
    *auth.ROUTES,
    *world.ROUTES,
    *chats.ROUTES,
    *players.ROUTES,
    *screenshots.ROUTES,
    *profile.ROUTES,
    *security.ROUTES,
    *overview.ROUTES,
)
#: Paths with their own pages for errors.
ERROR_RENDERERS = {"/profile": profile.render_error, "/admin": layout.render_error}


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return the form again with an error message, an error page, or JSON for a script."""
    for path, render in ERROR_RENDERERS.items():
        if ctx.route.path.startswith(path):
            return render(error, ctx)
    if wants_json(ctx):
        return render_json_error(error, ctx)
    status = PAGE_STATUSES.get(error.code)
    return (
        auth.render_error(error, ctx) if status is None else render_http_error(status, ctx.request)
    )


API = Api(
    "site",
    prefixes=("/",),
    routes=(*map(page_route, PAGES), *downloads.ROUTES, *redirects.ROUTES),
    render_error=render_error,
    render_http_error=render_http_error,
)
