"""Hosts: registration, login, and the guests that a host admits."""

from collections.abc import Callable

from aiohttp import web

from coalserver.apis.hosts import render
from coalserver.apis.hosts.auth import (
    HostsApiSettings,
    find_token,
    get_host,
    host_in_path,
    limit_key,
    player_with_refreshable_token,
)
from coalserver.apis.hosts.schemas import ALLOW_NONAMES, ONLY_FRIENDS
from coalserver.core.commands import hosts
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.host_profile import HostProfile
from coalserver.web.api import Route
from coalserver.web.bearer import find_bearer_token
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.throttling import UseLimit

HOST = "/hosts/{host}"
#: Errors that count as a failed attempt to guess a uuid or secret.
LOGIN_FAILURES = (ErrorCode.PLAYER_NOT_FOUND, ErrorCode.INVALID_CREDENTIALS)


async def register(ctx: RequestContext) -> web.StreamResponse:
    """Register a host and return it with its secret, which the document does not have."""
    game = ctx.app.service(HostsApiSettings).game
    host, secret = await ctx.core.execute(hosts.register_host, game=game)
    return json_response({**render.host(ctx.core.state, host), "secret": secret})


async def login(ctx: RequestContext) -> web.StreamResponse:
    """Issue a token for a uuid; the secret is required once the host has logged in with it.

    A token of the host in `Authorization` is ignored: clients send it with every request.
    """
    with ctx.app.failure_limiter.guard(limit_key(ctx), on=LOGIN_FAILURES):
        host = get_host(ctx, ctx.path["host"])
        secret: str | None = find_bearer_token(ctx)
        token = find_token(ctx, secret or "")
        if not secret or (token is not None and token.player == host.id):
            secret = None
        strict = ctx.app.service(HostsApiSettings).strict
        issued = await ctx.core.execute(
            hosts.log_in_host, host_id=host.id, secret=secret, close_after=strict
        )
    return json_response({"token": issued})


async def refresh_token(ctx: RequestContext) -> web.StreamResponse:
    """Issue another token for the same host; the old one stays valid until it expires."""
    issued = await ctx.core.execute(hosts.refresh_host_token, token_id=ctx.caller.token_id)
    return json_response({"token": issued})


async def get(ctx: RequestContext) -> web.StreamResponse:
    """Return the host."""
    return json_response(render.host(ctx.core.state, get_host(ctx, ctx.path["host"])))


async def update_host_profile(ctx: RequestContext) -> web.StreamResponse:
    """Set whether only friends, or also guests without a uuid, are admitted."""
    await ctx.core.execute(hosts.update_host_profile, host_id=ctx.caller.player_id, **ctx.body)
    return json_response(None)


async def add_friend(ctx: RequestContext) -> web.StreamResponse:
    """Add a friend. Adding a friend again changes nothing."""
    return await _apply_to_other(ctx, hosts.add_friend, _required_query(ctx, "friend"))


async def remove_friend(ctx: RequestContext) -> web.StreamResponse:
    """Remove a friend."""
    return await _apply_to_other(ctx, hosts.remove_friend, ctx.path["former_friend"])


async def ban(ctx: RequestContext) -> web.StreamResponse:
    """Ban another host and remove it from the session."""
    return await _apply_to_other(ctx, hosts.ban_guest, _required_query(ctx, "banned"))


async def unban(ctx: RequestContext) -> web.StreamResponse:
    """Unban another host."""
    return await _apply_to_other(ctx, hosts.unban_guest, ctx.path["banned"])


async def _apply_to_other(
    ctx: RequestContext, command: Callable[..., HostProfile], uuid: str
) -> web.StreamResponse:
    """Run a command on another host. Raises TARGET_NOT_FOUND."""
    other = get_host(ctx, uuid, ErrorCode.TARGET_NOT_FOUND)
    await ctx.core.execute(command, host_id=ctx.caller.player_id, other_id=other.id)
    return json_response(None)


def _required_query(ctx: RequestContext, name: str) -> str:
    """Return a query parameter. Raises INVALID_REQUEST without it."""
    value = ctx.query.get(name)
    if value is None:
        fields = {name: ["Missing data for required field."]}
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=fields, where="query")
    return value


ROUTES = (
    Route("POST", "/hosts", register, limit=UseLimit.HOSTS),
    Route(
        "GET",
        "/hosts/access_token/renew",
        refresh_token,
        auth=player_with_refreshable_token,
        limit=UseLimit.MESSAGES,
    ),
    Route("GET", HOST + "/access_token", login, limit=UseLimit.MESSAGES),
    Route("GET", HOST, get, auth=host_in_path),
    Route(
        "PUT",
        HOST + "/only_friends",
        update_host_profile,
        ONLY_FRIENDS,
        host_in_path,
        limit=UseLimit.MESSAGES,
    ),
    Route(
        "PUT",
        HOST + "/allow_nonames",
        update_host_profile,
        ALLOW_NONAMES,
        host_in_path,
        limit=UseLimit.MESSAGES,
    ),
    Route("POST", HOST + "/friends", add_friend, auth=host_in_path, limit=UseLimit.MESSAGES),
    Route("DELETE", HOST + "/friends/{former_friend}", remove_friend, auth=host_in_path),
    Route("POST", HOST + "/banlist", ban, auth=host_in_path, limit=UseLimit.MESSAGES),
    Route("DELETE", HOST + "/banlist/{banned}", unban, auth=host_in_path),
)
