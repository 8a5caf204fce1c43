"""Account commands: who may come in, who runs the place, and the browsers people have signed in with.

Passwords arrive hashed.
"""

from dataclasses import replace

from coalserver.core.commands.accounts import register_account, revoke_token
from coalserver.core.commands.audit import record_audit_entry
from coalserver.core.commands.games import secret_digest
from coalserver.core.commands.pieces import delete_chunk
from coalserver.core.commands.presence import leave_all
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import Account, LoginSession
from coalserver.domain.accounts.oauth import AuthorizationCode, Grant, TokenPair
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.visitor import UsernameClaim
from coalserver.domain.play.player import Player, Token

#: Of what a browser calls itself.
MAX_BROWSER_LENGTH = 200


def create_account(
    uow: UnitOfWork,
    *,
    email: str,
    password: str,
    nickname: str = "",
    active: bool = False,
    admin: bool = False,
) -> Account:
    """Make an account as whoever runs the server wants it. An admin is always active."""
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
    """Make an account for a visitor; the first admin, if he has proved that he started the server."""
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
    """Change what is given. There is always an admin who can come in, once there was one."""
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
    """Give an account a new password. Whoever signed in with the old one is out, `but` one browser.

    `proved` is the hash against which the old one was proved: refused where it is another by now.
    """
    account = get_account(uow, account_id)
    if proved_hash is not None and proved_hash != account.password:
        raise DomainError(ErrorCode.INVALID_CREDENTIALS)
    log_out_everywhere(uow, account_id=account_id, except_login_id=except_login_id)
    return uow.save(account.with_changes(uow.now, password=password))


def log_out_everywhere(uow: UnitOfWork, *, account_id: int, except_login_id: int = 0) -> None:
    """Wherever an account has signed in with its password it is out, `but` one browser."""
    for login_session in uow.find(LoginSession, "account", account_id):
        if login_session.id != except_login_id:
            uow.delete(login_session)
    for token in uow.find(Token, "account", account_id):
        revoke_token(uow, token_id=token.id)


def delete_account(uow: UnitOfWork, *, account_id: int) -> Account:
    """An account is no more, nor is anything that proves it or acts for it. An admin has to be none first.

    Its player gives up every seat, and is forgotten like a guest's.
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
    uow.delete(account)
    return account


def create_login_session(
    uow: UnitOfWork,
    *,
    account_id: int,
    browser: str = "",
    rehashed: str | None = None,
    replaces_id: int = 0,
) -> str:
    """A browser has proved an account's password; gives what its cookie holds, this once."""
    account = get_account(uow, account_id)
    changes = {} if rehashed is None else {"password": rehashed}
    uow.save(account.with_changes(account.updated, last_login=uow.now, **changes))
    if replaces_id:
        revoke_login_session(uow, login_session_id=replaces_id)
    secret = uow.new_code(24)
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
    """A browser is signed in no more; of one account's browsers only, where that is given."""
    login_session = uow.get(LoginSession, login_session_id)
    if login_session is not None and account_id in (0, login_session.account):
        uow.delete(login_session)


def delete_expired_login_sessions(uow: UnitOfWork) -> int:
    """Drop the sign-ins that have ended."""
    expired = (one for one in uow.state.all(LoginSession) if one.is_expired(uow.now))
    return delete_chunk(uow, expired)


def get_account(uow: UnitOfWork, id: int) -> Account:
    account = uow.get(Account, id)
    if account is None:
        raise DomainError(ErrorCode.ACCOUNT_NOT_FOUND)
    return account
