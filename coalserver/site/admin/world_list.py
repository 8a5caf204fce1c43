"""The admin page with the list of worlds, which forms of worlds that have gone show with their error."""

from typing import Any

from aiohttp import web

from coalserver.core.queries.hosting import has_hosted_worlds
from coalserver.core.queries.worlds import count_online, world_position, worlds_by_age
from coalserver.domain.minecraft.world import World
from coalserver.site.admin.layout import WORLDS_PATH, ListPage, render_admin_page
from coalserver.site.pagination import make_query, page_with, paginate
from coalserver.web.context import RequestContext
from coalserver.web.pages.i18n import N_

SUCCESS_MESSAGES = {
    "ended": ("servers", N_("World archived")),
    "deleted": ("servers", N_("World deleted")),
    "stopping": ("servers", N_("All worlds are being stopped.")),
}


def render_worlds(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    worlds, pagination = paginate(ctx, WORLDS_PATH, worlds_by_age)
    context = {
        "worlds": [(world, ctx.core.query(count_online, world=world.id)) for world in worlds],
        "hosts_worlds": ctx.core.query(has_hosted_worlds),
        "pagination": pagination,
    }
    return render_admin_page(ctx, "servers", context, success=SUCCESS_MESSAGES, **overrides)


def world_list_path(ctx: RequestContext, world: World, **added: str) -> str:
    """Return the address of the page of the list of worlds that has a world, before or after that is archived."""
    page = page_with(ctx.core.query(world_position, world=world))
    return WORLDS_PATH + make_query({**page, **added})


WORLD_LIST = ListPage(render_worlds, "servers")
