"""Views: worlds, and who is in them, as pages and their scripts take them."""

from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time

from coalserver.core.queries.worlds import visitors_there
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.world import COMING, GOING, TICKS_A_DAY, Status, World
from coalserver.site.access import path_of
from coalserver.site.worlds.line_rows import named
from coalserver.web.api import Call
from coalserver.web.pages.i18n import N_, Language, language_of

#: In a word each; those on the way are of worlds that this server hosts.
STATUS = {
    Status.UNKNOWN: N_("Not connected"),
    Status.RUNNING: N_("Running"),
    Status.STOPPED: N_("Stopped"),
    Status.QUEUED_START: N_("Starting soon"),
    Status.QUEUED_RESTART: N_("Restarting"),
    Status.QUEUED_STOP: N_("Stopping soon"),
    Status.LOADING: N_("Starting"),
    Status.LOADED: N_("Nearly there"),
    Status.SAVING: N_("Saving"),
}
CLEAR, RAIN, THUNDER = N_("Clear"), N_("Rain"), N_("Thunderstorm")
#: What one hour of a world's day is, in ticks; its day begins at six.
HOUR = TICKS_A_DAY // 24
DAWN = 6


#: Colours of the squares that stand for people.
HUES = 12


def frame(call: Call, world: World, account: Account | None, here: str) -> dict[str, Any]:
    """What every page of a world has."""
    return {
        "world": told(call, world, account),
        "account": account,
        # Before anything is read: what happens meanwhile is heard.
        "cursor": call.core.feed.head,
        "here": here,
        "hue": hue_of,
        "stamp": Stamps(language_of(call.request), account),
        "lasting": lasting,
        "pictures": True,
    }


class Stamps:
    """Times as a page shows them where no script puts them into the reader's own zone."""

    def __init__(self, language: Language, account: Account | None) -> None:
        self._locale = language.locale
        self._zone = zone_of(account)

    def __call__(self, at: float, since: float | None = None) -> str:
        """Day and time; the time alone where it is the day of `since`."""
        when = self._there(at)
        clock = format_time(when, "short", None, self._locale)
        if since is not None and self._there(since).date() == when.date():
            return str(clock)
        return f"{format_date(when, 'medium', self._locale)}, {clock}"

    def _there(self, at: float) -> datetime:
        return datetime.fromtimestamp(bounded(at), self._zone)

    def iso(self, at: float) -> str:
        return (
            datetime.fromtimestamp(bounded(at), UTC)
            .isoformat(timespec="seconds")
            .replace("+00:00", "Z")
        )


def bounded(at: float) -> float:
    """A time that a calendar has: lines of a log may say any."""
    return min(max(at, -6e10), 2.5e11)


def zone_of(account: Account | None) -> tzinfo:
    """Where an account says it lives."""
    try:
        return ZoneInfo(account.zone) if account else UTC
    except (KeyError, ValueError, OSError):
        return UTC


def hue_of(name: str) -> int:
    """The colour that stands for a name; scripts find the same one."""
    found = 0
    for letter in name:
        found = (found * 31 + ord(letter)) % 9973
    return found % HUES


def lasting(seconds: float) -> str:
    """How long something took, in the two largest units that it has."""
    minutes = int(seconds // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def told(call: Call, world: World, account: Account | None) -> dict[str, Any]:
    """How a world is, in the reader's words."""
    said = language_of(call.request).gettext
    view = view_of(call, world, account)
    weather = view["weather"]
    return {**view, "words": said(view["words"]), "weather": said(weather) if weather else None}


def view_of(call: Call, world: World, account: Account | None) -> dict[str, Any]:
    """All that is shown of a world. Where it is found on the net is for members."""
    view: dict[str, Any] = {
        "name": world.name,
        "path": path_of(world),
        "status": str(world.status),
        "words": STATUS[world.status],
        "running": world.status is Status.RUNNING,
        "percent": world.percent,
        "day": world.day,
        "clock": clock_of(world.ticks(call.now)),
        "ticks": world.ticks(call.now),
        "weather": weather_of(world),
        "version": world.version,
        "pinged": world.pinged,
        "there": there_in(call, world, account),
    }
    if account is not None:
        view["may"] = may(world, account)
        view["address"] = world.address
        view["lag"] = _lag(world)
    return view


def may(world: World, account: Account) -> dict[str, bool]:
    """What a member may ask now of a world that is one of ours; nothing is ever asked of another."""
    if not world.hosted:
        return {}
    runs, goes = world.status is Status.RUNNING or world.status in COMING, world.status in GOING
    stands = world.status in (Status.STOPPED, Status.UNKNOWN)
    asked = {"play": not runs}
    return {**asked, "pause": not goes and not stands} if account.admin else asked


def there_in(call: Call, world: World, account: Account | None) -> list[dict[str, Any]]:
    """Who is in a world, since when; the latest first."""
    mine = account.usernames if account else ()
    return [
        {
            "name": named(visitor.name, public=account is None),
            "since": visitor.last_login,
            "you": visitor.name in mine,
        }
        for visitor in call.core.see(visitors_there, world=world.id)
    ]


def clock_of(ticks: int | None) -> str | None:
    """The time of day in a world, as a clock there would show it."""
    if ticks is None:
        return None
    minutes = (ticks % TICKS_A_DAY + DAWN * HOUR) * 60 // HOUR
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def weather_of(world: World) -> str | None:
    """In a word; None where nobody has told."""
    if world.raining is None and world.thundering is None:
        return None
    return THUNDER if world.thundering else RAIN if world.raining else CLEAR


def _lag(world: World) -> dict[str, int] | None:
    """How far a running world has fallen behind lately, if it has."""
    if world.status is not Status.RUNNING or not world.overloads:
        return None
    return {"times": world.overloads, "ms": world.behind or 0, "ticks": world.skipped or 0}
