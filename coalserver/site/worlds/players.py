"""People: who plays in a world, when, and what became of them."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from babel.dates import format_date

from coalserver.core.ports import (
    LineCategory,
    LineQuery,
    PageKey,
    PlaytimeStats,
    StoredVisit,
    VisitQuery,
)
from coalserver.core.queries.accounts import find_account_by_username
from coalserver.core.queries.worlds import get_visitor, visitors_of_world
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import World
from coalserver.site.access import members_only, world_path
from coalserver.site.worlds.context import account_zone, world_context
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
from coalserver.web.pages.cookies import form_page, optional_login
from coalserver.web.pages.i18n import N_, request_language

#: Rows of a page, and of each short list on a player's.
PAGE_SIZE, SHORT_LIST_SIZE = 50, 8
MAX_NAME_LENGTH = 100
TITLES = {LineCategory.DEATH: N_("Deaths"), LineCategory.ACHIEVEMENT: N_("Advancements")}


@members_only
async def players_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Everybody who has been in a world, by the latest login."""
    visitors = [
        visitor
        for visitor in ctx.core.query(visitors_of_world, world=world.id)
        if visitor.last_login is not None
    ]
    visitors.sort(key=_login_order, reverse=True)
    total, after = len(visitors), _start_position(ctx)
    if after is not None:
        visitors = [one for one in visitors if _login_order(one) < (after.at or 0.0, after.id)]
    page = visitors[:PAGE_SIZE]
    playtime = await _playtime(ctx, world, [one.name for one in page])
    rows = [
        {
            "name": one.name,
            "online": one.online,
            "last_seen": _last_seen(one),
            "visits": playtime[one.name].visits if one.name in playtime else 0,
            "seconds_played": seconds_played(playtime.get(one.name), ctx.now),
            "you": one.name in account.usernames,
        }
        for one in page
    ]
    older = exact_position(page[-1].last_login, page[-1].id) if len(visitors) > PAGE_SIZE else None
    context = {
        **world_context(ctx, world, account, "players"),
        "rows": rows,
        "total": total,
        **_page_links(ctx, world, "players", older),
    }
    return form_page(ctx, "worlds/players.html", context)


@members_only
async def player_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """What a world's history says of one who plays there."""
    visitor = ctx.core.query(get_visitor, world=world.id, username=ctx.path["player"])
    history, name = ctx.core.history, visitor.name
    playtime = (await _playtime(ctx, world, [name])).get(name)
    zone = account_zone(account)
    visits = await visits_since(history, world.id, name, ctx.now - HOURS_PERIOD_SECONDS)
    hours = hours_by_weekday(visits, zone, ctx.now)
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
        "days": [
            format_date(date(1970, 1, 5 + number), "EEE", request_language(ctx.request).locale)
            for number in range(7)
        ],
        "zone": account.zone,
    }
    return form_page(ctx, "worlds/player.html", context)


@members_only
async def sessions_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Who was in a world from when to when, the latest first."""
    player = _player_param(ctx)
    query = VisitQuery(world.id, player or None, after=_start_position(ctx))
    found = await ctx.core.history.visits(query, PAGE_SIZE + 1)
    page = found[:PAGE_SIZE]
    older = exact_position(page[-1].visit.login.at, page[-1].id) if len(found) > PAGE_SIZE else None
    context = {
        **world_context(ctx, world, account, "sessions"),
        "rows": [_visit_row(visit, ctx.now) for visit in page],
        "player": player,
        **_page_links(ctx, world, "sessions", older),
    }
    return form_page(ctx, "worlds/sessions.html", context)


@members_only
async def deaths_page(ctx: RequestContext, world: World, account: Account) -> web.StreamResponse:
    """Who died of what, the latest first."""
    return await _events_page(ctx, world, account, LineCategory.DEATH, "deaths")


@members_only
async def achievements_page(
    ctx: RequestContext, world: World, account: Account
) -> web.StreamResponse:
    """Who reached what, the latest first."""
    return await _events_page(ctx, world, account, LineCategory.ACHIEVEMENT, "achievements")


async def _events_page(
    ctx: RequestContext, world: World, account: Account, category: LineCategory, active_page: str
) -> web.StreamResponse:
    player, text = _player_param(ctx), ctx.query.get("before", "")
    query = LineQuery(world.id, category, username=player or None, after=parse_position(text))
    found = await ctx.core.history.lines(query, PAGE_SIZE + 1)
    page: list[LogLine] = found[:PAGE_SIZE]
    older = line_position(page[-1]) if len(found) > PAGE_SIZE else None
    ranking = (
        await ctx.core.history.count_lines(LineQuery(world.id, category), ("username",))
        if not player
        else []
    )
    context = {
        **world_context(ctx, world, account, active_page),
        "title": TITLES[category],
        "rows": [render_row(line, public=False) for line in page],
        "ranking": [(group.values[0], group.lines) for group in ranking if group.values[0]][
            :SHORT_LIST_SIZE
        ],
        "player": player,
        **_page_links(ctx, world, active_page, older),
    }
    return form_page(ctx, "worlds/events.html", context)


def _login_order(visitor: Visitor) -> tuple[float, int]:
    return visitor.last_login or 0.0, visitor.id


def _last_seen(visitor: Visitor) -> float | None:
    """When somebody was in the world last; None for one who is there now."""
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
    """Where a page goes on; nobody's cursor is none."""
    return parse_exact_position(ctx.query.get("before", ""))


def _page_links(
    ctx: RequestContext, world: World, active_page: str, older: str | None
) -> dict[str, str | None]:
    """Where the pages before and after this one are."""
    path, player = f"{world_path(world)}/{active_page}", _player_param(ctx)
    filters = {"player": player} if player else {}
    newest = f"{path}?{urlencode(filters)}" if filters else path
    return {
        "older": f"{path}?{urlencode({**filters, 'before': older})}" if older else None,
        "newest": newest if "before" in ctx.query else None,
    }


ROUTES = (
    Route("GET", WORLD_PATH + "/players", players_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/players/{player}", player_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/sessions", sessions_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/deaths", deaths_page, auth=optional_login),
    Route("GET", WORLD_PATH + "/achievements", achievements_page, auth=optional_login),
)
