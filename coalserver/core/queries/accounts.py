"""Questions about accounts and the browsers they are signed in with."""

import hashlib

from coalserver.core.state import State
from coalserver.domain.accounts.account import Account, LoginSession
from coalserver.domain.errors import DomainError, ErrorCode


def all_accounts(state: State) -> list[Account]:
    """All accounts, oldest first."""
    return list(state.all(Account))


def has_admin(state: State) -> bool:
    """Whether anybody runs the place already."""
    return state.first(Account, "admin", "") is not None


def account_by_email(state: State, *, email: str) -> Account:
    account = state.first(Account, "email", email.strip().lower())
    if account is None:
        raise DomainError(ErrorCode.ACCOUNT_NOT_FOUND)
    return account


def account_by_id(state: State, *, id: int) -> Account | None:
    return state.get(Account, id)


def login_session_by_secret(state: State, *, secret: str, now: float) -> LoginSession | None:
    """The sign-in that a cookie proves, if it does."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    login_session = state.first(LoginSession, "digest", digest)
    return None if login_session is None or login_session.is_expired(now) else login_session


def login_sessions_of_account(state: State, *, account: int, now: float) -> list[LoginSession]:
    """The browsers in which an account is signed in, oldest first."""
    return [one for one in state.find(LoginSession, "account", account) if not one.is_expired(now)]
