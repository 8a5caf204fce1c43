"""How this dialect writes things: times, keys, and what is not there as null."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coalserver.core.engine import Core
from coalserver.core.queries.worlds import owner_of
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import PLAYER, SERVER, USER, Keys
from coalserver.web.api import Call

JSON = dict[str, Any]


def moment(at: float | None, zone: str = "UTC") -> str | None:
    """`2013-04-14 19:55:22 UTC-0000`; in another zone `2013-04-14 18:37:35 CDT-0500`."""
    if at is None:
        return None
    try:
        when = datetime.fromtimestamp(at, UTC if zone == "UTC" else ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        when = datetime.fromtimestamp(at, UTC)
    offset = when.strftime("%z")
    return when.strftime("%Y-%m-%d %H:%M:%S %Z") + (offset if int(offset) else "-0000")


def keys_of(call: Call) -> Keys:
    return call.web.service(Keys)


def user_document(call: Call, account: Account) -> JSON:
    return {
        "key": keys_of(call).of(USER, account.id),
        "usernames": account.usernames,
        "email": account.email,
        "nickname": account.nickname or None,
        "active": account.active,
        "admin": account.admin,
        "last_coal_login": moment(account.last_login),
        "created": moment(account.created),
        "updated": moment(account.updated or account.created),
    }


def server_document(call: Call, world: World) -> JSON:
    """A world as it is now; the clock in it goes on while it runs."""
    return {
        "key": keys_of(call).of(SERVER, world.id),
        "name": world.name,
        "short_name": world.short_name or None,
        "gce": world.hosted,
        "running_version": world.version or None,
        "address": world.address or None,
        "status": world.status.upper(),
        "last_ping": moment(world.pinged),
        "server_day": world.day,
        "server_time": world.ticks(call.now),
        "is_raining": world.raining,
        "is_thundering": world.thundering,
        "created": moment(world.created),
        "updated": moment(world.updated or world.created),
    }


def names_of(core: Core, keys: Keys, world: int, username: str) -> JSON:
    """Whose something is: the name, its player here and its user, each null where there is none."""
    visitor = core.state.one(Visitor, "name", (world, username)) if username else None
    owner = core.see(owner_of, username=username) if visitor else None
    return {
        "server_key": keys.of(SERVER, world),
        "username": username or None,
        "player_key": keys.of(PLAYER, visitor.id) if visitor else None,
        "user_key": keys.of(USER, owner.id) if owner else None,
    }
