"""Accounts: those who sign in with a password, may own a player, and may run the place."""

import re
from dataclasses import dataclass, replace
from typing import Any

from coalserver.domain.errors import DomainError, ErrorCode

#: Short enough to type, long enough not to be guessed within the limit on attempts.
MIN_PASSWORD_LENGTH = 8
_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)*")


@dataclass(frozen=True, slots=True)
class Account:
    """One who signs in. `password` is an argon2id hash."""

    id: int
    email: str
    password: str
    player: int
    created: float
    active: bool = False
    admin: bool = False
    nickname: str = ""
    zone: str = "UTC"
    #: Of its pages; empty: as each browser would have them.
    language: str = ""
    #: Claimed Minecraft names. One belongs to at most one account.
    usernames: tuple[str, ...] = ()
    #: When something that others see of it changed last; 0: never since it was made.
    updated: float = 0.0
    #: When a browser signed in last.
    last_login: float | None = None

    @property
    def display_name(self) -> str:
        """What it is called: its nickname, or its address."""
        return self.nickname or self.email

    def with_changes(self, now: float, **changes: Any) -> "Account":
        """The account with other parts from now on."""
        return replace(self, updated=now, **changes)


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A browser in which somebody has signed in, known by the digest of its cookie."""

    id: int
    digest: str
    account: int
    created: float
    until: float
    #: What the browser calls itself.
    browser: str = ""

    def is_expired(self, now: float) -> bool:
        return now >= self.until


def validate_email(email: str) -> str:
    """The address as it is compared: trimmed and lower case; refuses what is none."""
    email = email.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise DomainError(ErrorCode.INVALID_EMAIL)
    return email


def validate_password(password: str) -> str:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise DomainError(ErrorCode.PASSWORD_TOO_SHORT, least=MIN_PASSWORD_LENGTH)
    return password
