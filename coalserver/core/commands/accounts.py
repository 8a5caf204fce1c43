"""Account and token commands: register, administer, log in and log out. Passwords arrive hashed."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.audit import record_audit_entry
from coalserver.core.commands.presence import leave_all
from coalserver.core.commands.storage_limits import check_game_players
from coalserver.core.queries.accounts import get_account
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import (
    MAX_KNOWN_CLIENTS,
    Account,
    KnownClient,
    LoginSession,
    validate_email,
)
from coalserver.domain.accounts.events import TokenRevoked
from coalserver.domain.accounts.oauth import AuthorizationCode, Grant, TokenPair
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.visitor import UsernameClaim
from coalserver.domain.play.player import Player, Token
from coalserver.domain.text import secret_digest

#: Longest stored User-Agent.
MAX_BROWSER_LENGTH = 200
#: Tokens of one player, and login sessions of one account: of more, the oldest end.
MAX_PLAYER_TOKENS, MAX_LOGIN_SESSIONS = 100, 100


def create_guest(uow: UnitOfWork, *, name: str) -> tuple[Player, str]:
    """Create a player without an account; return it and its token, which is not stored.

    Raises GAME_FULL if there are as many guests as there may be.
    """
    check_game_players(uow, "")
    player = _create_player(uow, name, guest=True)
    return player, issue_token(uow, player.id, uow.limits.guest_token)


def register_account(
    uow: UnitOfWork, *, email: str, password: str, name: str, active: bool = False
) -> Account:
    """Create an account with a player of its own. `password` is a hash.

    Raises EMAIL_TAKEN and what validate_email raises.
    """
    email = validate_email(email)
    if uow.first(Account, "email", email) is not None:
        raise DomainError(ErrorCode.EMAIL_TAKEN)
    player = _create_player(uow, name, guest=False)
    return uow.save(
        Account(uow.new_id(Account), email, password, player.id, uow.now, active=active)
    )


def log_in(
    uow: UnitOfWork, *, account_id: int, rehashed: str | None = None, client_digest: str = ""
) -> str:
    """Issue a token for an account whose password was verified, and return it.

    `rehashed` replaces a hash with old parameters; `client_digest` is that of a
    KnownClient. Raises INVALID_CREDENTIALS for a deleted account.
    """
    account = uow.get(Account, account_id)
    if account is None:
        raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    if rehashed is not None:
        uow.save(replace(account, password=rehashed))
    if client_digest:
        save_known_client(uow, account_id, client_digest)
    return issue_token(uow, account.player, uow.limits.account_token, account_id=account.id)


def browser_digest(secret: str) -> str:
    """Return the digest of a KnownClient that is a browser, by the secret of its last login."""
    return secret_digest(f"browser {secret}")


def save_known_client(uow: UnitOfWork, account_id: int, digest: str) -> None:
    """Record that an account has logged in from a browser or address."""
    client = uow.first(KnownClient, "digest", (account_id, digest))
    if client is not None:
        uow.save(replace(client, seen_at=uow.now))
        return
    known = sorted(uow.find(KnownClient, "account", account_id), key=lambda one: one.seen_at)
    for oldest in known[: max(0, len(known) + 1 - MAX_KNOWN_CLIENTS)]:
        uow.delete(oldest)
    uow.save(KnownClient(uow.new_id(KnownClient), account_id, digest, uow.now))


def revoke_token(uow: UnitOfWork, *, token_id: int) -> None:
    """Revoke a token and emit TokenRevoked; without effect for an unknown one.

    A guest with no other token leaves all lobbies and rooms; emits what `presence.leave_all` emits.
    """
    token = uow.get(Token, token_id)
    if token is None:
        return
    uow.delete(token)
    uow.emit(TokenRevoked(token.player, token.id), topics.player(token.player))
    player = uow.get(Player, token.player)
    if player is not None and player.guest and not uow.find(Token, "player", player.id):
        leave_all(uow, player_id=player.id, reason="left")


def _create_player(uow: UnitOfWork, name: str, guest: bool) -> Player:
    id = uow.new_id(Player)
    return uow.save(Player(id, name or f"Guest {id}", uow.now, uow.now, guest=guest))


def issue_token(
    uow: UnitOfWork,
    player_id: int,
    lifetime: float,
    *,
    account_id: int = 0,
    fixed: bool = False,
    refresh_seconds: float = 0,
) -> str:
    """Create a token and return its secret, of which only the digest is stored.

    `lifetime` seconds count from the player's last activity or, with `fixed`, from now. An expired
    token can be refreshed for `refresh_seconds`. Above MAX_PLAYER_TOKENS the player's oldest token is revoked.
    """
    tokens = uow.find(Token, "player", player_id)
    for oldest in tokens[: max(0, len(tokens) + 1 - MAX_PLAYER_TOKENS)]:
        revoke_token(uow, token_id=oldest.id)
    secret = uow.new_code(24)
    uow.save(
        Token(
            uow.new_id(Token),
            secret_digest(secret),
            player_id,
            uow.now,
            lifetime,
            account_id,
            fixed_lifetime=fixed,
            refresh_seconds=refresh_seconds,
        )
    )
    return secret


def create_account(
    uow: UnitOfWork,
    *,
    email: str,
    password: str,
    nickname: str = "",
    active: bool = False,
    admin: bool = False,
) -> Account:
    """Create an account as an administrator. Administrators are always active.

    Raises what `register_account` raises.
    """
    name = nickname or email.strip().partition("@")[0]
    account = register_account(
        uow, email=email, password=password, name=name[:50], active=active or admin
    )
    return uow.save(account.with_changes(uow.now, nickname=nickname, admin=admin))


def sign_up(
    uow: UnitOfWork,
    *,
    email: str,
    password: str,
    nickname: str = "",
    active: bool = False,
    first: bool = False,
) -> Account:
    """Create an account for a visitor, with `first` the first administrator's.

    `first` requires that the caller has verified the start code; it records an audit entry.
    Raises INVALID_CREDENTIALS where there is an administrator already, and what
    `register_account` raises.
    """
    if first and uow.find(Account, "admin", ""):
        raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    account = create_account(
        uow, email=email, password=password, nickname=nickname, active=active, admin=first
    )
    if first:
        record_audit_entry(
            uow, actor=account.id, action=AuditAction.FIRST_ADMIN_CREATED, subject=account.email
        )
    return account


def update_account(
    uow: UnitOfWork,
    *,
    account_id: int,
    active: bool | None = None,
    admin: bool | None = None,
    nickname: str | None = None,
    zone: str | None = None,
    language: str | None = None,
) -> Account:
    """Change the given fields of an account.

    Raises ACCOUNT_NOT_FOUND, and LAST_ADMIN where no active administrator would remain.
    """
    old = get_account(uow, account_id)
    changes = {
        **{"active": active, "admin": admin},
        **{"nickname": nickname, "zone": zone, "language": language},
    }
    new = old.with_changes(
        uow.now, **{name: value for name, value in changes.items() if value is not None}
    )
    if old.admin and old.active and not (new.admin and new.active):
        if len(uow.find(Account, "admin", "")) == 1:
            raise DomainError(ErrorCode.LAST_ADMIN)
    return uow.save(new)


def set_password(
    uow: UnitOfWork,
    *,
    account_id: int,
    password: str,
    except_login_id: int = 0,
    proved_hash: str | None = None,
) -> Account:
    """Set an account's password (a hash) and log it out everywhere, except one login session.

    `proved_hash` is the hash against which the current password was verified.
    Emits what `log_out_everywhere` emits. Raises ACCOUNT_NOT_FOUND, and INVALID_CREDENTIALS where
    the password has changed since it was verified.
    """
    account = get_account(uow, account_id)
    if proved_hash is not None and proved_hash != account.password:
        raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    log_out_everywhere(uow, account_id=account_id, except_login_id=except_login_id)
    return uow.save(account.with_changes(uow.now, password=password))


def log_out_everywhere(uow: UnitOfWork, *, account_id: int, except_login_id: int = 0) -> None:
    """Delete all login sessions of an account except one, and revoke its tokens.

    Emits what `revoke_token` emits.
    """
    for login_session in uow.find(LoginSession, "account", account_id):
        if login_session.id != except_login_id:
            uow.delete(login_session)
    for token in uow.find(Token, "account", account_id):
        revoke_token(uow, token_id=token.id)


def delete_account(uow: UnitOfWork, *, account_id: int) -> Account:
    """Delete an account with its login sessions, tokens, grants and claims, and return it.

    Its player leaves all rooms and is deleted later like a guest. Emits what `revoke_token` and
    `leave_all` emit. Raises ACCOUNT_NOT_FOUND, and ADMIN_NOT_REMOVABLE for an admin.
    """
    account = get_account(uow, account_id)
    if account.admin:
        raise DomainError(ErrorCode.ADMIN_NOT_REMOVABLE)
    player = uow.get(Player, account.player)
    if player is not None:
        uow.save(replace(player, guest=True))
    log_out_everywhere(uow, account_id=account_id)
    if player is not None:
        leave_all(uow, player_id=player.id, reason="left")
    for grant in uow.find(Grant, "account", account_id):
        uow.delete(grant)
        for code in uow.find(AuthorizationCode, "client", grant.client):
            if code.account == account_id:
                uow.delete(code)
    for token_pair in uow.find(TokenPair, "account", account_id):
        uow.delete(token_pair)
    for claim in uow.find(UsernameClaim, "account", account_id):
        uow.delete(claim)
    for client in uow.find(KnownClient, "account", account_id):
        uow.delete(client)
    uow.delete(account)
    return account


def create_login_session(
    uow: UnitOfWork,
    *,
    account_id: int,
    browser: str = "",
    rehashed: str | None = None,
    replaces_id: int = 0,
    known_digest: str = "",
) -> str:
    """Create a login session for a browser that has verified a password; return the cookie's secret.

    It replaces the login session `replaces_id`; above MAX_LOGIN_SESSIONS the oldest ends.
    The secret makes the browser a KnownClient; it also
    replaces `known_digest`, by which other accounts know the same browser. Raises ACCOUNT_NOT_FOUND.
    """
    account = get_account(uow, account_id)
    changes = {} if rehashed is None else {"password": rehashed}
    uow.save(account.with_changes(account.updated, last_login=uow.now, **changes))
    if replaces_id:
        revoke_login_session(uow, login_session_id=replaces_id)
    secret = uow.new_code(24)
    new_digest = browser_digest(secret)
    for known in uow.find(KnownClient, "client", known_digest):
        uow.save(replace(known, digest=new_digest))
    save_known_client(uow, account_id, new_digest)
    sessions = uow.find(LoginSession, "account", account_id)
    for oldest in sessions[: max(0, len(sessions) + 1 - MAX_LOGIN_SESSIONS)]:
        uow.delete(oldest)
    until = uow.now + uow.limits.login_session
    uow.save(
        LoginSession(
            uow.new_id(LoginSession),
            secret_digest(secret),
            account_id,
            uow.now,
            until,
            browser[:MAX_BROWSER_LENGTH],
        )
    )
    return secret


def revoke_login_session(uow: UnitOfWork, *, login_session_id: int, account_id: int = 0) -> None:
    """Delete a login session; with `account_id` only one of that account."""
    login_session = uow.get(LoginSession, login_session_id)
    if login_session is not None and account_id in (0, login_session.account):
        uow.delete(login_session)
