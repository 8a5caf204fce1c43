"""Idempotency keys: a request that is repeated with the same `Idempotency-Key` acts once."""

from collections.abc import Callable
from typing import Any

from coalserver.core.engine import IdempotencyKey
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext

#: Name of the header in draft-ietf-httpapi-idempotency-key-header.
HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255


async def execute_idempotent(
    ctx: RequestContext, command: Callable[..., Any], /, **params: Any
) -> Any:
    """Run a command for this request; return the ids of its results.

    A repeated request returns the ids of the first one. Raises INVALID_REQUEST for a key that is too long or
    unprintable, and IDEMPOTENCY_KEY_REUSED for a key of a different request.
    """
    key = ctx.headers.get(HEADER)
    if key is None:
        return result_ids(await ctx.core.execute(command, **params))
    check_key(key)
    caller, request = ctx.caller, ctx.request
    # Part of the stored record: a change would make every repeated request a new one.
    caller_name = (
        f"{ctx.api.name}/{caller.player_id}"
        if caller.player_id
        else f"{ctx.api.name}/account {caller.account_id}"
    )
    idempotency_key = IdempotencyKey.of(
        caller_name, key, request.method.encode(), request.path_qs.encode(), ctx.raw
    )
    return await ctx.core.execute_idempotent(idempotency_key, command, to_ids=result_ids, **params)


def check_key(key: str) -> None:
    """Raise INVALID_REQUEST for an idempotency key that is empty, too long or unprintable."""
    if not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
        message = f"Must have 1 to {MAX_KEY_LENGTH} printable characters."
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={HEADER: [message]})


def result_ids(result: Any) -> Any:
    """Return a command's result as stored for repeated requests: ids in place of entities and entries."""
    if isinstance(result, tuple | list) and not hasattr(result, "id"):
        return [result_ids(part) for part in result]
    return getattr(result, "id", result)
