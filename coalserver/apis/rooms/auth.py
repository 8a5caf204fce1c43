"""Authenticators: a bearer token, or on event feeds a ticket."""

from coalserver.core.caller import Caller, check_token_valid, is_token_expired
from coalserver.core.queries.players import token_by_secret
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Token
from coalserver.web.bearer import find_ticket_caller, get_bearer_token
from coalserver.web.context import RequestContext


def player(ctx: RequestContext) -> Caller:
    """Authenticate a player by token. Raises TOKEN_REQUIRED, INVALID_TOKEN or RATE_LIMITED."""
    known = ctx.known
    if known and player in known:
        # The same bytes have the same token, if there still is one.
        digest, caller = known[player]
        token = ctx.core.state.get(Token, caller.token_id)
        if token is not None and token.digest == digest and not is_token_expired(ctx.core, token):
            return caller  # type: ignore[no-any-return]
    token = token_by_secret(ctx.core.state, secret=get_bearer_token(ctx))
    if token is None or is_token_expired(ctx.core, token):
        ctx.refuse_credentials(f"token {ctx.network}", DomainError(ErrorCode.INVALID_TOKEN))
    caller = Caller(player_id=token.player, account_id=token.account, token_id=token.id)
    if known is not None:
        known[player] = token.digest, caller
    return caller


def listener(ctx: RequestContext) -> Caller:
    """Authenticate a player by `?ticket=`, or as `player` does."""
    caller = find_ticket_caller(ctx)
    if caller is None:
        return player(ctx)
    check_token_valid(ctx.core, caller)
    return caller
