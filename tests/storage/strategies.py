"""Hypothesis strategies for dataclasses, by the types of their fields."""

import dataclasses
import types
import typing
from enum import StrEnum
from typing import Any

import orjson
from hypothesis import strategies as some

#: What a JSON document can hold: integers of 64 bits, no NaN, no half of a surrogate pair.
whole = some.integers(-(2**63), 2**64 - 1)
real = some.floats(allow_nan=False, allow_infinity=False)
text = some.text(some.characters(exclude_categories=["Cs"]), max_size=8)
json = some.recursive(
    some.none() | some.booleans() | whole | real | text,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(text, inner, max_size=3),
    max_leaves=4,
)
free = json.map(orjson.dumps)

_PLAIN = {int: whole, float: real, str: text, bool: some.booleans(), bytes: free}


def values_of(hint: Any) -> some.SearchStrategy[Any]:
    """Return a strategy for a type that fields of entities and events may have."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint is types.NoneType:
        return some.none()
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return some.builds(
            hint, **{field.name: values_of(hints[field.name]) for field in dataclasses.fields(hint)}
        )
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return some.sampled_from(hint)
    inner = typing.get_args(hint)
    if set(inner) == {bytes, types.NoneType}:
        # Null stands for None.
        return some.none() | free.filter(lambda dumped: dumped != b"null")
    if typing.get_origin(hint) is not tuple:
        return some.one_of(*map(values_of, inner))
    if inner[-1] is Ellipsis:
        return some.lists(values_of(inner[0]), max_size=3).map(tuple)
    return some.tuples(*map(values_of, inner))
