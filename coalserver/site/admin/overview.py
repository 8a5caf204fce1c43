"""The overview for admins, and the routes of all admin pages."""

from aiohttp import web

from coalserver.core.queries.accounts import inactive_accounts
from coalserver.core.queries.admin import (
    active_bans,
    all_open_lobbies,
    all_running_rooms,
    list_audit_entries,
)
from coalserver.core.queries.games import all_games
from coalserver.core.queries.worlds import active_worlds, online_visitors
from coalserver.domain.accounts.account import Account
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
    pending = ctx.core.query(inactive_accounts)
    _, ban_count = await ctx.core.query_in_steps(active_bans, now=ctx.now, limit=0)
    worlds = [
        (world, len(ctx.core.query(online_visitors, world=world.id)))
        for world in ctx.core.query(active_worlds)
    ]
    context = {
        "accounts": ctx.core.state.count(Account),
        "pending": pending[:OVERVIEW_ROWS],
        "pending_count": len(pending),
        "worlds": worlds,
        "games": len(ctx.core.query(all_games)),
        "rooms": ctx.core.query(all_open_lobbies, limit=0)[1],
        "sessions": ctx.core.query(all_running_rooms, limit=0)[1],
        "bans": ban_count,
        "entries": ctx.core.query(list_audit_entries, limit=OVERVIEW_ROWS)[0],
        "action_messages": ACTION_MESSAGES,
    }
    return render_admin_page(ctx, "overview", context)


ROUTES = (get("/admin", overview_page), *(route for part in MODULES for route in part.ROUTES))
