"""Pages of a world's players: the list, one player, sessions, deaths and advancements."""

import asyncio
from typing import Any

from aiohttp import web

from coalserver.core.ports import (
    LineCategory,
    LineQuery,
    PageKey,
    PlaytimeStats,
    StoredVisit,
    VisitQuery,
)
from coalserver.core.queries.accounts import find_account_by_username
from coalserver.core.queries.worlds import get_visitor, latest_visitors
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import World
from coalserver.site.access import world_member_page, world_path
from coalserver.site.pagination import PAGE_SIZE, paginate_after
from coalserver.site.worlds.context import world_context
from coalserver.site.worlds.line_rows import (
    exact_position,
    line_position,
    parse_exact_position,
    parse_position,
    render_row,
)
from coalserver.site.worlds.statistics import (
    HOURS_PERIOD_SECONDS,
    count_lines,
    death_causes,
    hours_by_weekday,
    seconds_played,
    shade_table,
    visits_since,
)
from coalserver.site.worlds.world import WORLD_PATH
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.clock import request_clock
from coalserver.web.pages.cookies import form_page, optional_login
from coalserver.web.pages.i18n import N_

#: Rows of each list on the page of a player, and of the ranking above deaths and advancements.
SHORT_LIST_SIZE = 8
MAX_NAME_LENGTH = 100
TITLES = {LineCategory.DEATH: N_("Deaths"), LineCategory.ACHIEVEMENT: N_("Advancements")}
EMPTY_TEXTS = {
    LineCategory.DEATH: N_("No deaths"),
    LineCategory.ACHIEVEMENT: N_("No advancements"),
}


@world_member_page
async def players_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Render the players of a world, the latest login first."""
    after = _start_position(ctx)
    before = None if after is None else (after.at or 0.0, after.id)
    visitors, total = ctx.core.query(
        latest_visitors, world=world.id, before=before, limit=PAGE_SIZE + 1
    )
    page, pagination = paginate_after(
        ctx,
        f"{world_path(world)}/players",
        visitors,
        lambda visitor: exact_position(visitor.last_login, visitor.id),
    )
    playtime = await _playtime(ctx, world, [visitor.name for visitor in page])
    rows = [
        {
            "name": visitor.name,
            "online": visitor.online,
            "last_seen": _last_seen(visitor),
            "visits": playtime[visitor.name].visits if visitor.name in playtime else 0,
            "seconds_played": seconds_played(playtime.get(visitor.name), ctx.now),
            "you": visitor.name in account.usernames,
        }
        for visitor in page
    ]
    context = {
        **world_context(ctx, world, account, "players"),
        "rows": rows,
        "total": total,
        "pagination": pagination,
    }
    return form_page(ctx, "worlds/players.html", context)


@world_member_page
async def player_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Render the statistics of one player. Raises VISITOR_NOT_FOUND."""
    visitor = ctx.core.query(get_visitor, world=world.id, username=ctx.path["player"])
    history, name = ctx.core.history, visitor.name
    playtime = (await _playtime(ctx, world, [name])).get(name)
    clock = request_clock(ctx.request)
    visits = await visits_since(history, world.id, name, ctx.now - HOURS_PERIOD_SECONDS)
    # Of a year with ten thousand visits it takes a tenth of a second.
    hours = await asyncio.to_thread(hours_by_weekday, visits, clock.tzinfo, ctx.now)
    first = await history.lines(LineQuery(world.id, username=name, ascending=True), 1)
    achievements = await history.lines(
        LineQuery(world.id, LineCategory.ACHIEVEMENT, username=name), SHORT_LIST_SIZE
    )
    owner = ctx.core.query(find_account_by_username, username=name)
    context = {
        **world_context(ctx, world, account, "players"),
        "name": name,
        "online": visitor.online,
        "you": name in account.usernames,
        "owner": owner.nickname if owner else "",
        "first": first[0].at if first else None,
        "last_seen": _last_seen(visitor),
        "seconds_played": seconds_played(playtime, ctx.now),
        "visits": playtime.visits if playtime else 0,
        "chats": await count_lines(history, LineQuery(world.id, LineCategory.CHAT, username=name)),
        "death_causes": await death_causes(history, world.id, name),
        "achievements": [render_row(line, public=False) for line in achievements],
        "achievement_count": await count_lines(
            history, LineQuery(world.id, LineCategory.ACHIEVEMENT, username=name)
        ),
        "recent_visits": [_visit_row(visit, ctx.now) for visit in visits[:SHORT_LIST_SIZE]],
        "hour_table": hours,
        "shades": shade_table(hours),
        "total_hours": sum(map(sum, hours)),
        "days": clock.weekdays(),
    }
    return form_page(ctx, "worlds/player.html", context)


@world_member_page
async def sessions_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Render the sessions in a world, the latest first; with `player`, those of one player."""
    player = _player_param(ctx)
    query = VisitQuery(world.id, player or None, after=_start_position(ctx))
    page, pagination = paginate_after(
        ctx,
        f"{world_path(world)}/sessions",
        await ctx.core.history.visits(query, PAGE_SIZE + 1),
        lambda stored: exact_position(stored.visit.login.at, stored.id),
        {"player": player},
    )
    context = {
        **world_context(ctx, world, account, "sessions"),
        "rows": [_visit_row(visit, ctx.now) for visit in page],
        "player": player,
        "pagination": pagination,
    }
    return form_page(ctx, "worlds/sessions.html", context)


@world_member_page
async def deaths_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Render the deaths in a world, the latest first."""
    return await _events_page(ctx, world, account, LineCategory.DEATH, "deaths")


@world_member_page
async def achievements_page(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Render the advancements in a world, the latest first."""
    return await _events_page(ctx, world, account, LineCategory.ACHIEVEMENT, "achievements")


async def _events_page(
    ctx: RequestContext, world: World, account: Account, category: LineCategory, active_page: str
) -> web.StreamResponse:
    """Render the lines of a category; without `player`, also the players with the most of them."""
    player, before = _player_param(ctx), parse_position(ctx.query.get("before", ""))
    query = LineQuery(world.id, category, username=player or None, after=before)
    page, pagination = paginate_after(
        ctx,
        f"{world_path(world)}/{active_page}",
        await ctx.core.history.lines(query, PAGE_SIZE + 1),
        line_position,
        {"player": player},
    )
    counts = (
        await ctx.core.history.count_lines(
            # One more: lines without a player may be among them.
            LineQuery(world.id, category),
            ("username",),
            SHORT_LIST_SIZE + 1,
        )
        if not player
        else []
    )
    ranking = [(group.values[0], group.lines) for group in counts if group.values[0]]
    context = {
        **world_context(ctx, world, account, active_page),
        "title": TITLES[category],
        "empty_text": EMPTY_TEXTS[category],
        "rows": [render_row(line, public=False) for line in page],
        "ranking": ranking[:SHORT_LIST_SIZE],
        "player": player,
        "pagination": pagination,
    }
    return form_page(ctx, "worlds/events.html", context)


def _last_seen(visitor: Visitor) -> float | None:
    """Return the end of the latest visit, or None for an online player."""
    return None if visitor.latest_visit is None or visitor.online else visitor.latest_visit.ended_at


def _visit_row(stored: StoredVisit, now: float) -> dict[str, Any]:
    visit = stored.visit
    return {
        "name": visit.username,
        "login": visit.login.at,
        "line": stored.id,
        "logout": visit.ended_at,
        "seconds": visit.duration(now),
    }


async def _playtime(
    ctx: RequestContext, world: World, names: list[str]
) -> dict[str, PlaytimeStats]:
    found = await ctx.core.history.playtime(world.id, names)
    return {stats.username: stats for stats in found}


def _player_param(ctx: RequestContext) -> str:
    return ctx.query.get("player", "").strip()[:MAX_NAME_LENGTH]


def _start_position(ctx: RequestContext) -> PageKey | None:
    """Return the position in `before`, or None."""
    return parse_exact_position(ctx.query.get("before", ""))


ROUTES = (
    Route("GET", WORLD_PATH + "/players", players_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/players/{player}", player_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/sessions", sessions_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/deaths", deaths_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/achievements", achievements_page, auth=optional_login),
)
