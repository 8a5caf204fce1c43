"""Questions about clients and what they may do."""

import hashlib

from coalserver.core.state import State
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.oauth import AuthorizationCode, Grant, OAuthClient, TokenPair
from coalserver.domain.errors import DomainError, ErrorCode


def client_by_code(state: State, *, code: str) -> OAuthClient | None:
    """The client with this `client_id`."""
    return state.first(OAuthClient, "code", code)


def agent_of_world(state: State, *, world: int) -> OAuthClient | None:
    """The client through which the agent of a world speaks."""
    return state.first(OAuthClient, "world", world)


def has_consent(state: State, *, account: int, client: int, scope: str) -> bool:
    """Whether an account lets a client have all of this already."""
    grant = state.first(Grant, "pair", (account, client))
    return grant is not None and grant.covers(scope)


def grants_of_account(state: State, *, account: int) -> list[tuple[Grant, OAuthClient]]:
    """What an account allows, oldest first."""
    found = (
        (grant, state.get(OAuthClient, grant.client))
        for grant in state.find(Grant, "account", account)
    )
    return [(grant, client) for grant, client in found if client is not None]


def personal_tokens(state: State, *, account: int) -> list[TokenPair]:
    """The tokens an account made for itself, oldest first."""
    return [one for one in state.find(TokenPair, "account", account) if not one.client]


def code_by_secret(state: State, *, code: str) -> AuthorizationCode | None:
    return state.first(AuthorizationCode, "digest", _digest(code))


def tokens_by_refresh_token(state: State, *, token: str) -> TokenPair | None:
    """The pair of tokens that this refresh token belongs to."""
    return state.first(TokenPair, "refresh", _digest(token))


def tokens_by_access_token(state: State, *, token: str, scope: str, now: float) -> TokenPair:
    """What an access token proves; refuses one that is none, has ended, or is for something else."""
    token_pair = state.first(TokenPair, "digest", _digest(token))
    if token_pair is None or token_pair.is_expired(now) or scope not in token_pair.scope.split():
        raise DomainError(ErrorCode.INVALID_TOKEN)
    return token_pair


def account_of_tokens(state: State, *, token_pair: TokenPair) -> Account:
    """The account that a token acts for, while it may come in."""
    account = state.get(Account, token_pair.account)
    if account is None:
        raise DomainError(ErrorCode.INVALID_TOKEN)
    if not account.active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE)
    return account


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
