"""Who calls: the access token of an account, or of a world's agent. Nothing but the header is looked at."""

from coalserver.core.engine import Core
from coalserver.core.queries.oauth import access_shown, owner_of
from coalserver.core.queries.worlds import world_spoken_for
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.oauth import AGENT, DATA, Access
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.world import World
from coalserver.web.api import Call, Caller


def user(call: Call) -> Caller:
    """Somebody with an active account."""
    access = shown(call, DATA)
    return Caller(account=call.core.see(owner_of, access=access).id, token=access.id)


def admin(call: Call) -> Caller:
    """One who runs the place."""
    caller = user(call)
    if not account_of(call).admin:
        raise Refusal(Why.NOT_YOURS)
    return caller


def agent(call: Call) -> Caller:
    """What speaks for a world that is one of ours still."""
    access = shown(call, AGENT)
    call.core.see(world_spoken_for, access=access)
    return Caller(token=access.id)


def shown(call: Call, scope: str) -> Access:
    """The access token of a request, good for this scope."""
    scheme, _, token = call.request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise Refusal(Why.NO_TOKEN)
    return call.core.see(access_shown, token=token, scope=scope, now=call.now)


def account_of(call: Call) -> Account:
    """The account of who calls."""
    return call.core.see(owner_of, access=shown(call, DATA))


def world_of(call: Call) -> World:
    """The world of the agent that calls."""
    return call.core.see(world_spoken_for, access=shown(call, AGENT))


def still_good(core: Core, caller: Caller) -> None:
    """Refuse a caller whose token has ended since he came, or who may not come in any more."""
    access = core.state.get(Access, caller.token)
    if access is None or access.ended(core.now):
        raise Refusal(Why.BAD_TOKEN)
    core.see(owner_of, access=access)
