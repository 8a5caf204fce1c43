"""The common parts of admin pages: layout, routes, audited commands, confirmation pages and errors."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from aiohttp import web

from coalserver.domain.errors import DomainError
from coalserver.site.access import render_access_error, require_admin
from coalserver.site.admin.messages import ERROR_MESSAGES, NOT_FOUND_CODES
from coalserver.site.errors import (
    add_retry_after,
    error_message,
    error_page,
    render_http_error,
    render_json_error,
    wants_json,
    with_errors_shown,
)
from coalserver.site.worlds.context import world_state_text
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page
from coalserver.web.pages.i18n import N_, request_language

T = TypeVar("T")
#: Renders a page; takes the keyword arguments `status`, `errors` and `messages` of `render_admin_page`.
PageRenderer = Callable[..., web.StreamResponse | Awaitable[web.StreamResponse]]
#: `done` of the address -> section of the page and message.
SuccessMessages = Mapping[str, tuple[str, str]]

WORLDS_PATH = "/admin/servers"
#: Name, path and title of the pages in the navigation.
PAGES = (
    ("overview", "/admin", N_("Overview")),
    ("users", "/admin/users", N_("Users")),
    ("servers", WORLDS_PATH, N_("Worlds")),
    ("configure", "/admin/instance/configure", N_("Configure")),
    ("versions", "/admin/versions", N_("Versions")),
    ("games", "/admin/games", N_("Games")),
    ("rooms", "/admin/rooms", N_("Rooms")),
    ("bans", "/admin/bans", N_("Bans")),
    ("backups", "/admin/backups", N_("Backups")),
    ("settings", "/admin/settings", N_("Settings")),
    ("log", "/admin/log", N_("Audit log")),
)


class ListPage(NamedTuple):
    """The page of a list, and its section in which the error of a row is shown."""

    render: PageRenderer
    section: str


def get(
    path: str,
    handler: Handler,
    render: PageRenderer | None = None,
    section: str = "",
    parent: ListPage | None = None,
) -> Route:
    """Return the route of a page for admins. With `render`, its errors are shown like those of a form."""
    if render is not None:
        show_error = partial(render_form_error, render, section, parent=parent)
        handler = with_errors_shown(handler, show_error)
    return Route("GET", path, handler, auth=require_admin)


def post(
    path: str,
    handler: Handler,
    render: PageRenderer,
    section: str,
    parent: ListPage | None = None,
) -> Route:
    """Return the route of a form. Its errors are shown in a section of the page that `render` returns.

    If that page has gone with its subject, they are shown in the list `parent` in which the subject was a row.
    """
    show_error = partial(render_form_error, render, section, parent=parent)
    form_handler = with_errors_shown(handler, show_error)
    return Route("POST", path, form_handler, auth=require_admin, reads_body=True)


def render_admin_page(
    ctx: RequestContext,
    name: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    active_page: str = "",
    success: SuccessMessages | None = None,
    errors: Mapping[str, str] | None = None,
) -> web.Response:
    """Return an admin page.

    `errors` are messages by section of the page. Without any, `success` has the messages for the address' `done`.
    """
    language = request_language(ctx.request)
    messages = {}
    if success and not errors and (found := success.get(ctx.query.get("done", ""))):
        messages[found[0]] = language.gettext(found[1])
    shared = {
        "active_page": active_page or name,
        "pages": PAGES,
        "form_values": ctx.body if errors else {},
        "now": ctx.now,
        "status_text": partial(world_state_text, ctx),
        "errors": errors or {},
        "messages": messages,
    }
    return form_page(ctx, f"admin/{name}.html", {**shared, **context}, status)


def confirm_page(
    ctx: RequestContext,
    *,
    title: str,
    texts: Sequence[str],
    values: Mapping[str, Any],
    button: str,
    back_label: str,
    back_path: str,
    active_page: str,
    section: str,
    place: str = "",
    subject: str = "",
    fields: Mapping[str, object] = MappingProxyType({}),
    action: str = "",
    **overrides: Any,
) -> web.Response:
    """Return the page that asks before a destructive form is sent to `action`, by default the same path.

    Title, texts and button are message ids; `values` are inserted into the texts. `subject` is plain text;
    `fields` are sent with the form. `place` is the query of the list that both answers lead back to.
    """
    context = {
        "title": title,
        "texts": texts,
        "values": values,
        "button": button,
        "back_label": back_label,
        "back_path": back_path + place,
        "section_id": section,
        "subject": subject,
        "fields": fields,
        "action": (action or ctx.request.path) + place,
    }
    return render_admin_page(ctx, "confirm", context, active_page=active_page, **overrides)


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return the response to a caller without access, or a 404 for any other error; JSON for a script."""
    if wants_json(ctx):
        return render_json_error(error, ctx)
    return render_access_error(error, ctx, "/admin") or render_http_error(404, ctx.request)


async def render_form_error(
    render: PageRenderer,
    section: str,
    error: DomainError,
    ctx: RequestContext,
    parent: ListPage | None = None,
) -> web.StreamResponse:
    """Return the page of a refused form with its error in a section; without access, what `/admin` answers then.

    If its subject no longer exists, the page is that of the list `parent`, with what is missing; a 404 without it.
    """
    rejection = render_access_error(error, ctx, "/admin")
    if rejection is not None:
        return rejection
    status, message = error_message(error, ERROR_MESSAGES, request_language(ctx.request))
    try:
        rendered = render(ctx, status=status, errors={section: message})
        response = await rendered if isinstance(rendered, Awaitable) else rendered
    except DomainError as page_error:
        # The subject of the form no longer exists, and so its page cannot be rendered either.
        if page_error.code not in NOT_FOUND_CODES:
            return error_page(ctx, status, message)
        if parent is not None:
            return await render_form_error(parent.render, parent.section, page_error, ctx)
        return render_http_error(404, ctx.request)
    return add_retry_after(response, error)
