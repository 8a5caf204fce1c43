"""OAuth: clients, grants, authorization codes, token pairs and the pairing codes of agents."""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from coalserver.domain.errors import DomainError, ErrorCode

#: The scopes: act for an account, and send the data of one world.
DATA_SCOPE, AGENT_SCOPE = "data", "agent"
#: `token_endpoint_auth_method` (RFC 7591, 2) of a client without a secret, and all methods.
PUBLIC_AUTH_METHOD = "none"
AUTH_METHODS = ("client_secret_basic", "client_secret_post", PUBLIC_AUTH_METHOD)
#: Lifetime of an authorization code, in seconds.
CODE_SECONDS = 600
#: Unused codes and pairs of tokens of one client for one account, or of one agent.
MAX_CLIENT_CODES, MAX_CLIENT_PAIRS = 100, 500
#: Personal tokens of one account.
MAX_TOKENS = 100
#: Lifetime of a pairing code in seconds, and its length in letters and digits (131 bits).
PAIRING_SECONDS, PAIRING_CODE_LENGTH = 15 * 60, 22
#: Letters and digits of a secret, a code or a token (238 bits).
SECRET_LENGTH = 40
#: Limits on registered redirect URIs.
MAX_REDIRECT_URIS, MAX_URI_LENGTH = 20, 2000
#: Schemes whose URIs a browser executes or displays instead of requesting them.
UNSAFE_SCHEMES = frozenset(
    ("about", "blob", "data", "file", "filesystem", "javascript", "vbscript")
)
_PRINTABLE_ASCII = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
#: A redirect URI to the user's own machine: before its port, the port, and the rest.
_LOOPBACK = re.compile(
    r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::([0-9]{1,5}))?((?:[/?].*)?)"
)
_UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """An OAuth client: a program that acts for accounts or, with `world`, a world's agent."""

    id: int
    #: The `client_id`.
    code: str
    redirect_uris: tuple[str, ...]
    #: The scopes it may request, separated by spaces.
    scope: str
    #: Encrypted, not hashed: the registration API returns it (RFC 7592). Public clients have none.
    secret: str
    created: float
    #: When the secret expires; 0: never.
    secret_until: float = 0.0
    #: Registration access token (RFC 7592), encrypted too. Agents have none.
    registration_token: str = ""
    title: str = ""
    #: URLs of the client's website and logo.
    home: str = ""
    logo: str = ""
    #: Id of the agent's world; 0 for clients that act for accounts.
    world: int = 0
    active: bool = True
    #: How it authenticates, one of AUTH_METHODS; empty if it registered none: with its secret.
    auth_method: str = ""

    @property
    def is_public(self) -> bool:
        """Whether the client has no secret (RFC 6749, 2.1); PKCE protects its codes."""
        return self.auth_method == PUBLIC_AUTH_METHOD

    @property
    def default_redirect_uri(self) -> str:
        """The redirect URI of a request without one (RFC 6749, 3.1.2.3).

        Empty for agents and for clients that registered several.
        """
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 and not self.is_agent else ""

    @property
    def is_agent(self) -> bool:
        """Whether the client is the agent of a world."""
        return bool(self.world)

    @property
    def display_name(self) -> str:
        """The title, or the client id of a client without a title."""
        return self.title or self.code

    def is_secret_expired(self, now: float) -> bool:
        """Return whether the client secret has expired."""
        return bool(self.secret_until) and now >= self.secret_until

    def allows_redirect(self, uri: str) -> bool:
        """Return whether the URI equals a registered redirect URI exactly.

        The port of a loopback redirect may differ (RFC 8252, 7.3).
        """
        if uri in self.redirect_uris:
            return True
        loopback = _loopback_without_port(uri)
        return loopback is not None and loopback in map(_loopback_without_port, self.redirect_uris)

    def is_identified_by(self, uri: str) -> bool:
        """Return whether only this client can receive what is sent to a redirect URI.

        Without a secret, any program on the user's machine can pass for a client that does not
        redirect to an https site (RFC 8252, 8.6).
        """
        return not self.is_public or uri.startswith("https://")

    def validate_scope(self, requested: str) -> str:
        """Return the requested scopes without duplicates, separated by spaces.

        Raises INVALID_SCOPE if there are none, or one that the client may not request.
        """
        scopes = dict.fromkeys(requested.split())
        if not scopes or not scopes.keys() <= set(self.scope.split()):
            raise DomainError(ErrorCode.INVALID_SCOPE)
        return " ".join(scopes)

    def with_scope(self, scope: str) -> "OAuthClient":
        """Return the client limited to some of its scopes. Raises INVALID_SCOPE."""
        return replace(self, scope=self.validate_scope(scope))


@dataclass(frozen=True, slots=True)
class Grant:
    """An account's consent that a client acts for it, valid until revoked."""

    id: int
    account: int
    client: int
    scope: str
    created_at: float

    def covers(self, scope: str) -> bool:
        """Return whether the consent includes all of these scopes."""
        return set(scope.split()) <= set(self.scope.split())


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """An authorization code (RFC 6749, section 4.1): one client redeems it once for tokens."""

    id: int
    digest: str
    client: int
    account: int
    scope: str
    #: Of the authorization request; empty if it had none.
    redirect_uri: str
    until: float
    #: Code challenge and its method (RFC 7636); empty if the client sent none.
    challenge: str = ""
    method: str = ""

    def is_expired(self, now: float) -> bool:
        """Return whether the code has expired."""
        return now >= self.until

    def check_redeemable(self, client: int, redirect_uri: str, now: float) -> None:
        """Raise INVALID_GRANT if the client or redirect URI differs or the code has expired."""
        other_uri = bool(self.redirect_uri) and self.redirect_uri != redirect_uri
        if self.client != client or other_uri or self.is_expired(now):
            raise DomainError(ErrorCode.INVALID_GRANT)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token and its refresh token, which is used once. Stored as SHA-256 digests."""

    id: int
    #: Of the access token.
    digest: str
    #: 0 for a personal token of an account.
    client: int
    #: 0 for a token of an agent.
    account: int
    scope: str
    created: float
    #: When the access token expires; None: never.
    until: float | None
    #: Digest of the refresh token; empty if there is none.
    refresh: str = ""
    refresh_expires_at: float = 0.0
    #: Name of a personal token.
    title: str = ""

    def is_expired(self, now: float) -> bool:
        """Return whether the access token has expired."""
        return self.until is not None and now >= self.until

    def is_fully_expired(self, now: float) -> bool:
        """Return whether the access token and the refresh token have expired."""
        return self.is_expired(now) and not (self.refresh and now < self.refresh_expires_at)

    def check_refreshable(self, client: int, now: float) -> None:
        """Raise INVALID_GRANT if the client differs or the refresh token has expired."""
        if self.client != client or now >= self.refresh_expires_at:
            raise DomainError(ErrorCode.INVALID_GRANT)


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A code that an admin gives to a world's agent, which redeems it once for its credentials."""

    id: int
    digest: str
    world: int
    #: Id of the admin's account; 0: the command line.
    created_by: int
    created: float
    until: float

    def is_expired(self, now: float) -> bool:
        """Return whether the code has expired."""
        return now >= self.until


def validate_redirect_uris(uris: list[str]) -> tuple[str, ...]:
    """Return the redirect URIs without duplicates.

    Raises INVALID_REQUEST (field `redirect_uris`) if there are none or too many, or one is unsafe.
    """
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
    """Return whether a browser that is redirected to the URI sends a request to a host, or opens an app.

    The scheme of an app is a domain name in reverse, and needs no host (RFC 8252, 7.1): `com.example.app:/callback`.
    """
    if len(uri) > MAX_URI_LENGTH or "#" in uri or not _PRINTABLE_ASCII.fullmatch(uri):
        return False
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    opens_app = "." in parts.scheme and not parts.netloc and parts.path[:1] == "/"
    return (opens_app or bool(_HOST.fullmatch(parts.netloc))) and parts.scheme not in (
        "",
        *UNSAFE_SCHEMES,
    )


def _loopback_without_port(uri: str) -> tuple[str, str] | None:
    """Return a loopback redirect URI in two parts, without its port; None for any other URI."""
    found = _LOOPBACK.fullmatch(uri)
    if found is None or not 0 < int(found[2] or 80) < 65536:
        return None
    return found[1], found[3]


def slugify_client_id(requested: str) -> str:
    """Return a requested client id in characters that URLs allow, at most 100; may be empty."""
    return _UNSAFE_CHARACTERS.sub("-", requested).strip("-.")[:100]
