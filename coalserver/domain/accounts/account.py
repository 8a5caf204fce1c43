"""Accounts with passwords, and the login sessions of browsers."""

import re
from dataclasses import dataclass, replace
from typing import Any

from coalserver.domain.errors import DomainError, ErrorCode

#: Too long to guess within the limit on login attempts.
MIN_PASSWORD_LENGTH = 8
_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)*")
#: Seconds for which a browser or an address stays known after a login.
KNOWN_CLIENT_SECONDS = 30 * 86_400
#: Known browsers and addresses of one account; the oldest make room.
MAX_KNOWN_CLIENTS = 50
#: The stored zone of accounts that have not chosen one. CHOSEN_UTC is stored for those that have chosen UTC.
AUTOMATIC_ZONE, CHOSEN_UTC = "UTC", "Etc/UTC"


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account. Inactive accounts cannot log in; admins may administer the server."""

    id: int
    email: str
    #: An argon2id hash.
    password: str
    #: Id of the player that the account owns.
    player: int
    created: float
    active: bool = False
    admin: bool = False
    nickname: str = ""
    #: IANA name of the time zone in which pages show times; AUTOMATIC_ZONE: that of the browser.
    zone: str = AUTOMATIC_ZONE
    #: Language of the pages; empty: negotiated with each browser.
    language: str = ""
    #: Claimed Minecraft usernames. A username belongs to at most one account.
    usernames: tuple[str, ...] = ()
    #: When publicly visible parts changed last; 0: not since creation.
    updated: float = 0.0
    #: The latest login from a browser.
    last_login: float | None = None

    @property
    def display_name(self) -> str:
        """The nickname, or the email address of an account without a nickname."""
        return self.nickname or self.email

    @property
    def chosen_zone(self) -> str:
        """The time zone that the account has chosen; empty: automatic."""
        return {AUTOMATIC_ZONE: "", CHOSEN_UTC: "UTC"}.get(self.zone, self.zone)

    def with_changes(self, now: float, **changes: Any) -> "Account":
        """Return the account with some fields replaced and `updated` set to now."""
        return replace(self, updated=now, **changes)


@dataclass(frozen=True, slots=True)
class LoginSession:
    """The login of one browser. `digest` is the SHA-256 of its cookie."""

    id: int
    digest: str
    account: int
    created: float
    until: float
    #: The User-Agent header.
    browser: str = ""

    def is_expired(self, now: float) -> bool:
        """Return whether the login session has expired."""
        return now >= self.until


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A browser or address from which an account has logged in. Limits count its wrong passwords by itself."""

    id: int
    account: int
    #: SHA-256 of the browser's cookie or of the network address.
    digest: str
    seen_at: float

    def is_expired(self, now: float) -> bool:
        """Return whether the last login from there is too long ago."""
        return now - self.seen_at >= KNOWN_CLIENT_SECONDS


def stored_zone(chosen: str) -> str:
    """Return the `zone` of an account that has chosen this time zone; empty: automatic."""
    return {"": AUTOMATIC_ZONE, "UTC": CHOSEN_UTC}.get(chosen, chosen)


def validate_email(email: str) -> str:
    """Return the address trimmed and in lower case, as it is stored and compared.

    Raises INVALID_EMAIL.
    """
    email = email.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise DomainError(ErrorCode.INVALID_EMAIL)
    return email


def validate_password(password: str) -> str:
    """Return the password unchanged. Raises PASSWORD_TOO_SHORT."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise DomainError(ErrorCode.PASSWORD_TOO_SHORT, minimum=MIN_PASSWORD_LENGTH)
    return password
