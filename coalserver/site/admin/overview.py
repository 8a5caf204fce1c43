"""The overview for admins, and the routes of all admin pages."""

from aiohttp import web

from coalserver.core.queries.accounts import inactive_accounts
from coalserver.core.queries.admin import (
    all_open_lobbies,
    all_running_rooms,
    count_active_bans,
    list_audit_entries,
)
from coalserver.core.queries.hosting import has_hosted_worlds
from coalserver.core.queries.worlds import count_online, worlds_by_age
from coalserver.domain.accounts.account import Account
from coalserver.domain.play.game import Game
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
#: Worlds on the overview.
OVERVIEW_WORLDS = 20


async def overview_page(ctx: RequestContext) -> web.StreamResponse:
    """Render some pending accounts and worlds, counts and the newest audit entries."""
    pending, pending_count = ctx.core.query(inactive_accounts, limit=OVERVIEW_ROWS)
    worlds, world_count = ctx.core.query(worlds_by_age, limit=OVERVIEW_WORLDS)
    context = {
        "accounts": ctx.core.state.count(Account),
        "pending": pending,
        "pending_count": pending_count,
        "worlds": [(world, ctx.core.query(count_online, world=world.id)) for world in worlds],
        "world_count": world_count,
        "hosts_worlds": ctx.core.query(has_hosted_worlds),
        "games": ctx.core.state.count(Game),
        "rooms": ctx.core.query(all_open_lobbies, limit=0)[1],
        "sessions": ctx.core.query(all_running_rooms, limit=0)[1],
        "bans": ctx.core.query(count_active_bans, now=ctx.now),
        "entries": ctx.core.query(list_audit_entries, limit=OVERVIEW_ROWS)[0],
        "action_messages": ACTION_MESSAGES,
    }
    return render_admin_page(ctx, "overview", context)


ROUTES = (get("/admin", overview_page), *(route for part in MODULES for route in part.ROUTES))
