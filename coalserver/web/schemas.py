"""Strict fields: a number is not a text, a text has no NUL, and an absent member may be null."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import orjson
from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing, validate

from coalserver.domain.text import printable

#: The largest integer SQLite keeps.
MAX_INTEGER = 2**63 - 1


class BodySchema(Protocol):
    """What a body must look like: a marshmallow schema, or `Free`."""

    def load(self, data: Any) -> Any:
        """What handlers are given, as a dictionary; raises ValidationError."""


class _FieldReader(NamedTuple):
    """One field of a form, as far as a good body needs it."""

    key: str
    name: str
    read: Callable[[Any, str, Mapping[str, Any]], Any]
    required: bool
    default: Any
    allow_none: bool


class RequestSchema(Schema):
    """A body: members nobody knows are ignored.

    A good body is read here, in a quarter of marshmallow's time. One that is not is marshmallow's to word,
    and so is every body of a form with hooks; of these only the private `_hooks` tells.
    """

    class Meta:
        unknown = EXCLUDE

    def load(self, data: Any, **kw: Any) -> Any:
        """What handlers are given; raises ValidationError."""
        if not kw and type(data) is dict and self._field_readers is not None:
            try:
                return self.finish(_read(self._field_readers, self.prepare(data)))
            except ValidationError:
                pass
        members = self.prepare(data) if type(data) is dict else data
        return self.finish(super().load(members, **kw))

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the members to load; a schema may accept several spellings of them."""
        return data

    def finish(self, loaded: Any) -> Any:
        """What to make of the fields once each is good."""
        return loaded

    @cached_property
    def _field_readers(self) -> list[_FieldReader] | None:
        nested = any("." in (field.attribute or "") for field in self.load_fields.values())
        hooked = any(self._hooks.values())
        if nested or hooked or self.many or self.partial or self.unknown != EXCLUDE:
            return None
        return [
            _FieldReader(
                name if field.data_key is None else field.data_key,
                field.attribute or name,
                # What `deserialize` adds are checks, which a good body passes, and functions.
                field.deserialize if _needs_deserialize(field) else field._deserialize,
                field.required,
                field.load_default,
                field.allow_none,
            )
            for name, field in self.load_fields.items()
        ]


def _needs_deserialize(field: fields.Field[Any]) -> bool:
    return bool(field.validators or field.pre_load or field.post_load)


def _read(readers: list[_FieldReader], data: dict[str, Any]) -> dict[str, Any]:
    """The fields of a good body; what it raises for any other says nothing."""
    loaded: dict[str, Any] = {}
    for key, name, read, required, default, allow_none in readers:
        value = data.get(key, missing)
        if value is missing:
            if required:
                raise ValidationError(key)
            if default is not missing:
                loaded[name] = default() if callable(default) else default
        elif value is not None:
            loaded_value = read(value, key, data)
            if loaded_value is not missing:
                loaded[name] = loaded_value
        elif allow_none:
            loaded[name] = None
        else:
            raise ValidationError(key)
    return loaded


class Text(fields.Field[str]):
    """A string of so many characters, without NUL; other control characters become blanks."""

    def __init__(self, low: int = 0, high: int = 200, *, lines: bool = False, **kw: Any) -> None:
        super().__init__(**kw)
        self.low, self.high, self.lines = low, high, lines

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        if "\0" in value:
            raise ValidationError("Contains NUL.")
        text = value.strip() if value.isprintable() else printable(value, lines=self.lines).strip()
        if len(text) < self.low:
            raise ValidationError(
                "Must not be empty." if self.low == 1 else f"Shorter than {self.low} characters."
            )
        if len(text) > self.high:
            raise ValidationError(f"Longer than {self.high} characters.")
        return text


class Secret(fields.Field[str]):
    """A password: kept exactly as it is."""

    def __init__(self, low: int = 0, high: int = 1000, **kw: Any) -> None:
        super().__init__(**kw)
        self.low, self.high = low, high

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        if not self.low <= len(value) <= self.high:
            raise ValidationError(f"Must have {self.low} to {self.high} characters.")
        return value


class Integer(fields.Field[int]):
    """A whole number, written as one: neither 1.0 nor "1" nor true."""

    def __init__(self, low: int = -MAX_INTEGER, high: int = MAX_INTEGER, **kw: Any) -> None:
        super().__init__(**kw)
        self.low, self.high = low, high

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> int:
        if type(value) is not int:
            raise ValidationError("Not a whole number.")
        if not self.low <= value <= self.high:
            raise ValidationError(f"Must be from {self.low} to {self.high}.")
        return value


class Boolean(fields.Field[bool]):
    """true or false, and nothing that looks like them."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Not true or false.")
        return value


class RawJson(fields.Field[bytes]):
    """Any JSON object (or, with `anything`, any JSON) up to a size; comes as bytes, compact."""

    def __init__(self, max_bytes: int = 16 * 1024, *, allow_any: bool = False, **kw: Any) -> None:
        super().__init__(**kw)
        self.max_bytes, self.allow_any = max_bytes, allow_any

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> bytes:
        if not self.allow_any and not isinstance(value, dict):
            raise ValidationError("Not an object.")
        dumped = orjson.dumps(value)
        if len(dumped) > self.max_bytes:
            raise ValidationError(f"Larger than {self.max_bytes} bytes.")
        return dumped


class AnyJson:
    """A body that is any JSON object (or, with `anything`, any JSON): `value`, and `dumped` as bytes."""

    def __init__(self, max_bytes: int = 16 * 1024, *, allow_any: bool = False) -> None:
        self.max_bytes, self.allow_any = max_bytes, allow_any

    def load(self, data: Any) -> dict[str, Any]:
        if not self.allow_any and not isinstance(data, dict):
            raise ValidationError("The body must be a JSON object.")
        dumped = orjson.dumps(data)
        if len(dumped) > self.max_bytes:
            raise ValidationError(f"Larger than {self.max_bytes} bytes.")
        return {"value": data, "dumped": dumped}


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
