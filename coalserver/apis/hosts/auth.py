"""Authenticators: bearer tokens of hosts and of guests without a uuid."""

from dataclasses import dataclass
from typing import NoReturn

from coalserver.apis.hosts.render import parse_uuid
from coalserver.core.caller import Caller, is_token_expired
from coalserver.core.queries.hosts import host_by_code
from coalserver.core.queries.players import token_by_secret
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.player import Player, Token
from coalserver.web.bearer import get_bearer_token
from coalserver.web.context import RequestContext


@dataclass(frozen=True, slots=True)
class HostsApiSettings:
    """Settings of this API; with `strict`, a login by uuid alone works only once."""

    game: str = "hosts"
    strict: bool = False


def player(ctx: RequestContext) -> Caller:
    """Authenticate a host or guest. Raises TOKEN_REQUIRED, INVALID_TOKEN or RATE_LIMITED."""
    token = _get_token(ctx)
    if is_token_expired(ctx.core, token):
        raise_limited(ctx, ErrorCode.INVALID_TOKEN)
    return Caller(player_id=token.player, token_id=token.id)


def player_with_refreshable_token(ctx: RequestContext) -> Caller:
    """The same, and accept an expired token that can still be exchanged for a new one."""
    token = _get_token(ctx)
    if token.is_fully_expired(ctx.core.last_seen_at(token.player), ctx.core.expiry_time):
        raise_limited(ctx, ErrorCode.INVALID_TOKEN)
    return Caller(player_id=token.player, token_id=token.id)


def host_in_path(ctx: RequestContext) -> Caller:
    """Authenticate the host in the path.

    Raises what `player` raises, then PLAYER_NOT_FOUND, then PERMISSION_DENIED, in this order.
    """
    caller = player(ctx)
    check_is_host(caller, get_host(ctx, ctx.path["host"]))
    return caller


def get_host(
    ctx: RequestContext, uuid: str, missing: ErrorCode = ErrorCode.PLAYER_NOT_FOUND
) -> HostProfile:
    """Return the host with a uuid in any case. Raises `missing`."""
    return ctx.core.query(host_by_code, code=parse_uuid(uuid), missing_code=missing)


def check_is_host(caller: Caller, host: HostProfile) -> None:
    """Raise PERMISSION_DENIED if the caller is not the host."""
    if caller.player_id != host.id:
        raise DomainError(ErrorCode.PERMISSION_DENIED)


def find_token(ctx: RequestContext, secret: str) -> Token | None:
    """Return a token of this API, valid or expired, or None."""
    token = ctx.core.query(token_by_secret, secret=secret) if secret else None
    if token is None:
        return None
    holder = ctx.core.state.get(Player, token.player)
    game = ctx.app.service(HostsApiSettings).game
    return token if holder is not None and holder.game == game else None


def limit_key(ctx: RequestContext) -> str:
    """Return the key under which invalid uuids, secrets and tokens of an address are counted."""
    return f"hosts {ctx.network}"


def raise_limited(ctx: RequestContext, code: ErrorCode) -> NoReturn:
    """Count an invalid credential and raise an error, RATE_LIMITED after too many."""
    ctx.refuse_credentials(limit_key(ctx), DomainError(code))


def _get_token(ctx: RequestContext) -> Token:
    """Return the token of the request, valid or expired. Raises TOKEN_REQUIRED or INVALID_TOKEN."""
    token = find_token(ctx, get_bearer_token(ctx))
    if token is None:
        raise_limited(ctx, ErrorCode.INVALID_TOKEN)
    return token
