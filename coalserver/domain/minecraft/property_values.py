"""Values of server properties as people type them, on pages and on the command line."""

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.server_properties import (
    PROPERTIES,
    BooleanProperty,
    ChoiceProperty,
    IntegerProperty,
    PropertyValue,
    TextProperty,
)
from coalserver.domain.text import one_line

MEMORY = "memory"
#: Sizes of memory that pages and the command line offer beyond those of the API.
LARGE_MEMORY_SIZES = ("5G", "6G", "7G", "8G")
#: Longest text; the API accepts as much.
MAX_TEXT_LENGTH = 10_000
_BOOLEANS = {"yes": True, "true": True, "no": False, "false": False}


def choices_of(name: str) -> tuple[str, ...]:
    """Return the words that a property can have on pages and the command line; empty: it is no choice."""
    kind = PROPERTIES[name]
    if not isinstance(kind, ChoiceProperty):
        return ()
    return kind.choices + LARGE_MEMORY_SIZES if name == MEMORY else kind.choices


def parse_property(name: str, text: str) -> PropertyValue:
    """Return the value of a property from its text.

    Booleans are yes, no, true or false; an empty port means any free port. Raises INVALID_REQUEST.
    """
    kind = PROPERTIES[name]
    text = one_line(text)
    word = text.strip()
    match kind:
        case IntegerProperty():
            if not word and kind.default is None:
                return None
            if word.isascii() and word.isdigit() and len(word) <= len(str(kind.high)):
                number = int(word)
                if kind.low <= number <= kind.high:
                    return number
        case BooleanProperty():
            return parse_boolean(name, word)
        case ChoiceProperty():
            if word in choices_of(name):
                return word
        case TextProperty():
            text = text if kind.allow_empty else word
            if len(text) <= MAX_TEXT_LENGTH and (text or kind.allow_empty):
                return text
    raise invalid_value(name)


def parse_boolean(name: str, text: str) -> bool:
    """Return the value of yes, no, true or false. Raises INVALID_REQUEST."""
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        raise invalid_value(name)
    return value


def property_text(value: PropertyValue) -> str:
    """Return the text of a value, which `parse_property` reads as the same value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def allowed_values(name: str) -> str:
    """Return what a property can be, as the end of the sentence *It must be …*."""
    match PROPERTIES.get(name):
        case IntegerProperty(low=low, high=high):
            return f"a whole number from {low} to {high}"
        case ChoiceProperty():
            return f"one of {', '.join(choices_of(name))}"
        case TextProperty(allow_empty=allow_empty):
            return f"a text of {0 if allow_empty else 1} to {MAX_TEXT_LENGTH} characters"
    return "yes or no"


def invalid_value(name: str) -> DomainError:
    """Return the error for a value that a property cannot have."""
    return DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["invalid_value"]})
