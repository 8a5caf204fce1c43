"""The overview for admins, and the routes of all admin pages."""

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
from coalserver.site.admin import (
    backups,
    bans,
    console,
    games,
    hosted_worlds,
    hosting,
    rooms,
    saves,
    system,
    users,
    versions,
    worlds,
)
from coalserver.site.admin.layout import get, render_admin_page
from coalserver.site.admin.messages import ACTION_MESSAGES
from coalserver.web.context import RequestContext

MODULES = (
    users,
    worlds,
    hosted_worlds,
    hosting,
    console,
    saves,
    versions,
    games,
    rooms,
    bans,
    system,
    backups,
)
#: Audit entries, and pending accounts, on the overview.
OVERVIEW_ROWS = 8


async def overview_page(ctx: RequestContext) -> web.StreamResponse:
    """Render pending accounts, worlds, counts and the newest audit entries."""
    accounts = ctx.core.query(all_accounts)
    pending = [account for account in accounts if not account.active]
    worlds = [
        (world, len(ctx.core.query(online_visitors, world=world.id)))
        for world in ctx.core.query(active_worlds)
    ]
    context = {
        "accounts": len(accounts),
        "pending": pending[:OVERVIEW_ROWS],
        "pending_count": len(pending),
        "worlds": worlds,
        "games": len(ctx.core.query(all_games)),
        "rooms": ctx.core.query(all_open_lobbies, limit=0)[1],
        "sessions": ctx.core.query(all_running_rooms, limit=0)[1],
        "bans": ctx.core.query(active_bans, now=ctx.now, limit=0)[1],
        "entries": ctx.core.query(list_audit_entries, limit=OVERVIEW_ROWS)[0],
        "action_messages": ACTION_MESSAGES,
    }
    return render_admin_page(ctx, "overview", context)


ROUTES = (get("/admin", overview_page), *(route for part in MODULES for route in part.ROUTES))
