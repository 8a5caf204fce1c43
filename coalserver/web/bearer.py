"""Bearer tokens (RFC 6750) and the tickets that replace them on event feeds."""

from coalserver.core.caller import Caller
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext

_SCHEME = "bearer"


def find_bearer_token(ctx: RequestContext) -> str:
    """Return the bearer token of a request, or an empty string where there is none.

    The scheme is case-insensitive (RFC 9110, 11.1). No other place than the header is read.
    """
    scheme, _, token = ctx.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else ""


def get_bearer_token(ctx: RequestContext) -> str:
    """Return the bearer token of a request. Raises TOKEN_REQUIRED where there is none."""
    token = find_bearer_token(ctx)
    if not token:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    return token


def issue_ticket(ctx: RequestContext) -> str:
    """Return a ticket for the caller, which one feed of the same API accepts."""
    return ctx.app.tickets.issue((ctx.api.name, ctx.caller))


def find_ticket_caller(ctx: RequestContext) -> Caller | None:
    """Return the caller to whom `?ticket=` was issued, or None if the request has no ticket.

    `Authorization` takes precedence. Raises INVALID_TOKEN for an unknown, used or expired ticket.
    """
    ticket = ctx.query.get("ticket")
    if ticket is None or "Authorization" in ctx.headers:
        return None
    api_name, caller = ctx.app.tickets.redeem(ticket) or ("", None)
    if api_name != ctx.api.name:
        raise DomainError(ErrorCode.INVALID_TOKEN)
    return caller
