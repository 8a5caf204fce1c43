"""Lists: `limit`, `offset` and filters from the query string."""

from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call, asked_number


def page(call: Call) -> tuple[int, int]:
    """Limit (1 to 100, 20 unless given) and offset (0 and more)."""
    return asked_number(call, "limit", 20, 1, 100), asked_number(call, "offset", 0, 0, 10**15)


def flag(call: Call, name: str) -> bool | None:
    """A filter that is true or false; None when it is not given."""
    value = call.query.get(name)
    if value is None:
        return None
    if value not in ("true", "false"):
        raise Refusal(Why.MALFORMED, fields={name: ["Must be true or false."]})
    return value == "true"


def text(call: Call, name: str) -> str:
    """A filter that is a text of at most 200 characters."""
    value = call.query.get(name, "")
    if len(value) > 200:
        raise Refusal(Why.MALFORMED, fields={name: ["Longer than 200 characters."]})
    return value
