"""Accounts: those who sign in with a password, and may own a player."""

import re
from dataclasses import dataclass

from coalserver.domain.refusal import Refusal, Why

#: Short enough to type, long enough not to be guessed within the limit on attempts.
SHORTEST_PASSWORD = 8
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


def checked_email(email: str) -> str:
    """The address as it is compared: trimmed and lower case; refuses what is none."""
    email = email.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Refusal(Why.EMAIL_INVALID)
    return email


def checked_password(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise Refusal(Why.PASSWORD_TOO_SHORT, least=SHORTEST_PASSWORD)
    return password
