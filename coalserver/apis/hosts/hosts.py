"""Hosts: register, log in, and say who is welcome."""

from collections.abc import Callable

from aiohttp import web

from coalserver.apis.hosts import render
from coalserver.apis.hosts.auth import Hosting, failed, owner, renewing, shown, the_host, token_for
from coalserver.apis.hosts.schemas import ALLOW_NONAMES, ONLY_FRIENDS
from coalserver.core.commands import hosts
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.host_profile import Welcome
from coalserver.web.api import Call, Route
from coalserver.web.responses import document

HOST = "/hosts/{host}"
#: What guessing meets.
WRONG = (Why.PLAYER_NOT_FOUND, Why.BAD_CREDENTIALS)


async def register(call: Call) -> web.StreamResponse:
    """Make a host; its secret, which the document does not know, is shown this once."""
    game = call.web.service(Hosting).game
    host, secret = await call.core.do(hosts.register_host, game=game)
    return document({**render.host(call.core.state, host), "secret": secret})


async def login(call: Call) -> web.StreamResponse:
    """A token for a uuid; where the host has ever shown its secret, only with the secret.

    A token of the host itself is no secret, and no try to guess one: clients send it along.
    """
    call.web.failures.check(f"hosts {call.address}")
    try:
        host = the_host(call, call.path["host"])
        secret: str | None = shown(call)
        token = token_for(call, secret or "")
        if not secret or (token is not None and token.player == host.id):
            secret = None
        once = call.web.service(Hosting).strict
        made = await call.core.do(hosts.sign_in_host, host=host.id, secret=secret, once=once)
    except Refusal as refusal:
        raise failed(call, refusal.why) if refusal.why in WRONG else refusal from None
    return document({"token": made})


async def renew(call: Call) -> web.StreamResponse:
    """Another token for the same host; the old one stays good to its own end."""
    made = await call.core.do(hosts.renew_token, token_id=call.caller.token)
    return document({"token": made})


async def get(call: Call) -> web.StreamResponse:
    """Oneself."""
    return document(render.host(call.core.state, the_host(call, call.path["host"])))


async def set_welcome(call: Call) -> web.StreamResponse:
    """Say whether friends only, or also guests without a name, are let in."""
    await call.core.do(hosts.set_welcome, host=call.caller.player, **call.body)
    return document(None)


async def befriend(call: Call) -> web.StreamResponse:
    """Let another in where only friends are; again is no change."""
    return await _said_of(call, hosts.befriend, _asked(call, "friend"))


async def unfriend(call: Call) -> web.StreamResponse:
    """Another is a friend no more."""
    return await _said_of(call, hosts.unfriend, call.path["former_friend"])


async def ban(call: Call) -> web.StreamResponse:
    """Shut another out; he leaves the session if he is in it."""
    return await _said_of(call, hosts.ban_guest, _asked(call, "banned"))


async def unban(call: Call) -> web.StreamResponse:
    """Let another in again."""
    return await _said_of(call, hosts.unban_guest, call.path["banned"])


async def _said_of(call: Call, command: Callable[..., Welcome], uuid: str) -> web.StreamResponse:
    other = the_host(call, uuid, Why.OTHER_NOT_FOUND)
    await call.core.do(command, host=call.caller.player, other=other.id)
    return document(None)


def _asked(call: Call, name: str) -> str:
    value = call.query.get(name)
    if value is None:
        fields = {name: ["Missing data for required field."]}
        raise Refusal(Why.MALFORMED, fields=fields, where="query")
    return value


ROUTES = (
    Route("POST", "/hosts", register),
    Route("GET", "/hosts/access_token/renew", renew, who=renewing),
    Route("GET", HOST + "/access_token", login),
    Route("GET", HOST, get, who=owner),
    Route("PUT", HOST + "/only_friends", set_welcome, ONLY_FRIENDS, owner),
    Route("PUT", HOST + "/allow_nonames", set_welcome, ALLOW_NONAMES, owner),
    Route("POST", HOST + "/friends", befriend, who=owner),
    Route("DELETE", HOST + "/friends/{former_friend}", unfriend, who=owner),
    Route("POST", HOST + "/banlist", ban, who=owner),
    Route("DELETE", HOST + "/banlist/{banned}", unban, who=owner),
)
