"""Queries about accounts and their login sessions."""

from coalserver.core.state import Reader, State
from coalserver.domain.accounts.account import Account, KnownClient, LoginSession
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import secret_digest


def get_account(reader: Reader, id: int) -> Account:
    """Return the account with this id. Raises ACCOUNT_NOT_FOUND."""
    account = reader.get(Account, id)
    if account is None:
        raise DomainError(ErrorCode.ACCOUNT_NOT_FOUND)
    return account


def find_account(reader: Reader, id: int) -> Account | None:
    """Return the account with this id, or None."""
    return reader.get(Account, id)


def get_account_by_email(reader: Reader, *, email: str) -> Account:
    """Return the account with this address. Raises ACCOUNT_NOT_FOUND."""
    account = find_account_by_email(reader, email=email)
    if account is None:
        raise DomainError(ErrorCode.ACCOUNT_NOT_FOUND)
    return account


def find_account_by_email(reader: Reader, *, email: str) -> Account | None:
    """Return the account with this address, or None. Case and outer blanks do not matter."""
    return reader.first(Account, "email", email.strip().lower())


def find_account_by_username(reader: Reader, *, username: str) -> Account | None:
    """Return the account that has claimed a Minecraft name, or None."""
    return reader.first(Account, "username", username) if username else None


def all_accounts(state: State) -> list[Account]:
    """Return all accounts, oldest first."""
    return list(state.all(Account))


def accounts_by_age(state: State, *, after: tuple[float, int] | None, limit: int) -> list[Account]:
    """Return accounts by the time at which they were created, then by id; those after one of these pairs."""
    return state.in_order(Account, "created", after=after, limit=limit)


def inactive_accounts(state: State, *, limit: int, offset: int = 0) -> tuple[list[Account], int]:
    """Return a page of the accounts that wait for approval or were deactivated, oldest first, and their number."""
    return state.page_in_order(Account, "inactive", limit=limit, offset=offset)


def has_admin(reader: Reader) -> bool:
    """Return whether any active account is an administrator."""
    return reader.first(Account, "admin", "") is not None


def login_session_by_secret(reader: Reader, *, secret: str, now: float) -> LoginSession | None:
    """Return the login session that a cookie's secret proves, or None where it has expired."""
    login_session = reader.first(LoginSession, "digest", secret_digest(secret))
    return None if login_session is None or login_session.is_expired(now) else login_session


def login_sessions_of_account(reader: Reader, *, account: int, now: float) -> list[LoginSession]:
    """Return an account's login sessions that have not expired, oldest first."""
    found = reader.find(LoginSession, "account", account)
    return [login_session for login_session in found if not login_session.is_expired(now)]


def is_known_client(reader: Reader, *, account: int, digest: str, now: float) -> bool:
    """Return whether the account has logged in from a browser or address not long ago."""
    client = reader.first(KnownClient, "digest", (account, digest))
    return client is not None and not client.is_expired(now)
