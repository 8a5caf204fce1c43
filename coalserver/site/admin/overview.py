"""The pages of those who run the place: all routes, the first page, and what is said where one is refused."""

from aiohttp import web

from coalserver.core.queries.accounts import all_accounts
from coalserver.core.queries.admin import (
    active_bans,
    all_open_lobbies,
    all_running_rooms,
    list_audit_entries,
)
from coalserver.core.queries.games import all_games
from coalserver.core.queries.worlds import active_worlds, online_visitors
from coalserver.domain.errors import DomainError
from coalserver.site.admin import backups, bans, games, rooms, system, users, worlds
from coalserver.site.admin.layout import FormPages, get, render_admin_page
from coalserver.site.admin.messages import ACTION_MESSAGES, NOT_FOUND_CODES, error_message
from coalserver.site.members import render_access_error
from coalserver.web.context import RequestContext
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.pages.pages import render_page

MODULES = (users, worlds, games, rooms, bans, system, backups)
#: The newest deeds, and accounts that wait, on the first page.
OVERVIEW_ROWS = 8
NOT_FOUND = N_("There is nothing at this address.")


async def overview_page(ctx: RequestContext) -> web.StreamResponse:
    """Who waits to be let in, how the worlds are, what goes on, and what was done last."""
    accounts = ctx.core.query(all_accounts)
    waiting = [account for account in accounts if not account.active]
    worlds = [
        (world, len(ctx.core.query(online_visitors, world=world.id)))
        for world in ctx.core.query(active_worlds)
    ]
    context = {
        "accounts": len(accounts),
        "waiting": waiting[:OVERVIEW_ROWS],
        "waiting_count": len(waiting),
        "worlds": worlds,
        "games": len(ctx.core.query(all_games)),
        "rooms": ctx.core.query(all_open_lobbies, limit=0)[1],
        "sessions": ctx.core.query(all_running_rooms, limit=0)[1],
        "bans": ctx.core.query(active_bans, now=ctx.now, limit=0)[1],
        "entries": ctx.core.query(list_audit_entries, limit=OVERVIEW_ROWS)[0],
        "action_messages": ACTION_MESSAGES,
    }
    return render_admin_page(ctx, "overview", context)


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """The page again, with what was wrong where it was wrong; or one that says that there is nothing."""
    rejection = render_access_error(error, ctx, "/admin")
    if rejection is not None:
        return rejection
    form_page = FORM_PAGES.get(ctx.route.endpoint)
    if form_page is None or error.code in NOT_FOUND_CODES:
        message = request_language(ctx.request).gettext(NOT_FOUND)
        return render_page(ctx.request, "error.html", {"status": 404, "message": message}, 404)
    status, message = error_message(error, request_language(ctx.request))
    render_form, section = form_page
    try:
        response = render_form(ctx, status=status, errors={section: message})
    except DomainError as page_error:
        # What the form was about is no more: then there is no page of it either.
        return (
            render_error(DomainError(page_error.code), ctx)
            if page_error.code in NOT_FOUND_CODES
            else _error_page(ctx, status, message)
        )
    if status == 429:
        response.headers["Retry-After"] = str(error.details.get("wait", 60))
    return response


def _error_page(ctx: RequestContext, status: int, message: str) -> web.StreamResponse:
    return render_page(ctx.request, "error.html", {"status": status, "message": message}, status)


FORM_PAGES: FormPages = {
    endpoint: shown for part in MODULES for endpoint, shown in part.FORM_PAGES.items()
}
ROUTES = (get("/admin", overview_page), *(route for part in MODULES for route in part.ROUTES))
