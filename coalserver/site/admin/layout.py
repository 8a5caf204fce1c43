"""What all pages of admins share: their frame, how a deed is done and noted, and long lists in pages."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from coalserver.core.commands.audit import execute_audited
from coalserver.domain.audit import AuditAction
from coalserver.site.members import admin_only
from coalserver.site.worlds.context import TimeFormatter
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import form_page
from coalserver.web.pages.i18n import N_, request_language

T = TypeVar("T")
#: Shows a page again, with what a request has to say on it.
PageRenderer = Callable[..., web.StreamResponse]
#: By endpoint: the page on which a form was, and the part of it.
FormPages = Mapping[str, tuple[PageRenderer, str]]

PAGES = (
    ("overview", "/admin", N_("Overview")),
    ("users", "/admin/users", N_("People")),
    ("servers", "/admin/servers", N_("Worlds")),
    ("games", "/admin/games", N_("Games")),
    ("rooms", "/admin/rooms", N_("Rooms")),
    ("bans", "/admin/bans", N_("Bans")),
    ("backups", "/admin/backups", N_("Backups")),
    ("settings", "/admin/settings", N_("Settings")),
    ("log", "/admin/log", N_("Log")),
)
#: Rows on a page.
PAGE_SIZE = 50
#: More pages nobody leafs through.
MAX_PAGES = 10**6


async def run_audited(
    ctx: RequestContext,
    action: AuditAction,
    subject: str,
    command: Callable[..., T],
    /,
    detail: str = "",
    **kwargs: Any,
) -> T:
    """Run a command for the admin who calls, and keep that he asked for it."""
    entry = {"actor": ctx.caller.account_id, "action": action, "subject": subject, "detail": detail}
    return await ctx.core.execute(execute_audited, **entry, command=command, **kwargs)


def render_admin_page(
    ctx: RequestContext,
    name: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    active_page: str = "",
    errors: Mapping[str, str] | None = None,
    messages: Mapping[str, str] | None = None,
) -> web.Response:
    """A page of admins. `wrong` and `done` are sentences, by the part of the page they belong to."""
    language = request_language(ctx.request)
    shared = {
        "active_page": active_page or name,
        "pages": PAGES,
        "form_values": ctx.body if errors else {},
        "format_time": TimeFormatter(language, ctx.caller.get_account()),
        "now": ctx.now,
        "errors": errors or {},
        "messages": {
            section: language.gettext(message) for section, message in (messages or {}).items()
        },
    }
    return form_page(ctx, f"admin/{name}.html", {**shared, **context}, status)


def success_messages(ctx: RequestContext, table: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """What the address says went well, by its part of the page."""
    found = table.get(ctx.query.get("done", ""))
    return dict([found]) if found else {}


def page_number(ctx: RequestContext) -> int:
    """Which page of a list, from 1; the first where the address names none."""
    text = ctx.query.get("page", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    return min(max(number, 1), MAX_PAGES)


def paginate(ctx: RequestContext, total: int, **filters: str) -> dict[str, Any]:
    """Where a list goes on, and where it came from."""
    page = page_number(ctx)
    last = max(1, -(-total // PAGE_SIZE))

    def address(number: int) -> str:
        params = {name: value for name, value in filters.items() if value}
        return "?" + urlencode({**params, "page": number})

    return {
        "page": page,
        "last": last,
        "total": total,
        "earlier": address(min(page - 1, last)) if page > 1 else "",
        "later": address(page + 1) if page < last else "",
    }


def get(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, auth=admin_only)


def post(path: str, handler: Handler) -> Route:
    return Route("POST", path, handler, auth=admin_only)
