"""Who calls: a bearer token, or a ticket where a browser cannot set headers."""

from coalserver.core.caller import Caller
from coalserver.core.engine import Core
from coalserver.core.queries.players import token_by_secret
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Token
from coalserver.web.bearer import get_bearer_token
from coalserver.web.context import RequestContext


def player(ctx: RequestContext) -> Caller:
    """The player whose token this is: 401 without one, 403 with one that is not good."""
    token = token_by_secret(ctx.core.state, secret=get_bearer_token(ctx.request))
    if token is None or has_ended(ctx.core, token):
        ctx.app.failure_limiter.record_and_raise(
            f"token {ctx.address}", error=DomainError(ErrorCode.INVALID_TOKEN)
        )
    return Caller(player_id=token.player, account_id=token.account, token_id=token.id)


def listener(ctx: RequestContext) -> Caller:
    """A feed also takes `?ticket=`, once, from `POST /accounts/ticket`."""
    ticket = ctx.query.get("ticket")
    if ticket is None or "Authorization" in ctx.request.headers:
        return player(ctx)
    caller = ctx.app.tickets.redeem(ticket)
    if not isinstance(caller, Caller):
        raise DomainError(ErrorCode.INVALID_TOKEN)
    check_still_valid(ctx.core, caller)
    return caller


def check_still_valid(core: Core, caller: Caller) -> None:
    """Refuse a caller whose token has ended since he came."""
    token = core.state.get(Token, caller.token_id)
    if token is None or has_ended(core, token):
        raise DomainError(ErrorCode.INVALID_TOKEN)


def has_ended(core: Core, token: Token) -> bool:
    return token.is_expired(core.presence.last_seen_at(token.player), core.now)
