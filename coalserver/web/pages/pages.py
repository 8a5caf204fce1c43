"""Pages: Jinja templates in the language of the request, static files, and security headers."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.web_urldispatcher import UrlMappingMatchInfo

import coalserver
from coalserver.web.api import Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.expectations import ignore_expectation
from coalserver.web.pages.clock import NOW_KEY, request_clock
from coalserver.web.pages.i18n import gettext, languages, ngettext, request_language, use_language

#: Everything is loaded from this origin, no inline script runs, and no other site may frame a page.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
#: Request key of the account that is logged in.
ACCOUNT_KEY = web.RequestKey("account", object)


def assets(name: str) -> Path:
    """Return an asset folder: inside the package when installed, beside it in a checkout."""
    package = Path(coalserver.__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


class AssetResource(web.StaticResource):
    """The files of a folder. For other paths the router goes on, to the page for 404."""

    def __init__(self, prefix: str, directory: Path) -> None:
        super().__init__(prefix, directory, expect_handler=ignore_expectation)
        self._folder = directory.resolve()

    async def resolve(self, request: web.Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        """Return the route of a file that exists."""
        found, allowed = await super().resolve(request)
        if found is None:
            return None, allowed
        try:
            file = (self._folder / found["filename"]).resolve()
            exists = file.is_relative_to(self._folder) and file.is_file()
        except (OSError, ValueError):
            # No name of a file, such as one with a NUL character or of more than 255 bytes.
            exists = False
        return (found if exists else None), allowed


def setup_pages(
    app: web.Application, now: Callable[[], float] = time.time, base_path: str = ""
) -> None:
    """Load the languages, set up the templates and serve the files of `static/`.

    `now` returns the time, in seconds, at which pages are rendered. Templates put `base_path` in front of all paths
    in their links, forms and scripts.
    """
    languages()
    app[NOW_KEY] = now
    loader = jinja2.FileSystemLoader(assets("templates"))
    templates = aiohttp_jinja2.setup(
        app,
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    templates.policies["ext.i18n.trimmed"] = True
    templates.globals["base_path"] = base_path
    templates.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.router.register_resource(AssetResource("/static", assets("static")))
    app.on_response_prepare.append(_add_asset_headers)


class TemplateCompiler:
    """Compiles all templates of one process when the first page is requested: a server of games may have no page."""

    def __init__(self, app: AppContext) -> None:
        self._task: asyncio.Task[None] | None = None

    async def finish(self, app: web.Application) -> None:
        """Return when all templates are compiled."""
        if self._task is None:
            self._task = asyncio.create_task(_compile_templates(aiohttp_jinja2.get_env(app)))
        if not self._task.done():
            # Other pages wait for the same task.
            await asyncio.shield(self._task)


async def _compile_templates(templates: jinja2.Environment) -> None:
    """Compile templates one after another in a thread: one page would hold the event loop for 60 ms."""
    for name in templates.list_templates():
        await asyncio.to_thread(templates.get_template, name)


def page_route(route: Route) -> Route:
    """Return a route whose handler may render pages."""
    handler = route.handler

    @wraps(handler)
    async def handle(ctx: RequestContext) -> web.StreamResponse:
        await ctx.app.per_process(TemplateCompiler).finish(ctx.request.app)
        return await handler(ctx)

    return replace(route, handler=handle)


def render_page(
    request: web.Request, template: str, context: dict[str, Any], status: int = 200
) -> web.Response:
    """Render a template in the language of the request, with the security headers of all pages."""
    language = request_language(request)
    defaults = {
        "version": coalserver.__version__,
        "language": language,
        "current_account": request.get(ACCOUNT_KEY),
        "clock": request_clock(request),
    }
    with use_language(language):
        response = aiohttp_jinja2.render_template(
            template, request, {**defaults, **context}, status=status
        )
    response.headers.update(PAGE_HEADERS)
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


def allow_any_form_target(response: web.Response) -> web.Response:
    """Allow the forms of a page to lead to other sites.

    Browsers check `form-action` against every redirect that follows a submission.
    """
    policy = CONTENT_SECURITY_POLICY.replace("form-action 'self'; ", "")
    response.headers["Content-Security-Policy"] = policy
    return response


async def _add_asset_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers of pages to assets: browsers revalidate them, at the cost of an empty 304."""
    if request.path.startswith("/static/"):
        response.headers.update(PAGE_HEADERS)
