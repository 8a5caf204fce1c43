"""Who calls: a bearer token. A host may also show the secret that came with its uuid, at its login."""

from dataclasses import dataclass
from typing import NoReturn

from coalserver.apis.hosts.render import parse_uuid
from coalserver.core.caller import Caller
from coalserver.core.engine import Core
from coalserver.core.queries.hosts import host_by_code
from coalserver.core.queries.players import token_by_secret
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.player import Player, Token
from coalserver.web.bearer import get_bearer_token
from coalserver.web.context import RequestContext


@dataclass(frozen=True, slots=True)
class HostsApiSettings:
    """How this server treats hosts; `strict` takes a bare uuid once only."""

    game: str = "hosts"
    strict: bool = False


def player(ctx: RequestContext) -> Caller:
    """The host, or the guest without a name, whose token this is."""
    token = _get_token(ctx)
    if has_ended(ctx.core, token):
        raise_limited(ctx, ErrorCode.INVALID_TOKEN)
    return Caller(player_id=token.player, token_id=token.id)


def player_with_refreshable_token(ctx: RequestContext) -> Caller:
    """The same; the token may have ended, but not so long ago that it cannot be renewed."""
    token = _get_token(ctx)
    if token.is_fully_expired(ctx.core.presence.last_seen_at(token.player), ctx.now):
        raise_limited(ctx, ErrorCode.INVALID_TOKEN)
    return Caller(player_id=token.player, token_id=token.id)


def host_in_path(ctx: RequestContext) -> Caller:
    """The host in the path: first a good token, then a host that is there, then that host's token."""
    caller = player(ctx)
    check_is_host(caller, get_host(ctx, ctx.path["host"]))
    return caller


def get_host(
    ctx: RequestContext, uuid: str, missing: ErrorCode = ErrorCode.PLAYER_NOT_FOUND
) -> HostProfile:
    """The host with this uuid, in whatever case."""
    return ctx.core.query(host_by_code, code=parse_uuid(uuid), missing_code=missing)


def check_is_host(caller: Caller, host: HostProfile) -> None:
    """Refuse the token of anybody else."""
    if caller.player_id != host.id:
        raise DomainError(ErrorCode.PERMISSION_DENIED)


def find_token(ctx: RequestContext, secret: str) -> Token | None:
    """A token of this API, good or not; None for what is none."""
    token = ctx.core.query(token_by_secret, secret=secret) if secret else None
    if token is None:
        return None
    holder = ctx.core.state.get(Player, token.player)
    game = ctx.app.service(HostsApiSettings).game
    return token if holder is not None and holder.game == game else None


def check_still_valid(core: Core, caller: Caller) -> None:
    """Refuse a caller whose token has ended since he came."""
    token = core.state.get(Token, caller.token_id)
    if token is None or has_ended(core, token):
        raise DomainError(ErrorCode.INVALID_TOKEN)


def has_ended(core: Core, token: Token) -> bool:
    return token.is_expired(core.presence.last_seen_at(token.player), core.now)


def limit_key(ctx: RequestContext) -> str:
    """Return the key under which invalid uuids, secrets and tokens of an address are counted."""
    return f"hosts {ctx.address}"


def raise_limited(ctx: RequestContext, code: ErrorCode) -> NoReturn:
    """Count an invalid credential and raise an error, RATE_LIMITED after too many."""
    ctx.app.failure_limiter.record_and_raise(limit_key(ctx), error=DomainError(code))


def _get_token(ctx: RequestContext) -> Token:
    token = find_token(ctx, get_bearer_token(ctx.request))
    if token is None:
        raise_limited(ctx, ErrorCode.INVALID_TOKEN)
    return token
