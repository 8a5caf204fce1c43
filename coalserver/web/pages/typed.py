"""What was typed into a form: every field a text, none too long, and none of a form that we have not shown."""

from collections.abc import Mapping

from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call
from coalserver.web.pages.cookies import checked_own
from coalserver.web.pages.forms import read_form
from coalserver.web.schemas import printable


async def typed(call: Call, longest: Mapping[str, int]) -> dict[str, str]:
    """The fields of a form by name; those that were not sent are empty.

    `call.body` has them also where the form is refused, so that nobody types anything twice.
    """
    fields = dict.fromkeys(longest, "")
    call.body = fields
    pairs = await read_form(call.request)
    fields |= {name: value for name, value in pairs if name in longest}
    checked_own(call, pairs)
    long = {name: ["Too long."] for name, most in longest.items() if len(fields[name]) > most}
    if long:
        raise Refusal(Why.MALFORMED, fields=long)
    return fields


def whole(text: str, low: int, high: int, name: str) -> int:
    """A number that was typed; refuses what is none, or is out of bounds."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise Refusal(Why.MALFORMED, fields={name: [f"Must be from {low} to {high}."]})
    return int(text)


def shown(text: str) -> str:
    """One line that can be shown."""
    return printable(text.replace("\0", " ")).strip()
