"""Questions about clients and what they may do."""

import hashlib

from coalserver.core.state import State
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.oauth import Access, Client, Code, Grant
from coalserver.domain.errors import Refusal, Why


def client_known(state: State, *, code: str) -> Client | None:
    """The client with this `client_id`."""
    return state.one(Client, "code", code)


def agent_of(state: State, *, world: int) -> Client | None:
    """The client through which the agent of a world speaks."""
    return state.one(Client, "world", world)


def granted(state: State, *, account: int, client: int, scope: str) -> bool:
    """Whether an account lets a client have all of this already."""
    grant = state.one(Grant, "pair", (account, client))
    return grant is not None and grant.covers(scope)


def grants_of(state: State, *, account: int) -> list[tuple[Grant, Client]]:
    """What an account allows, oldest first."""
    found = (
        (grant, state.get(Client, grant.client)) for grant in state.find(Grant, "account", account)
    )
    return [(grant, client) for grant, client in found if client is not None]


def personal_tokens(state: State, *, account: int) -> list[Access]:
    """The tokens an account made for itself, oldest first."""
    return [one for one in state.find(Access, "account", account) if not one.client]


def code_shown(state: State, *, code: str) -> Code | None:
    return state.one(Code, "digest", _digest(code))


def renewal_shown(state: State, *, token: str) -> Access | None:
    """The pair of tokens that this refresh token belongs to."""
    return state.one(Access, "renewal", _digest(token))


def access_shown(state: State, *, token: str, scope: str, now: float) -> Access:
    """What an access token proves; refuses one that is none, has ended, or is for something else."""
    access = state.one(Access, "digest", _digest(token))
    if access is None or access.ended(now) or scope not in access.scope.split():
        raise Refusal(Why.BAD_TOKEN)
    return access


def owner_of(state: State, *, access: Access) -> Account:
    """The account that a token acts for, while it may come in."""
    account = state.get(Account, access.account)
    if account is None:
        raise Refusal(Why.BAD_TOKEN)
    if not account.active:
        raise Refusal(Why.INACTIVE)
    return account


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
