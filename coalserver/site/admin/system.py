"""Admin pages of the system: its settings and the audit log."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from coalserver.core.queries.admin import list_audit_entries
from coalserver.site.admin.layout import get, render_admin_page
from coalserver.site.admin.messages import ACTION_MESSAGES
from coalserver.site.pagination import paginate
from coalserver.web.context import RequestContext
from coalserver.web.pages.i18n import N_, request_language


@dataclass(frozen=True, slots=True)
class SystemService:
    """What admin pages show of the running server."""

    #: Name, help, value, and whether it is the default. None of the values is a secret.
    settings: tuple[tuple[str, str, str, bool], ...] = ()


#: What stands for the value of a secret.
SECRETS = (N_("(set)"), N_("(not set)"))


async def settings_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the settings with which the server started, without secrets."""
    # Templates would take a percent sign in a help text for a placeholder.
    translate = request_language(ctx.request).gettext
    settings = [
        (name, translate(about), translate(value) if value in SECRETS else value, is_default)
        for name, about, value, is_default in ctx.app.service(SystemService).settings
    ]
    return render_admin_page(ctx, "settings", {"settings": settings})


async def log_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the audit log, the newest entries first."""
    entries, pagination = paginate(ctx, "/admin/log", list_audit_entries)
    context: dict[str, Any] = {
        "entries": entries,
        "action_messages": ACTION_MESSAGES,
        "pagination": pagination,
    }
    return render_admin_page(ctx, "log", context)


ROUTES = (get("/admin/settings", settings_page), get("/admin/log", log_page))
