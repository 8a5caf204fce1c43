"""Authentication: the bearer token of an account or of a world's agent."""

from coalserver.core.caller import Caller
from coalserver.core.engine import Core
from coalserver.core.queries.oauth import account_of_tokens, tokens_by_access_token
from coalserver.core.queries.worlds import world_of_agent
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.oauth import AGENT_SCOPE, DATA_SCOPE, TokenPair
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.bearer import get_bearer_token
from coalserver.web.context import RequestContext


def user(ctx: RequestContext) -> Caller:
    """Return the account of the token. Raises what `get_tokens` raises, or ACCOUNT_INACTIVE."""
    tokens = get_tokens(ctx, DATA_SCOPE)
    account = ctx.core.query(account_of_tokens, token_pair=tokens)
    return Caller(account_id=account.id, token_id=tokens.id, account=account)


def admin(ctx: RequestContext) -> Caller:
    """Return the account of the token. Raises what `user` raises, or PERMISSION_DENIED."""
    caller = user(ctx)
    if not caller.get_account().admin:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    return caller


def agent(ctx: RequestContext) -> Caller:
    """Return the agent's world. Raises what `get_tokens` raises, or WORLD_NOT_FOUND if archived."""
    tokens = get_tokens(ctx, AGENT_SCOPE)
    world = ctx.core.query(world_of_agent, token_pair=tokens)
    return Caller(token_id=tokens.id, world=world)


def get_tokens(ctx: RequestContext, scope: str) -> TokenPair:
    """Return the token pair of the bearer token.

    Raises TOKEN_REQUIRED, or INVALID_TOKEN if it is unknown, expired or of another scope.
    """
    token = get_bearer_token(ctx)
    return ctx.core.query(
        tokens_by_access_token, token=token, scope=scope, now=ctx.core.expiry_time
    )


def get_valid_account(core: Core, caller: Caller) -> Account:
    """Return the caller's account.

    Raises INVALID_TOKEN if the token was revoked or has expired since authentication, and
    ACCOUNT_INACTIVE.
    """
    tokens = core.state.get(TokenPair, caller.token_id)
    if tokens is None or tokens.is_expired(core.expiry_time):
        raise DomainError(ErrorCode.INVALID_TOKEN)
    return core.query(account_of_tokens, token_pair=tokens)
