"""Values of hosted worlds on the command line (`NAME=VALUE`), and messages for invalid ones."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from coalserver.cli.error_messages import error_message
from coalserver.config.schema import suggestion
from coalserver.core.commands.hosted_worlds import OTHER_NAMES
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.properties_file import FURTHER
from coalserver.domain.minecraft.property_values import (
    allowed_values,
    parse_boolean,
    parse_property,
)
from coalserver.domain.minecraft.server_properties import PROPERTIES, PropertyValue
from coalserver.domain.minecraft.slugs import slugify_short_name

#: By problem of a value.
PROBLEMS = {
    "no_such_version": "There is no such version.",
    "taken": "Another world has this port.",
    "invalid_key": "A key has 1 to 100 characters, a value at most 2000.",
    "managed_key": "coalserver writes this line itself.",
    "too_many": "A world has at most 100 further lines.",
}


def read_values(pairs: Iterable[tuple[str, str]]) -> dict[str, PropertyValue]:
    """Return the values of settings by name; an empty `file.KEY` is None, which removes the line.

    If a name is given twice, the last value counts. Raises INVALID_REQUEST with all wrong names and values.
    """
    changes: dict[str, PropertyValue] = {}
    wrong: dict[str, list[str]] = {}
    for name, text in dict(pairs).items():
        try:
            changes[name] = _read_value(name, text)
        except DomainError as error:
            wrong |= error.details["fields"]
    if wrong:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=wrong)
    return changes


def _read_value(name: str, text: str) -> PropertyValue:
    if name.startswith(FURTHER):
        return text.strip() or None
    if name == "short_name":
        return slugify_short_name(text)
    if name == "name":
        return text
    if name in OTHER_NAMES:
        return parse_boolean(name, text)
    if name in PROPERTIES:
        return parse_property(name, text)
    raise DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["unknown_name"]})


@contextmanager
def wrong_values_named() -> Iterator[None]:
    """Add a `sentence` to an INVALID_REQUEST of the block: each invalid value, and what is allowed."""
    try:
        yield
    except DomainError as error:
        fields: Mapping[str, list[str]] = error.details.get("fields") or {}
        if error.code is not ErrorCode.INVALID_REQUEST or not fields:
            raise
        sentence = " ".join(_sentence(name, problems[0]) for name, problems in fields.items())
        raise DomainError(error.code, fields=fields, sentence=sentence) from error


def _sentence(name: str, problem: str) -> str:
    if problem == "unknown_name":
        near = suggestion(name, [*OTHER_NAMES, *PROPERTIES])
        return f"A hosted world has no property {name}{near}"
    if name in ("name", "short_name"):
        return error_message(DomainError(ErrorCode.INVALID_REQUEST, fields={name: [problem]}))
    return f"{name}: {PROBLEMS.get(problem) or f'It must be {allowed_values(name)}.'}"
