"""Template context of world pages: status and online players."""

from typing import Any

from coalserver.core.hosting import Hosting
from coalserver.core.queries.hosting import get_run
from coalserver.core.queries.worlds import count_online, online_visitors
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.hosting.hosted_world import AT_REST, SAVABLE, UP, WITH_PROCESS
from coalserver.domain.minecraft.world import STOPPING, TICKS_PER_DAY, World, WorldStatus
from coalserver.site.access import world_path
from coalserver.site.worlds.hosted import hosted_fields, may_start, needs_eula, state_text
from coalserver.site.worlds.line_rows import public_name
from coalserver.web.context import RequestContext
from coalserver.web.pages.clock import format_duration
from coalserver.web.pages.i18n import N_, request_language

#: Labels of states. Only worlds hosted by this server have the states between running and stopped.
STATUS_LABELS = {
    WorldStatus.UNKNOWN: N_("Not connected"),
    WorldStatus.RUNNING: N_("Running"),
    WorldStatus.STOPPED: N_("Stopped"),
    WorldStatus.QUEUED_START: N_("Waiting to start"),
    WorldStatus.QUEUED_RESTART: N_("Restarting"),
    WorldStatus.QUEUED_STOP: N_("Stopping"),
    WorldStatus.LOADING: N_("Preparing"),
    WorldStatus.LOADED: N_("Starting"),
    WorldStatus.SAVING: N_("Saving"),
}
CLEAR, RAIN, THUNDER = N_("Clear sky"), N_("Rain"), N_("Thunderstorm")
#: Ticks per hour of the game. Its day begins at 6:00.
TICKS_PER_HOUR = TICKS_PER_DAY // 24
FIRST_HOUR = 6
#: Online players that the page of a world lists.
MAX_ONLINE = 200
#: Number of avatar colours.
AVATAR_HUES = 12


def world_context(
    ctx: RequestContext, world: World, account: Account | None, active_page: str
) -> dict[str, Any]:
    """Return the template context that all pages of a world share."""
    return {
        "world": world_summary(ctx, world, account),
        "account": account,
        # Read first, so that the page gets the events that are emitted while it is rendered.
        "cursor": ctx.core.feed.head,
        "active_page": active_page,
        "avatar_hue": avatar_hue,
        "format_duration": format_duration,
        "has_screenshots": True,
    }


def avatar_hue(name: str) -> int:
    """Return the colour number of a name's avatar, as `avatarHue` in `avatars.js` does."""
    checksum = 0
    for character in name:
        checksum = (checksum * 31 + ord(character)) % 9973
    return checksum % AVATAR_HUES


def world_summary(
    ctx: RequestContext, world: World, account: Account | None, max_players: int = MAX_ONLINE
) -> dict[str, Any]:
    """Return `world_fields` with the weather in the language of the request."""
    translate = request_language(ctx.request).gettext
    fields = world_fields(ctx, world, account, max_players)
    weather = fields["weather"]
    return {**fields, "weather": translate(weather) if weather else None}


def world_state_text(ctx: RequestContext, world: World, *, public: bool = False) -> str:
    """Return the text of a world's state in the language of the request."""
    language = request_language(ctx.request)
    text = None
    if world.hosted:
        text = state_text(
            ctx.core.query(get_run, world_id=world.id), language, ctx.now, public=public
        )
    return language.gettext(STATUS_LABELS[world.status]) if text is None else text


def world_fields(
    ctx: RequestContext, world: World, account: Account | None, max_players: int
) -> dict[str, Any]:
    """Return the fields of a world for templates and scripts. Its address is for members only.

    `there` has the online players who came last, at most `max_players`, and `online` the number of all.
    """
    fields: dict[str, Any] = {
        "name": world.name,
        "path": world_path(world),
        "status": str(world.status),
        "words": world_state_text(ctx, world, public=account is None),
        "running": world.status is WorldStatus.RUNNING,
        "percent": world.percent,
        "day": world.day,
        "clock": world_clock(world.time_of_day(ctx.now)),
        "ticks": world.time_of_day(ctx.now),
        "weather": weather_label(world),
        "version": world.version,
        "pinged": world.last_ping,
        "online": ctx.core.query(count_online, world=world.id),
        "there": online_players(ctx, world, account, max_players),
    }
    if account is not None:
        fields["may"] = allowed_actions(ctx, world, account)
        fields["address"] = world.address
        fields["lag"] = _lag(world)
    if world.hosted:
        language = request_language(ctx.request)
        fields["hosted"] = hosted_fields(
            ctx, ctx.core.query(get_run, world_id=world.id), account, language
        )
    return fields


def allowed_actions(ctx: RequestContext, world: World, account: Account) -> dict[str, bool]:
    """Return the actions on a hosted world and whether each is possible now.

    Other worlds have none, and a server on which hosting is switched off offers none.
    """
    hosting = ctx.app.service(Hosting)
    if not world.hosted or not hosting.enabled:
        return {}
    status, run = world.status, ctx.core.query(get_run, world_id=world.id)
    member_actions = {"play": may_start(run, account) and not needs_eula(ctx, run)}
    if not account.admin:
        return member_actions
    is_busy = run.hosted.is_busy
    has_saves = hosting.figures(world.id).saved_games > 0
    return {
        **member_actions,
        "pause": status not in AT_REST and status not in STOPPING,
        "restart": status in UP,
        "kill": status in WITH_PROCESS,
        "save": status in SAVABLE and not is_busy,
        "saves": True,
        "download": has_saves,
        "restore": has_saves and status in AT_REST and not is_busy,
    }


def online_players(
    ctx: RequestContext, world: World, account: Account | None, limit: int
) -> list[dict[str, Any]]:
    """Return the online players who came last with their login times, the latest first."""
    own_names = account.usernames if account else ()
    return [
        {
            "name": public_name(visitor.name, public=account is None),
            "since": visitor.last_login,
            "you": visitor.name in own_names,
        }
        for visitor in ctx.core.query(online_visitors, world=world.id, limit=limit)
    ]


def world_clock(ticks: int | None) -> str | None:
    """Return the time of day in a world as HH:MM, or None if it is unknown."""
    if ticks is None:
        return None
    minutes = (ticks % TICKS_PER_DAY + FIRST_HOUR * TICKS_PER_HOUR) * 60 // TICKS_PER_HOUR
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def weather_label(world: World) -> str | None:
    """Return the weather of a world, or None if it is unknown."""
    if world.raining is None and world.thundering is None:
        return None
    return THUNDER if world.thundering else RAIN if world.raining else CLEAR


def _lag(world: World) -> dict[str, int] | None:
    """Return the stalls of the last five minutes of a running world, or None without any."""
    if world.status is not WorldStatus.RUNNING or not world.overloads:
        return None
    return {"times": world.overloads, "ms": world.behind or 0, "ticks": world.skipped or 0}
