"""Once: a POST with an `Idempotency-Key` acts once, however often it is sent again."""

from collections.abc import Callable
from typing import Any

from coalserver.core.engine import IdempotencyKey
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext

#: What IETF's draft calls the header.
HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255


async def execute_idempotent(
    ctx: RequestContext, command: Callable[..., Any], /, **params: Any
) -> Any:
    """Run a command for this request; gives the ids it made, the same ones when the request is repeated."""
    key = ctx.request.headers.get(HEADER)
    if key is None:
        return result_ids(await ctx.core.execute(command, **params))
    if not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
        text = f"Must have 1 to {MAX_KEY_LENGTH} printable characters."
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={HEADER: [text]})
    identity, request = ctx.caller, ctx.request
    caller = (
        f"{ctx.api.name}/{identity.player_id}"
        if identity.player_id
        else f"{ctx.api.name}/account {identity.account_id}"
    )
    idempotency_key = IdempotencyKey.of(
        caller, key, request.method.encode(), request.path_qs.encode(), ctx.raw
    )
    return await ctx.core.execute_idempotent(idempotency_key, command, to_ids=result_ids, **params)


def result_ids(result: Any) -> Any:
    """What stands for a command's answer in a receipt: ids for entities and entries, else itself."""
    if isinstance(result, tuple | list) and not hasattr(result, "id"):
        return [result_ids(part) for part in result]
    return getattr(result, "id", result)
