"""Once: a POST with an `Idempotency-Key` acts once, however often it is sent again."""

from collections.abc import Callable
from typing import Any

from coalserver.core.engine import Repeat
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call

#: What IETF's draft calls the header.
HEADER = "Idempotency-Key"
LONGEST = 255


async def do_once(call: Call, command: Callable[..., Any], /, **asked: Any) -> Any:
    """Run a command for this request; gives the ids it made, the same ones when the request is repeated."""
    key = call.request.headers.get(HEADER)
    if key is None:
        return ids_of(await call.core.do(command, **asked))
    if not (0 < len(key) <= LONGEST and key.isprintable()):
        text = f"Must have 1 to {LONGEST} printable characters."
        raise Refusal(Why.MALFORMED, fields={HEADER: [text]})
    who, request = call.caller, call.request
    caller = (
        f"{call.dialect.name}/{who.player}"
        if who.player
        else f"{call.dialect.name}/account {who.account}"
    )
    repeat = Repeat.of(caller, key, request.method.encode(), request.path_qs.encode(), call.raw)
    return await call.core.do_once(repeat, command, made=ids_of, **asked)


def ids_of(answer: Any) -> Any:
    """What stands for a command's answer in a receipt: ids for entities and entries, else itself."""
    if isinstance(answer, tuple | list) and not hasattr(answer, "id"):
        return [ids_of(part) for part in answer]
    return getattr(answer, "id", answer)
