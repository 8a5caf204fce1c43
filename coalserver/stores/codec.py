"""The codec: entities and events as JSON documents, and back. Knows the classes, not where they are kept.

A document holds a dataclass's fields by name. Free JSON (a `bytes` field) is part of the document, so that it can
be read and searched there; it comes back as orjson writes it, compact. What came from orjson or from
`domain.game.dumped` is compact already and comes back byte for byte, but for the spelling of floats and escapes.
Where a field may also be None, JSON null comes back as None: such a field has no other use for it.
"""

import dataclasses
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

import orjson

from coalserver.core.state import INDEXES
from coalserver.domain import (
    exchange_events,
    lobby_events,
    player_events,
    room_events,
    world_events,
)

Decoder = Callable[[Any], Any]


class Unkept(Exception):
    """A document or a class that this codec has no way to read or write."""


class Codec:
    """Reads and writes documents of a closed set of dataclasses, found by their names."""

    def __init__(self, classes: Iterable[type]) -> None:
        self._decoders: dict[str, Decoder] = {}
        for cls in classes:
            if cls.__name__ in self._decoders:
                raise Unkept(f"two classes are called {cls.__name__}")
            self._decoders[cls.__name__] = decoder(cls)

    def load(self, name: str, document: str | bytes) -> Any:
        """The value a document was made from. Members it does not know are passed over."""
        decode = self._decoders.get(name)
        if decode is None:
            raise Unkept(f"nothing is called {name}")
        try:
            return decode(orjson.loads(document))
        except (ValueError, TypeError, KeyError, AttributeError) as fault:
            raise Unkept(f"not a document of {name}: {fault}") from fault


def dump(value: Any) -> str:
    """A value's document. Bytes that are not JSON raise, or the document could never be read again."""
    return orjson.dumps(value, default=_free).decode()


def decoder(cls: type) -> Decoder:
    """What makes values of a dataclass from parsed documents. Compiled once: thousands are loaded at a start."""
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    special = []
    for place, name in enumerate(names):
        if name.startswith("_"):
            raise Unkept(f"{cls.__name__}.{name}: orjson leaves out names that begin with _")
        decode_one = _decoder_of(hints[name], f"{cls.__name__}.{name}")
        if decode_one is not None:
            special.append((place, name, decode_one))
    # Two names at least: of one, itemgetter would give no tuple.
    all_of = operator.itemgetter(*names, *names[:1])

    def decode(document: dict[str, Any]) -> Any:
        try:
            given = [*all_of(document)[:-1]]
        except KeyError:
            return decode_less(document)
        for place, _, decode_one in special:
            given[place] = decode_one(given[place])
        return cls(*given)

    def decode_less(document: dict[str, Any]) -> Any:
        """Written before the class had all its members: those take their defaults."""
        given = {name: document[name] for name in names if name in document}
        for _, name, decode_one in special:
            if name in given:
                given[name] = decode_one(given[name])
        return cls(**given)

    return decode


def _free(value: Any) -> orjson.Fragment:
    """Free JSON as it stands, once it is known to be JSON."""
    if type(value) is not bytes:
        raise TypeError(f"{type(value).__name__} cannot be kept")
    orjson.loads(value)
    return orjson.Fragment(value)


def _decoder_of(hint: Any, where: str) -> Decoder | None:
    """What turns parsed JSON into a value of this type; None where it is one already."""
    if hint in (int, float, str, bool):
        return None
    if hint is bytes:
        return orjson.dumps
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {member.value: member for member in hint}.__getitem__
    if dataclasses.is_dataclass(hint):
        return decoder(typing.cast(type, hint))
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _decoder_of_union(inner, where)
    if origin is tuple:
        return _decoder_of_tuple(inner, where)
    raise Unkept(f"{where}: {hint} cannot be kept")


def _decoder_of_union(members: tuple[Any, ...], where: str) -> Decoder | None:
    some = [_decoder_of(member, where) for member in members if member is not types.NoneType]
    if not any(some):
        return None
    decode = some[0]
    if len(some) > 1 or decode is None:
        raise Unkept(f"{where}: a document does not say which of several classes it was")
    return lambda given: None if given is None else decode(given)


def _decoder_of_tuple(members: tuple[Any, ...], where: str) -> Decoder:
    if len(members) == 2 and members[1] is Ellipsis:
        decode = _decoder_of(members[0], where)
        if decode is None:
            return tuple
        return lambda given: tuple([decode(one) for one in given])
    each = [_decoder_of(member, where) or _same for member in members]
    return lambda given: tuple([decode(one) for decode, one in zip(each, given, strict=True)])


def _same(given: Any) -> Any:
    return given


def classes_in(module: types.ModuleType) -> list[type]:
    """The dataclasses a module defines."""
    return [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and dataclasses.is_dataclass(cls)
        and cls.__module__ == module.__name__
    ]


#: Everything State holds, by class.
ENTITIES: Mapping[str, type] = {cls.__name__: cls for cls in INDEXES}
entities = Codec(ENTITIES.values())
#: Every fact that can be said.
EVENTS = tuple(
    cls
    for module in (lobby_events, room_events, exchange_events, player_events, world_events)
    for cls in classes_in(module)
)
said = Codec(EVENTS)
