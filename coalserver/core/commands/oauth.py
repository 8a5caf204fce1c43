"""OAuth commands: clients, consents, authorization codes and tokens.

The caller has authenticated the client. One command checks and redeems a code or refresh token, so that of two
simultaneous requests one raises INVALID_GRANT.
"""

from dataclasses import replace
from typing import NamedTuple

from coalserver.core.queries.accounts import get_account
from coalserver.core.queries.oauth import get_client
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.oauth import (
    AGENT_SCOPE,
    CODE_SECONDS,
    DATA_SCOPE,
    MAX_CLIENT_CODES,
    MAX_CLIENT_PAIRS,
    MAX_TOKENS,
    PUBLIC_AUTH_METHOD,
    SECRET_LENGTH,
    AuthorizationCode,
    Grant,
    OAuthClient,
    TokenPair,
    slugify_client_id,
    validate_redirect_uris,
)
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import secret_digest

AGENT_PREFIX = "mc-coal-agent-"
#: Grants, codes and tokens of a client that one command deletes.
MAX_DELETED = 500


class IssuedTokens(NamedTuple):
    """A new pair of tokens, of which only digests are stored."""

    access: str
    refresh: str
    #: Seconds until the access token expires.
    expires_in: float


class ClientCredentials(NamedTuple):
    """A client with its secrets."""

    client: OAuthClient
    secret: str
    registration_token: str


def register_client(
    uow: UnitOfWork,
    *,
    redirect_uris: list[str],
    preferred_code: str = "",
    title: str = "",
    home: str = "",
    logo: str = "",
    auth_method: str = "",
) -> ClientCredentials:
    """Create a client with the data scope; a public one has no secret.

    Raises what validate_redirect_uris raises.
    """
    secret = "" if auth_method == PUBLIC_AUTH_METHOD else uow.new_letters(SECRET_LENGTH)
    registration_token = uow.new_letters(SECRET_LENGTH)
    client = OAuthClient(
        uow.new_id(OAuthClient),
        _unused_code(uow, preferred_code),
        validate_redirect_uris(redirect_uris),
        DATA_SCOPE,
        uow.context.cipher.encrypt(secret) if secret else "",
        uow.now,
        registration_token=uow.context.cipher.encrypt(registration_token),
        title=title,
        home=home,
        logo=logo,
        auth_method=auth_method,
    )
    return ClientCredentials(uow.save(client), secret, registration_token)


def create_agent_client(uow: UnitOfWork, *, world_id: int) -> ClientCredentials:
    """Create the client of a world's agent."""
    code = ""
    while not code or uow.first(OAuthClient, "code", code) is not None:
        code = f"{AGENT_PREFIX}{uow.rng.randrange(10**5):05}"
    secret = uow.new_letters(SECRET_LENGTH)
    encrypted = uow.context.cipher.encrypt(secret)
    client = OAuthClient(
        uow.new_id(OAuthClient), code, ("/",), AGENT_SCOPE, encrypted, uow.now, world=world_id
    )
    return ClientCredentials(uow.save(client), secret, "")


def rotate_client_secret(uow: UnitOfWork, *, client: int) -> ClientCredentials:
    """Replace a client's secret; its tokens stay valid. Raises INVALID_CLIENT."""
    entity = get_client(uow, client)
    secret = uow.new_letters(SECRET_LENGTH)
    encrypted = uow.context.cipher.encrypt(secret)
    entity = uow.save(replace(entity, secret=encrypted, secret_until=0.0))
    return ClientCredentials(entity, secret, _registration(uow, entity))


def get_client_credentials(uow: UnitOfWork, *, client: int) -> ClientCredentials:
    """Return a client with its secrets; an expired secret is replaced. Raises INVALID_CLIENT."""
    entity = get_client(uow, client)
    if entity.is_secret_expired(uow.expiry_time):
        return rotate_client_secret(uow, client=client)
    secret = uow.context.cipher.decrypt(entity.secret) if entity.secret else ""
    return ClientCredentials(entity, secret, _registration(uow, entity))


def update_client_metadata(
    uow: UnitOfWork,
    *,
    client: int,
    redirect_uris: list[str],
    scope: str | None,
    title: str,
    home: str,
    logo: str,
    auth_method: str | None = None,
) -> ClientCredentials:
    """Replace a client's metadata; None keeps a member. Its scope can only be reduced.

    A client that becomes public loses its secret; one that was public gets a secret.

    Raises INVALID_CLIENT and what OAuthClient.with_scope and validate_redirect_uris raise.
    """
    entity = get_client(uow, client)
    if scope is not None:
        entity = entity.with_scope(scope)
    uris = validate_redirect_uris(redirect_uris)
    was_public = entity.is_public
    entity = replace(entity, redirect_uris=uris, title=title, home=home, logo=logo)
    if auth_method is not None:
        entity = replace(entity, auth_method=auth_method)
    if entity.is_public:
        entity = replace(entity, secret="", secret_until=0.0)
    uow.save(entity)
    if was_public and not entity.is_public:
        return rotate_client_secret(uow, client=client)
    return get_client_credentials(uow, client=client)


def delete_client(uow: UnitOfWork, *, client: int) -> bool:
    """Delete a client with its grants, codes and tokens, some at a time; return whether that is done.

    To be called until then: the client goes with the last of them, of which it can have one for each account.
    Raises INVALID_CLIENT.
    """
    entity = get_client(uow, client)
    left = MAX_DELETED
    for kind in (Grant, AuthorizationCode, TokenPair):
        found: list[Grant | AuthorizationCode | TokenPair] = uow.find(kind, "client", client)
        for one in found[:left]:
            uow.delete(one)
        if len(found) > left:
            return False
        left -= len(found)
    uow.delete(entity)
    return True


def revoke_all_client_tokens(uow: UnitOfWork, *, client: int) -> None:
    """Revoke all tokens that were issued to a client."""
    for token_pair in uow.find(TokenPair, "client", client):
        uow.delete(token_pair)


def grant_consent(
    uow: UnitOfWork,
    *,
    client: int,
    account_id: int,
    scope: str,
    redirect_uri: str,
    challenge: str = "",
    method: str = "",
) -> str:
    """Grant a client a scope of an account and return an authorization code.

    Deletes the oldest codes of the client for the account above MAX_CLIENT_CODES.
    `redirect_uri` is empty if the request left it out, as a client with a single one may.
    Raises INVALID_CLIENT, also for an unregistered redirect URI, ACCOUNT_NOT_FOUND,
    ACCOUNT_INACTIVE or INVALID_SCOPE.
    """
    entity, owner = get_client(uow, client), get_account(uow, account_id)
    if not owner.active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE)
    if not entity.allows_redirect(redirect_uri or entity.default_redirect_uri):
        raise DomainError(ErrorCode.INVALID_CLIENT)
    scope = entity.validate_scope(scope)
    grant = uow.first(Grant, "pair", (account_id, client))
    if grant is None or not grant.covers(scope):
        id = uow.new_id(Grant) if grant is None else grant.id
        uow.save(Grant(id, account_id, client, scope, uow.now))
    secret = uow.new_letters(SECRET_LENGTH)
    _delete_oldest(uow, AuthorizationCode, (account_id, client), MAX_CLIENT_CODES - 1)
    uow.save(
        AuthorizationCode(
            uow.new_id(AuthorizationCode),
            secret_digest(secret),
            client,
            account_id,
            scope,
            redirect_uri,
            uow.now + CODE_SECONDS,
            challenge,
            method,
        )
    )
    return secret


def revoke_consent(uow: UnitOfWork, *, client: int, account_id: int) -> None:
    """Revoke the grant of an account to a client with its codes and tokens."""
    for grant in uow.find(Grant, "pair", (account_id, client)):
        uow.delete(grant)
    for code in uow.find(AuthorizationCode, "client", client):
        if code.account == account_id:
            uow.delete(code)
    for token_pair in uow.find(TokenPair, "pair", (account_id, client)):
        uow.delete(token_pair)


def redeem_code(uow: UnitOfWork, *, client: int, code: str, redirect_uri: str) -> IssuedTokens:
    """Redeem an authorization code once for tokens.

    Raises INVALID_CLIENT, INVALID_GRANT and what AuthorizationCode.check_redeemable raises.
    """
    get_client(uow, client)
    authorization_code = uow.first(AuthorizationCode, "digest", secret_digest(code))
    if authorization_code is None:
        raise DomainError(ErrorCode.INVALID_GRANT)
    authorization_code.check_redeemable(client, redirect_uri, uow.expiry_time)
    uow.delete(authorization_code)
    return _issue_tokens(
        uow, client, authorization_code.account, authorization_code.scope, uow.limits.access_token
    )


def issue_agent_tokens(uow: UnitOfWork, *, client: int) -> IssuedTokens:
    """Issue tokens for an agent that has authenticated with its secret. Raises INVALID_CLIENT."""
    entity = get_client(uow, client)
    return _issue_tokens(uow, client, 0, entity.scope, uow.limits.agent_token)


def refresh_tokens(uow: UnitOfWork, *, client: int, token: str, scope: str = "") -> IssuedTokens:
    """Redeem a refresh token once for a new pair of tokens; the previous pair is deleted.

    Raises INVALID_CLIENT, INVALID_GRANT, INVALID_SCOPE and what TokenPair.check_refreshable raises.
    """
    entity = get_client(uow, client)
    old = uow.first(TokenPair, "refresh", secret_digest(token))
    if old is None:
        raise DomainError(ErrorCode.INVALID_GRANT)
    old.check_refreshable(client, uow.expiry_time)
    if scope and not set(scope.split()) <= set(old.scope.split()):
        raise DomainError(ErrorCode.INVALID_SCOPE)
    uow.delete(old)
    lifetime = uow.limits.agent_token if entity.is_agent else uow.limits.access_token
    return _issue_tokens(uow, client, old.account, old.scope, lifetime)


def revoke_client_token(uow: UnitOfWork, *, client: int, token: str) -> None:
    """Revoke a pair of tokens by either of them (RFC 7009); without effect for an unknown token.

    Raises INVALID_CLIENT, and INVALID_GRANT for a token that was not issued to the client.
    """
    get_client(uow, client)
    digest = secret_digest(token)
    token_pair = uow.first(TokenPair, "digest", digest) or uow.first(TokenPair, "refresh", digest)
    if token_pair is None:
        return
    if token_pair.client != client:
        raise DomainError(ErrorCode.INVALID_GRANT)
    uow.delete(token_pair)


def create_personal_token(
    uow: UnitOfWork, *, account_id: int, lifetime: float | None, title: str = ""
) -> str:
    """Create a personal access token and return its secret. It never expires if `lifetime` is None.

    Raises ACCOUNT_NOT_FOUND or TOO_MANY_TOKENS.
    """
    get_account(uow, account_id)
    if sum(not pair.client for pair in uow.find(TokenPair, "account", account_id)) >= MAX_TOKENS:
        raise DomainError(ErrorCode.TOO_MANY_TOKENS, maximum=MAX_TOKENS)
    secret = uow.new_letters(SECRET_LENGTH)
    until = None if lifetime is None else uow.now + lifetime
    uow.save(
        TokenPair(
            uow.new_id(TokenPair),
            secret_digest(secret),
            0,
            account_id,
            DATA_SCOPE,
            uow.now,
            until,
            title=title,
        )
    )
    return secret


def revoke_tokens(uow: UnitOfWork, *, token_pair_id: int, account_id: int) -> None:
    """Delete one of an account's pairs of tokens; without effect for those of others."""
    token_pair = uow.get(TokenPair, token_pair_id)
    if token_pair is not None and token_pair.account == account_id:
        uow.delete(token_pair)


def _registration(uow: UnitOfWork, client: OAuthClient) -> str:
    """Return the registration token of a client; empty for agents."""
    return (
        uow.context.cipher.decrypt(client.registration_token) if client.registration_token else ""
    )


def _issue_tokens(
    uow: UnitOfWork, client: int, account_id: int, scope: str, lifetime: float
) -> IssuedTokens:
    access, refresh = uow.new_letters(SECRET_LENGTH), uow.new_letters(SECRET_LENGTH)
    _delete_oldest(uow, TokenPair, (account_id, client), MAX_CLIENT_PAIRS - 1)
    uow.save(
        TokenPair(
            uow.new_id(TokenPair),
            secret_digest(access),
            client,
            account_id,
            scope,
            uow.now,
            uow.now + lifetime,
            secret_digest(refresh),
            uow.now + uow.limits.refresh_token,
        )
    )
    return IssuedTokens(access, refresh, lifetime)


def _delete_oldest(
    uow: UnitOfWork,
    kind: type[AuthorizationCode] | type[TokenPair],
    pair: tuple[int, int],
    kept: int,
) -> None:
    """Delete the oldest codes or pairs of tokens of an account and a client, except the newest `kept`."""
    found = uow.find(kind, "pair", pair)
    if len(found) > kept:
        for entity in sorted(found, key=lambda entity: entity.id)[: len(found) - kept]:
            uow.delete(entity)


def _unused_code(uow: UnitOfWork, preferred: str) -> str:
    """Return an unused client id: the preferred one, if necessary with three more letters, or a random one."""
    preferred = slugify_client_id(preferred)
    code = preferred or uow.new_letters(10)
    while uow.first(OAuthClient, "code", code) is not None:
        code = f"{preferred}-{uow.new_letters(3)}" if preferred else uow.new_letters(10)
    return code
