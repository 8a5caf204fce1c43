"""Query parameters of lists: `limit`, `offset` and filters. Invalid ones raise INVALID_REQUEST."""

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext, int_query_param


def page_params(ctx: RequestContext) -> tuple[int, int]:
    """Return limit (1 to 100, default 20) and offset (0 or more, default 0)."""
    return int_query_param(ctx, "limit", 20, 1, 100), int_query_param(ctx, "offset", 0, 0, 10**15)


def boolean_param(ctx: RequestContext, name: str) -> bool | None:
    """Return a filter that is `true` or `false`, or None if it is absent."""
    value = ctx.query.get(name)
    if value is None:
        return None
    if value not in ("true", "false"):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["Must be true or false."]})
    return value == "true"


def text_param(ctx: RequestContext, name: str) -> str:
    """Return a text filter of at most 200 characters, or the empty string if it is absent."""
    value = ctx.query.get(name, "")
    if len(value) > 200:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["Longer than 200 characters."]})
    return value
