"""What was typed into a form: every field a text, none too long, and none of a form that we have not shown."""

from collections.abc import Mapping

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import printable
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import check_csrf
from coalserver.web.pages.forms import read_form


async def read_fields(ctx: RequestContext, max_lengths: Mapping[str, int]) -> dict[str, str]:
    """The fields of a form by name; those that were not sent are empty.

    `call.body` has them also where the form is refused, so that nobody types anything twice.
    """
    fields = dict.fromkeys(max_lengths, "")
    ctx.body = fields
    pairs = await read_form(ctx.request)
    fields |= {name: value for name, value in pairs if name in max_lengths}
    check_csrf(ctx, pairs)
    errors = {
        name: ["Too long."]
        for name, max_length in max_lengths.items()
        if len(fields[name]) > max_length
    }
    if errors:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=errors)
    return fields


def parse_integer(text: str, low: int, high: int, name: str) -> int:
    """A number that was typed; refuses what is none, or is out of bounds."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={name: [f"Must be from {low} to {high}."]}
        )
    return int(text)


def clean_text(text: str) -> str:
    """One line that can be shown."""
    return printable(text).strip()
