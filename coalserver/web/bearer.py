"""Bearer tokens (RFC 6750): the one reader of `Authorization: Bearer <token>`."""

from aiohttp import web

from coalserver.domain.errors import DomainError, ErrorCode

_SCHEME = "bearer"


def find_bearer_token(request: web.Request) -> str:
    """Return the bearer token of a request, or an empty string where there is none.

    The scheme is case-insensitive (RFC 9110, 11.1). No other place than the header is read.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else ""


def get_bearer_token(request: web.Request) -> str:
    """Return the bearer token of a request. Raises TOKEN_REQUIRED where there is none."""
    token = find_bearer_token(request)
    if not token:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    return token
