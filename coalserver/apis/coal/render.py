"""Payloads of this API: times, keys, users and servers; absent values are null."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coalserver.core.engine import Core
from coalserver.core.queries.accounts import find_account, find_account_by_username
from coalserver.core.queries.hosting import status_word
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import format_coal_time
from coalserver.security.opaque_keys import PLAYER, SERVER, USER, OpaqueKeys
from coalserver.web.context import RequestContext

JsonObject = dict[str, Any]


def render_time(at: float | None, zone: str = "UTC") -> str | None:
    """Return a timestamp as `2013-04-14 19:55:22 UTC-0000`, or as `… 18:37:35 CDT-0500` in a zone.

    An unknown zone counts as UTC.
    """
    if at is None:
        return None
    try:
        if zone == "UTC":
            return format_coal_time(at)
        local_time = datetime.fromtimestamp(at, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return format_coal_time(at)
    offset = local_time.strftime("%z")
    return local_time.strftime("%Y-%m-%d %H:%M:%S %Z") + (offset if int(offset) else "-0000")


def opaque_keys(ctx: RequestContext) -> OpaqueKeys:
    """Return the codec of keys on the wire."""
    return ctx.app.service(OpaqueKeys)


def render_user(ctx: RequestContext, account: Account) -> JsonObject:
    """Return an account as a user."""
    return {
        "key": opaque_keys(ctx).of(USER, account.id),
        "usernames": account.usernames,
        "email": account.email,
        "nickname": account.nickname or None,
        "active": account.active,
        "admin": account.admin,
        "last_coal_login": render_time(account.last_login),
        "created": render_time(account.created),
        "updated": render_time(account.updated or account.created),
    }


def render_server(ctx: RequestContext, world: World) -> JsonObject:
    """Return a world as a server; `server_time` advances while the world runs."""
    return {
        "key": opaque_keys(ctx).of(SERVER, world.id),
        "name": world.name,
        "short_name": world.short_name or None,
        "gce": world.hosted,
        "running_version": world.version or None,
        "address": world.address or None,
        "status": ctx.core.query(status_word, world=world),
        "last_ping": render_time(world.last_ping),
        "server_day": world.day,
        "server_time": world.time_of_day(ctx.now),
        "is_raining": world.raining,
        "is_thundering": world.thundering,
        "created": render_time(world.created),
        "updated": render_time(world.updated or world.created),
    }


def owner_fields(
    core: Core, keys: OpaqueKeys, world: int, username: str, account: int = 0
) -> JsonObject:
    """Return the owner of a row: server, username, player and user, each null where unknown.

    `account` is the user's account if that is known without the username.
    """
    visitor = core.state.first(Visitor, "name", (world, username)) if username else None
    if account:
        owner = core.query(find_account, id=account)
    else:
        owner = core.query(find_account_by_username, username=username) if visitor else None
    return {
        "server_key": keys.of(SERVER, world),
        "username": username or None,
        "player_key": keys.of(PLAYER, visitor.id) if visitor else None,
        "user_key": keys.of(USER, owner.id) if owner else None,
    }
