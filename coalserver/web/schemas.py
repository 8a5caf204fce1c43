"""Schemas of request bodies, with strict fields.

A number is no string, a string has no NUL character, and only a field with `allow_none` may be null.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Protocol

import orjson
from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing, validate

from coalserver.core.steps import MAX_WORK, Steps
from coalserver.domain.text import MAX_REMOVED, printable, trimmed, visible_name

#: Bytes of a body beside its JSON members: names, texts and white space.
MAX_PLAIN_BYTES = 64 * 1024
#: Bytes that a byte of a JSON member may take in a body: `\\u00e4` for two bytes, and JSON within a string.
MAX_EXPANSION = 4
#: Largest integer that SQLite stores.
MAX_INTEGER = 2**63 - 1

_Deserialize = Callable[[Any, str, Mapping[str, Any]], Any]
#: A field's name in the body, its name in the loaded dictionary, its `deserialize`, what reads a value that is not
#: null, and whether there is nothing to load where the member is absent.
_FieldReader = tuple[str, str, _Deserialize, _Deserialize, bool]


class Loader(Protocol):
    """Anything that loads a value."""

    def load(self, data: Any) -> Any:
        """Return the value as a dictionary. Raises marshmallow's ValidationError."""


class BodySchema(Loader, Protocol):
    """The schema of a body: a RequestSchema, AnyJson, or a class of one API."""

    @property
    def max_body_bytes(self) -> int:
        """The bytes that a body may have, which is more than any valid one needs: see `read_body`."""

    def load_in_steps(self, data: Any) -> Steps[dict[str, Any]]:
        """Return what `load` returns, in steps, for a large body. Raises what it raises."""


class RequestSchema(Schema):
    """Base of the schemas of JSON objects. Unknown members are ignored.

    `load` reads a body with less overhead than marshmallow's, and each field once. Subclasses override `prepare` and
    `finish`: hooks of marshmallow are not called.
    """

    class Meta:
        unknown = EXCLUDE

    #: Whether a subclass overrides `prepare` or `finish`.
    _prepares = _finishes = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._prepares = cls.prepare is not RequestSchema.prepare
        cls._finishes = cls.finish is not RequestSchema.finish

    def load(self, data: Any, prepared: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Return the loaded fields by name. Raises ValidationError with the errors of all fields.

        `prepared`: what `prepare` has returned for the body.
        """
        if type(data) is not dict:
            return super().load(data, **kwargs)
        members = prepared
        if members is None:
            members = self.prepare(data) if self._prepares else data
        readers = self._field_readers
        loaded: Any = {}
        if readers is None or kwargs:
            loaded = super().load(members, **kwargs)
        else:
            errors: dict[str, Any] = {}
            for key, name, deserialize, read, optional in readers:
                value = members.get(key, missing)
                if value is missing and optional:
                    continue
                given = value is not missing and value is not None
                try:
                    value = (read if given else deserialize)(value, key, members)
                except ValidationError as error:
                    errors[key] = error.messages
                    continue
                if value is not missing:
                    loaded[name] = value
            if errors:
                raise ValidationError(errors)
        return self.finish(loaded) if self._finishes else loaded

    def load_in_steps(self, data: Any) -> Steps[dict[str, Any]]:
        """Return what `load` returns. A subclass whose fields hold JSON in texts overrides this."""
        yield MAX_WORK
        loaded: dict[str, Any] = self.load(data)
        return loaded

    @cached_property
    def max_body_bytes(self) -> int:
        """The bytes that a body may have: those of its JSON members, as clients may write them, and the rest."""
        members = sum(getattr(field, "max_bytes", 0) for field in self.load_fields.values())
        return MAX_PLAIN_BYTES + MAX_EXPANSION * members

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the members to load from a body; a schema may accept several spellings of them."""
        return data

    def finish(self, loaded: dict[str, Any]) -> dict[str, Any]:
        """Return the result for loaded fields, for schemas with rules across fields.

        An implementation may raise ValidationError.
        """
        return loaded

    @cached_property
    def _field_readers(self) -> list[_FieldReader] | None:
        """The fields in their order; None if only marshmallow can load this schema."""
        nested = any("." in (field.attribute or "") for field in self.load_fields.values())
        if nested or self.many or self.partial or self.unknown != EXCLUDE:
            return None
        return [
            (
                name if field.data_key is None else field.data_key,
                field.attribute or name,
                field.deserialize,
                field._deserialize if _only_deserializes(field) else field.deserialize,
                not field.required and field.load_default is missing,
            )
            for name, field in self.load_fields.items()
        ]


def _only_deserializes(field: fields.Field[Any]) -> bool:
    """Return whether `deserialize` does no more with a value that is not null than `_deserialize`."""
    kind = type(field)
    own = kind.deserialize is fields.Field.deserialize and kind._validate is fields.Field._validate
    return own and not (field.validators or field.pre_load or field.post_load)


class Text(fields.Field[str]):
    """A string of `low` to `high` characters. NUL is an error, other control characters become spaces.

    White space at both ends is removed; `lines` keeps line breaks within.
    """

    def __init__(
        self, low: int = 0, high: int = 200, *, lines: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.low, self.high, self.lines = low, high, lines

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        if "\0" in value:
            raise ValidationError("Contains NUL.")
        text = value.strip()
        if len(text) <= self.high + MAX_REMOVED:
            text = self._clean(text)
        if len(text) < self.low:
            raise ValidationError(
                "Must not be empty." if self.low == 1 else f"Shorter than {self.low} characters."
            )
        if len(text) > self.high:
            raise ValidationError(f"Longer than {self.high} characters.")
        return text

    def _clean(self, text: str) -> str:
        """Return a text as it is stored."""
        return text if text.isprintable() else printable(text, lines=self.lines).strip()


class Name(Text):
    """A Text that is shown as a name: letters that show nothing count as white space."""

    def _clean(self, text: str) -> str:
        return visible_name(text)


class Secret(fields.Field[str]):
    """A string of `low` to `high` characters that is kept unchanged, such as a password."""

    def __init__(self, low: int = 0, high: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        if not self.low <= len(value) <= self.high:
            raise ValidationError(f"Must have {self.low} to {self.high} characters.")
        return value


class Integer(fields.Field[int]):
    """An integer from `low` to `high`; neither 1.0 nor "1" nor true."""

    def __init__(self, low: int = -MAX_INTEGER, high: int = MAX_INTEGER, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if type(value) is not int:
            raise ValidationError("Not a whole number.")
        if not self.low <= value <= self.high:
            raise ValidationError(f"Must be from {self.low} to {self.high}.")
        return value


class Boolean(fields.Field[bool]):
    """true or false; neither 1 nor "true"."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Not true or false.")
        return value


class RawJson(fields.Field[bytes]):
    """A JSON object of up to `max_bytes`, loaded as compact JSON bytes. `allow_any` accepts any JSON value."""

    def __init__(
        self, max_bytes: int = 16 * 1024, *, allow_any: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_bytes, self.allow_any = max_bytes, allow_any

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bytes:
        if not self.allow_any and not isinstance(value, dict):
            raise ValidationError("Not an object.")
        dumped = trimmed(orjson.dumps(value))
        if len(dumped) > self.max_bytes:
            raise ValidationError(f"Larger than {self.max_bytes} bytes.")
        return dumped


class AnyJson:
    """A body of up to `max_bytes` that is any JSON object or, with `allow_any`, any JSON value.

    `load` returns the value as `value` and as compact JSON bytes as `dumped`.
    """

    def __init__(self, max_bytes: int = 16 * 1024, *, allow_any: bool = False) -> None:
        self.max_bytes, self.allow_any = max_bytes, allow_any
        self.max_body_bytes = MAX_PLAIN_BYTES + MAX_EXPANSION * max_bytes

    def load(self, data: Any) -> dict[str, Any]:
        if not self.allow_any and not isinstance(data, dict):
            raise ValidationError("The body must be a JSON object.")
        dumped = trimmed(orjson.dumps(data))
        if len(dumped) > self.max_bytes:
            raise ValidationError(f"Larger than {self.max_bytes} bytes.")
        return {"value": data, "dumped": dumped}

    def load_in_steps(self, data: Any) -> Steps[dict[str, Any]]:
        """Return what `load` returns."""
        yield MAX_WORK
        return self.load(data)


def flatten_errors(errors: Any) -> list[tuple[tuple[Any, ...], list[str]]]:
    """Return each invalid field's path with its messages.

    `errors` is nested as marshmallow has it: dictionaries by name or index, lists of messages at the leaves.
    """
    if isinstance(errors, dict):
        return [
            ((name, *path), messages)
            for name, inner in errors.items()
            for path, messages in flatten_errors(inner)
        ]
    return [((), [str(message) for message in (errors if isinstance(errors, list) else [errors])])]


def format_errors(errors: Any) -> str:
    """Return nested errors as one line: `name: Not a string. options.size: Must be from 1 to 9.`"""
    parts = []
    for path, messages in flatten_errors(errors):
        name, text = ".".join(map(str, path)), " ".join(messages)
        parts.append(f"{name}: {text}" if name and name != "body" else text)
    return " ".join(parts)


def one_of(*choices: str) -> validate.OneOf:
    return validate.OneOf(choices, error="Must be one of: {choices}.")
