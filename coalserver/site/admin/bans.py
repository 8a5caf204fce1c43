"""Admins and bans: who is shut out of a game, for how long, and no more."""

from typing import Any

from aiohttp import web

from coalserver.core.commands.bans import ban, unban
from coalserver.core.queries.admin import bans_held
from coalserver.core.queries.games import all_games
from coalserver.core.queries.players import name_of
from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import BAN_SECONDS
from coalserver.site.admin.layout import (
    ROWS,
    Again,
    do,
    get,
    leafing,
    page_asked,
    post,
    show,
    went_well,
)
from coalserver.web.api import Call
from coalserver.web.pages.cookies import leads_to
from coalserver.web.pages.i18n import N_, language_of
from coalserver.web.pages.typed import shown, typed, whole

#: How long, as the form offers it.
DURATIONS = (
    ("hour", N_("an hour")),
    ("day", N_("a day")),
    ("week", N_("a week")),
    ("month", N_("a month")),
    ("quarter", N_("three months")),
    ("year", N_("a year")),
    ("forever", N_("for ever")),
)
MOST_ID = 10**9 - 1
DONE = {
    "banned": ("bans", N_("The player is shut out.")),
    "lifted": ("bans", N_("The ban is lifted.")),
}


def bans_page(call: Call, **said: Any) -> web.StreamResponse:
    texts = language_of(call.request)
    first = (page_asked(call) - 1) * ROWS
    found, total = call.core.see(bans_held, now=call.now, limit=ROWS, offset=first)
    context = {
        "bans": [(one, name_of(call.core.state, id=one.player)) for one in found],
        "leaf": leafing(call, total),
        "games": [(game.tag, game.name) for game in call.core.see(all_games)],
        "durations": [(name, texts.gettext(words)) for name, words in DURATIONS],
        "asked_player": call.query.get("player", "")[:10],
        "asked_game": call.query.get("game", "")[:40],
    }
    return show(call, "bans", context, **{"done": went_well(call, DONE), **said})


async def see_bans(call: Call) -> web.StreamResponse:
    """Who is shut out of which game, the latest first."""
    return bans_page(call)


async def ban_player(call: Call) -> web.StreamResponse:
    """Shut a player out of a game, and free every seat he has in it."""
    said = await typed(call, {"game": 40, "player": 20, "duration": 20, "reason": 200})
    player = whole(said["player"], 1, MOST_ID, "player")
    if said["duration"] not in BAN_SECONDS:
        raise Refusal(Why.MALFORMED, fields={"duration": ["Unknown."]})
    reason = shown(said["reason"])
    asked: dict[str, Any] = {
        "game": said["game"],
        "player": player,
        "duration": said["duration"],
        "reason": reason,
    }
    detail = ", ".join(filter(None, (said["duration"], reason)))
    await do(
        call, What.PLAYER_BANNED, _about(call, said["game"], player), ban, detail=detail, **asked
    )
    return leads_to("/admin/bans?done=banned")


async def lift_ban(call: Call) -> web.StreamResponse:
    """Let a player into a game again."""
    said = await typed(call, {"game": 40, "player": 20})
    player = whole(said["player"], 1, MOST_ID, "player")
    asked: dict[str, Any] = {"game": said["game"], "player": player}
    await do(call, What.BAN_LIFTED, _about(call, said["game"], player), unban, **asked)
    return leads_to("/admin/bans?done=lifted")


def _about(call: Call, game: str, player: int) -> str:
    return f"{name_of(call.core.state, id=player)} ({player}), {game}"


ROUTES = (
    get("/admin/bans", see_bans),
    post("/admin/bans", ban_player),
    post("/admin/bans/lift", lift_ban),
)
AGAIN: Again = {"ban_player": (bans_page, "ban"), "lift_ban": (bans_page, "bans")}
