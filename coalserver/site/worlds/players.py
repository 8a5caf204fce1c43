"""People: who plays in a world, when, and what became of them."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from babel.dates import format_date

from coalserver.core.ports import About, Attendance, Lines, Place, Stay, Visits
from coalserver.core.queries.worlds import owner_of, visitor_called, visitors_of
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import World
from coalserver.site.access import for_members, path_of
from coalserver.site.worlds.context import frame, zone_of
from coalserver.site.worlds.line_rows import (
    exact_place_named,
    exact_place_of,
    place_named,
    place_of,
    row_of,
)
from coalserver.site.worlds.statistics import (
    CARD_SECONDS,
    card_of,
    causes,
    counted,
    levels,
    played,
    stays_since,
)
from coalserver.site.worlds.world import WORLD
from coalserver.web.api import Call, Route
from coalserver.web.pages.cookies import form_page, signed_in
from coalserver.web.pages.i18n import N_, language_of

#: Rows of a page, and of each short list on a player's.
SIZE, SHORT = 50, 8
LONGEST_NAME = 100
TITLES = {About.DEATH: N_("Deaths"), About.ACHIEVEMENT: N_("Advancements")}


@for_members
async def see_players(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Everybody who has been in a world, by the latest login."""
    found = [
        one for one in call.core.see(visitors_of, world=world.id) if one.last_login is not None
    ]
    found.sort(key=_seen, reverse=True)
    total, after = len(found), _asked_place(call)
    if after is not None:
        found = [one for one in found if _seen(one) < (after.at or 0.0, after.id)]
    shown = found[:SIZE]
    attendance = await _attendance(call, world, [one.name for one in shown])
    rows = [
        {
            "name": one.name,
            "there": one.there,
            "seen": _last_seen(one),
            "visits": attendance[one.name].visits if one.name in attendance else 0,
            "played": played(attendance.get(one.name), call.now),
            "you": one.name in account.usernames,
        }
        for one in shown
    ]
    older = exact_place_of(shown[-1].last_login, shown[-1].id) if len(found) > SIZE else None
    context = {
        **frame(call, world, account, "players"),
        "rows": rows,
        "total": total,
        **_turning(call, world, "players", older),
    }
    return form_page(call, "worlds/players.html", context)


@for_members
async def see_player(call: Call, world: World, account: Account) -> web.StreamResponse:
    """What a world's history says of one who plays there."""
    visitor = call.core.see(visitor_called, world=world.id, username=call.path["player"])
    history, name = call.core.history, visitor.name
    attendance = (await _attendance(call, world, [name])).get(name)
    zone = zone_of(account)
    stays = await stays_since(history, world.id, name, call.now - CARD_SECONDS)
    card = card_of(stays, zone, call.now)
    first = await history.lines(Lines(world.id, username=name, rising=True), 1)
    feats = await history.lines(Lines(world.id, About.ACHIEVEMENT, username=name), SHORT)
    owner = call.core.see(owner_of, username=name)
    context = {
        **frame(call, world, account, "players"),
        "name": name,
        "there": visitor.there,
        "you": name in account.usernames,
        "owner": owner.nickname if owner else "",
        "first": first[0].at if first else None,
        "seen": _last_seen(visitor),
        "played": played(attendance, call.now),
        "visits": attendance.visits if attendance else 0,
        "chats": await counted(history, Lines(world.id, About.CHAT, username=name)),
        "causes": await causes(history, world.id, name),
        "feats": [row_of(line, public=False) for line in feats],
        "feat_count": await counted(history, Lines(world.id, About.ACHIEVEMENT, username=name)),
        "stays": [_stay(stay, call.now) for stay in stays[:SHORT]],
        "card": card,
        "levels": levels(card),
        "hours": sum(map(sum, card)),
        "days": [
            format_date(date(1970, 1, 5 + number), "EEE", language_of(call.request).locale)
            for number in range(7)
        ],
        "zone": account.zone,
    }
    return form_page(call, "worlds/player.html", context)


@for_members
async def see_sessions(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Who was in a world from when to when, the latest first."""
    player = _asked_player(call)
    wanted = Visits(world.id, player or None, after=_asked_place(call))
    found = await call.core.history.visits(wanted, SIZE + 1)
    shown = found[:SIZE]
    older = exact_place_of(shown[-1].visit.login.at, shown[-1].id) if len(found) > SIZE else None
    context = {
        **frame(call, world, account, "sessions"),
        "rows": [_stay(stay, call.now) for stay in shown],
        "player": player,
        **_turning(call, world, "sessions", older),
    }
    return form_page(call, "worlds/sessions.html", context)


@for_members
async def see_deaths(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Who died of what, the latest first."""
    return await _happened(call, world, account, About.DEATH, "deaths")


@for_members
async def see_achievements(call: Call, world: World, account: Account) -> web.StreamResponse:
    """Who reached what, the latest first."""
    return await _happened(call, world, account, About.ACHIEVEMENT, "achievements")


async def _happened(
    call: Call, world: World, account: Account, about: About, here: str
) -> web.StreamResponse:
    player, text = _asked_player(call), call.query.get("before", "")
    wanted = Lines(world.id, about, username=player or None, after=place_named(text))
    found = await call.core.history.lines(wanted, SIZE + 1)
    shown: list[LogLine] = found[:SIZE]
    older = place_of(shown[-1]) if len(found) > SIZE else None
    tops = (
        await call.core.history.count(Lines(world.id, about), ("username",)) if not player else []
    )
    context = {
        **frame(call, world, account, here),
        "title": TITLES[about],
        "rows": [row_of(line, public=False) for line in shown],
        "tops": [(one.parts[0], one.lines) for one in tops if one.parts[0]][:SHORT],
        "player": player,
        **_turning(call, world, here, older),
    }
    return form_page(call, "worlds/happened.html", context)


def _seen(visitor: Visitor) -> tuple[float, int]:
    return visitor.last_login or 0.0, visitor.id


def _last_seen(visitor: Visitor) -> float | None:
    """When somebody was in the world last; None for one who is there now."""
    return None if visitor.latest is None or visitor.there else visitor.latest.ended


def _stay(stay: Stay, now: float) -> dict[str, Any]:
    visit = stay.visit
    return {
        "name": visit.username,
        "login": visit.login.at,
        "line": stay.id,
        "logout": visit.ended,
        "seconds": visit.duration(now),
    }


async def _attendance(call: Call, world: World, names: list[str]) -> dict[str, Attendance]:
    found = await call.core.history.attendance(world.id, names)
    return {one.username: one for one in found}


def _asked_player(call: Call) -> str:
    return call.query.get("player", "").strip()[:LONGEST_NAME]


def _asked_place(call: Call) -> Place | None:
    """Where a page goes on; nobody's cursor is none."""
    return exact_place_named(call.query.get("before", ""))


def _turning(call: Call, world: World, here: str, older: str | None) -> dict[str, str | None]:
    """Where the pages before and after this one are."""
    path, player = f"{path_of(world)}/{here}", _asked_player(call)
    kept = {"player": player} if player else {}
    newest = f"{path}?{urlencode(kept)}" if kept else path
    return {
        "older": f"{path}?{urlencode({**kept, 'before': older})}" if older else None,
        "newest": newest if "before" in call.query else None,
    }


ROUTES = (
    Route("GET", WORLD + "/players", see_players, who=signed_in),
    Route("GET", WORLD + "/players/{player}", see_player, who=signed_in),
    Route("GET", WORLD + "/sessions", see_sessions, who=signed_in),
    Route("GET", WORLD + "/deaths", see_deaths, who=signed_in),
    Route("GET", WORLD + "/achievements", see_achievements, who=signed_in),
)
