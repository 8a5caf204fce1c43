"""The choice of the message for an error on a page."""

from collections.abc import Mapping

from coalserver.domain.errors import DomainError, ErrorCode

Message = tuple[int, str]


def find_message(
    error: DomainError,
    messages: Mapping[ErrorCode | tuple[ErrorCode, str], Message],
    default: Message,
) -> Message:
    """Return the status and message of an error: of its first invalid field with one, else of its code."""
    fields = error.details.get("fields") or {}
    of_fields = (messages[error.code, name] for name in fields if (error.code, name) in messages)
    return next(of_fields, None) or messages.get(error.code, default)
