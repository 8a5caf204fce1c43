"""Who calls: the access token of an account, or of a world's agent. Nothing but the header is looked at."""

from coalserver.core.caller import Caller
from coalserver.core.engine import Core
from coalserver.core.queries.oauth import account_of_tokens, tokens_by_access_token
from coalserver.core.queries.worlds import world_of_agent
from coalserver.domain.accounts.oauth import AGENT_SCOPE, DATA_SCOPE, TokenPair
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.bearer import get_bearer_token
from coalserver.web.context import RequestContext


def user(ctx: RequestContext) -> Caller:
    """Somebody with an active account."""
    access = get_access(ctx, DATA_SCOPE)
    account = ctx.core.query(account_of_tokens, token_pair=access)
    return Caller(account_id=account.id, token_id=access.id, account=account)


def admin(ctx: RequestContext) -> Caller:
    """One who runs the place."""
    caller = user(ctx)
    if not caller.get_account().admin:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    return caller


def agent(ctx: RequestContext) -> Caller:
    """What speaks for a world that is one of ours still."""
    access = get_access(ctx, AGENT_SCOPE)
    world = ctx.core.query(world_of_agent, token_pair=access)
    return Caller(token_id=access.id, world=world)


def get_access(ctx: RequestContext, scope: str) -> TokenPair:
    """The access token of a request, good for this scope."""
    token = get_bearer_token(ctx.request)
    return ctx.core.query(tokens_by_access_token, token=token, scope=scope, now=ctx.now)


def check_still_valid(core: Core, caller: Caller) -> None:
    """Refuse a caller whose token has ended since he came, or who may not come in any more."""
    access = core.state.get(TokenPair, caller.token_id)
    if access is None or access.is_expired(core.now):
        raise DomainError(ErrorCode.INVALID_TOKEN)
    core.query(account_of_tokens, token_pair=access)
