"""Lists: `limit`, `offset` and filters from the query string."""

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import RequestContext, int_query_param


def page_params(ctx: RequestContext) -> tuple[int, int]:
    """Limit (1 to 100, 20 unless given) and offset (0 and more)."""
    return int_query_param(ctx, "limit", 20, 1, 100), int_query_param(ctx, "offset", 0, 0, 10**15)


def boolean_param(ctx: RequestContext, name: str) -> bool | None:
    """A filter that is true or false; None when it is not given."""
    value = ctx.query.get(name)
    if value is None:
        return None
    if value not in ("true", "false"):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["Must be true or false."]})
    return value == "true"


def text_param(ctx: RequestContext, name: str) -> str:
    """A filter that is a text of at most 200 characters."""
    value = ctx.query.get(name, "")
    if len(value) > 200:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["Longer than 200 characters."]})
    return value
