"""Queries about OAuth clients, consents and tokens."""

from coalserver.core.state import Reader
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.oauth import AuthorizationCode, Grant, OAuthClient, TokenPair
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import secret_digest


def get_client(reader: Reader, id: int) -> OAuthClient:
    """Return the client with this id. Raises INVALID_CLIENT."""
    client = reader.get(OAuthClient, id)
    if client is None:
        raise DomainError(ErrorCode.INVALID_CLIENT)
    return client


def client_by_code(reader: Reader, *, code: str) -> OAuthClient | None:
    """Return the client with this `client_id`, or None."""
    return reader.first(OAuthClient, "code", code)


def agent_of_world(reader: Reader, *, world: int) -> OAuthClient | None:
    """Return the client of a world's agent, or None."""
    return reader.first(OAuthClient, "world", world)


def has_consent(reader: Reader, *, account: int, client: int, scope: str) -> bool:
    """Return whether an account has already granted a client this whole scope."""
    grant = reader.first(Grant, "pair", (account, client))
    return grant is not None and grant.covers(scope)


def grants_of_account(reader: Reader, *, account: int) -> list[tuple[Grant, OAuthClient]]:
    """Return an account's grants with their clients, oldest first."""
    found = (
        (grant, reader.get(OAuthClient, grant.client))
        for grant in reader.find(Grant, "account", account)
    )
    return [(grant, client) for grant, client in found if client is not None]


def personal_tokens(reader: Reader, *, account: int) -> list[TokenPair]:
    """Return an account's personal access tokens, oldest first."""
    return [pair for pair in reader.find(TokenPair, "account", account) if not pair.client]


def code_by_secret(reader: Reader, *, code: str) -> AuthorizationCode | None:
    """Return the authorization code with this secret, or None."""
    return reader.first(AuthorizationCode, "digest", secret_digest(code))


def tokens_by_refresh_token(reader: Reader, *, token: str) -> TokenPair | None:
    """Return the pair of tokens that a refresh token belongs to, or None."""
    return reader.first(TokenPair, "refresh", secret_digest(token))


def tokens_by_access_token(reader: Reader, *, token: str, scope: str, now: float) -> TokenPair:
    """Return the pair of tokens that an access token belongs to.

    Raises INVALID_TOKEN where it is unknown, has expired or does not have the scope.
    """
    token_pair = reader.first(TokenPair, "digest", secret_digest(token))
    if token_pair is None or token_pair.is_expired(now) or scope not in token_pair.scope.split():
        raise DomainError(ErrorCode.INVALID_TOKEN)
    return token_pair


def account_of_tokens(reader: Reader, *, token_pair: TokenPair) -> Account:
    """Return the account that a token acts for. Raises INVALID_TOKEN or ACCOUNT_INACTIVE."""
    account = reader.get(Account, token_pair.account)
    if account is None:
        raise DomainError(ErrorCode.INVALID_TOKEN)
    if not account.active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE)
    return account
