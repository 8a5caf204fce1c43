"""OAuth: clients that act for an account, what they were allowed, and what proves it."""

import hmac
import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from coalserver.domain.errors import DomainError, ErrorCode

#: What may be asked for: to act for an account, or to speak for a world.
DATA_SCOPE, AGENT_SCOPE = "data", "agent"
#: Seconds in which a code buys tokens.
CODE_SECONDS = 600
#: Tokens that one account may have made for itself.
MAX_TOKENS = 100
#: Seconds in which an agent can be paired, and letters and digits of the code: 131 bits.
PAIRING_SECONDS, PAIRING_CODE_LENGTH = 15 * 60, 22
#: Letters and digits in a secret, a code or a token: 238 bits.
SECRET_LENGTH = 40
#: More redirect addresses, or longer ones, no client needs.
MAX_REDIRECT_URIS, MAX_URI_LENGTH = 20, 2000
#: Schemes by which a browser would run or show what it is given, instead of going there.
UNSAFE_SCHEMES = frozenset(
    ("about", "blob", "data", "file", "filesystem", "javascript", "vbscript")
)
_PRINTABLE_ASCII = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A program that acts for accounts; or, with a world, the agent that speaks for it."""

    id: int
    #: What it is known by: its `client_id`.
    code: str
    redirect_uris: tuple[str, ...]
    scope: str
    #: Locked with a key file, since its holder may ask for it.
    secret: str
    created: float
    #: When the secret ends; 0 is never.
    secret_until: float = 0.0
    #: Locked likewise: what lets its maker see and change it. Agents have none.
    registration_token: str = ""
    title: str = ""
    home: str = ""
    logo: str = ""
    world: int = 0
    active: bool = True

    @property
    def is_agent(self) -> bool:
        return bool(self.world)

    @property
    def display_name(self) -> str:
        return self.title or self.code

    def is_secret_expired(self, now: float) -> bool:
        return bool(self.secret_until) and now >= self.secret_until

    def allows_redirect(self, uri: str) -> bool:
        """Whether this is one of its redirect addresses, to the letter."""
        return uri in self.redirect_uris

    def validate_scope(self, requested: str) -> str:
        """What was asked for, without repetition; refuses nothing at all and what it may not have."""
        scopes = dict.fromkeys(requested.split())
        if not scopes or not scopes.keys() <= set(self.scope.split()):
            raise DomainError(ErrorCode.INVALID_SCOPE)
        return " ".join(scopes)

    def with_scope(self, scope: str) -> "OAuthClient":
        """May ask for no more than this; refuses what would be more, or nothing."""
        return replace(self, scope=self.validate_scope(scope))


@dataclass(frozen=True, slots=True)
class Grant:
    """An account lets a client act for it until it takes that back."""

    id: int
    account: int
    client: int
    scope: str
    created_at: float

    def covers(self, scope: str) -> bool:
        return set(scope.split()) <= set(self.scope.split())


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """Buys tokens once, for one client that shows the address it was sent to."""

    id: int
    digest: str
    client: int
    account: int
    scope: str
    redirect_uri: str
    until: float
    #: RFC 7636; empty where the client sent none.
    challenge: str = ""
    method: str = ""

    def is_expired(self, now: float) -> bool:
        return now >= self.until

    def check_redeemable(self, client: int, redirect_uri: str, now: float) -> None:
        """Refuse another's code, one that is too old and one that was sent elsewhere."""
        if self.client != client or self.redirect_uri != redirect_uri or self.is_expired(now):
            raise DomainError(ErrorCode.INVALID_GRANT)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, and the refresh token that once buys another pair. Both as digests."""

    id: int
    digest: str
    #: 0 where the account made it for itself.
    client: int
    #: 0 where it speaks for a world.
    account: int
    scope: str
    created: float
    #: None is never.
    until: float | None
    refresh: str = ""
    refresh_expires_at: float = 0.0
    #: What the account calls a token that it made for itself.
    title: str = ""

    def is_expired(self, now: float) -> bool:
        return self.until is not None and now >= self.until

    def is_fully_expired(self, now: float) -> bool:
        """Whether it proves nothing and buys nothing any more."""
        return self.is_expired(now) and not (self.refresh and now < self.refresh_expires_at)

    def check_refreshable(self, client: int, now: float) -> None:
        """Refuse another client's refresh token, and one that is too old."""
        if self.client != client or now >= self.refresh_expires_at:
            raise DomainError(ErrorCode.INVALID_GRANT)


@dataclass(frozen=True, slots=True)
class PairingCode:
    """Lets the agent of a world fetch its credentials, once: an admin has given it this code."""

    id: int
    digest: str
    world: int
    #: The account that has asked for it; 0 is the command line.
    created_by: int
    created: float
    until: float

    def is_expired(self, now: float) -> bool:
        return now >= self.until


def validate_redirect_uris(uris: list[str]) -> tuple[str, ...]:
    """Addresses a client may have people sent to; refuses what is none, or would run here."""
    if not 0 < len(uris) <= MAX_REDIRECT_URIS:
        raise DomainError(
            ErrorCode.INVALID_REQUEST,
            fields={"redirect_uris": [f"Must be 1 to {MAX_REDIRECT_URIS}."]},
        )
    for uri in uris:
        if not is_safe_redirect_uri(uri):
            raise DomainError(
                ErrorCode.INVALID_REQUEST, fields={"redirect_uris": [f"Not usable: {uri[:200]!r}."]}
            )
    return tuple(dict.fromkeys(uris))


def is_safe_redirect_uri(uri: str) -> bool:
    """Whether a browser that is sent there goes somewhere."""
    if len(uri) > MAX_URI_LENGTH or not _PRINTABLE_ASCII.fullmatch(uri):
        return False
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(_HOST.fullmatch(parts.netloc)) and parts.scheme not in ("", *UNSAFE_SCHEMES)


def slugify_client_id(requested: str) -> str:
    """A wanted client id as it can stand in an address; empty where nothing of it can."""
    return _UNSAFE_CHARACTERS.sub("-", requested).strip("-.")[:100]


def constant_time_equals(presented: str, stored: str) -> bool:
    """Whether two secrets are one, in a time that does not tell how alike they are."""
    return hmac.compare_digest(
        presented.encode("utf-8", "surrogatepass"), stored.encode("utf-8", "surrogatepass")
    )
