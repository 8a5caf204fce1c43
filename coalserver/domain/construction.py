"""Construction and copies of frozen dataclasses where it counts: in log lines, joins, leaves and turns."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
C = TypeVar("C", bound=type)


def maker(cls: type[T]) -> Callable[..., T]:
    """Return a function that makes a value of a frozen dataclass with slots from all its fields, in their order.

    The class itself sets each field through `object.__setattr__`, which takes six times as long. The function fills a
    class with the same slots that is not frozen, and then changes the class of the value. Raises TypeError for a class
    without slots, with bases of its own or with a `__post_init__`.
    """
    names = _own_fields(cls)
    scope: dict[str, Any] = {"made": cls}
    fill = "; ".join(f"self.{name} = {name}" for name in names)
    exec(
        f"class Open:\n  __slots__ = {names!r}\n  def __init__(self, {', '.join(names)}): {fill}\n"
        f"def make({', '.join(names)}):\n"
        f"  value = Open({', '.join(names)}); value.__class__ = made; return value\n",
        scope,
    )
    make: Callable[..., T] = scope["make"]
    return make


def quickly_made(cls: C) -> C:
    """Let a frozen dataclass with slots set its fields as `maker` does; a decorator. The class is used as before.

    Raises TypeError for the classes that `maker` refuses, and for defaults that are made for each value.
    """
    names = _own_fields(cls)
    fields = dataclasses.fields(cls)
    if any(field.default_factory is not dataclasses.MISSING for field in fields):
        raise TypeError(f"{cls.__name__} cannot be made field by field")
    defaults = {
        f"default_{field.name}": field.default
        for field in fields
        if field.default is not dataclasses.MISSING
    }
    parameters = (
        f"{name}=default_{name}" if f"default_{name}" in defaults else name for name in names
    )
    scope: dict[str, Any] = {**defaults, "made": cls, "set_attribute": object.__setattr__}
    exec(
        f"class Open: __slots__ = {names!r}\n"
        f"def __init__(self, {', '.join(parameters)}):\n"
        "  set_attribute(self, '__class__', Open)\n"
        + "".join(f"  self.{name} = {name}\n" for name in names)
        + "  self.__class__ = made\n",
        scope,
    )
    init = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = cls.__init__.__annotations__  # type: ignore[misc]
    setattr(cls, "__init__", init)  # noqa: B010
    return cls


def replace(value: T, /, **changes: Any) -> T:
    """Return a copy of a dataclass's value with other values in some fields, as `dataclasses.replace` does.

    That looks all fields up each time, which takes as long as the copy. The function that copies is made once for each
    class and names of fields, of which the code has few.
    """
    copy = _COPIERS.get((type(value), *changes))
    if copy is None:
        copy = _COPIERS[type(value), *changes] = copier(type(value), *changes)
    copied: T = copy(value, *changes.values())
    return copied


#: (class, *names) -> the function that copies.
_COPIERS: dict[tuple[Any, ...], Callable[..., Any]] = {}


def copier(cls: type, *changed: str) -> Callable[..., Any]:
    """Return the function that `replace` uses: of a value and the new values, in the order of their names.

    Raises TypeError for a name that is no field.
    """
    fields = dataclasses.fields(cls)
    names = [field.name for field in fields]
    if not {*changed} <= {*names}:
        raise TypeError(f"{cls.__name__} lacks one of the fields {', '.join(changed)}")
    if not all(field.init and not field.kw_only for field in fields):
        raise TypeError(f"{cls.__name__} cannot be made from all its fields in their order")
    values = (name if name in changed else f"value.{name}" for name in names)
    source = f"lambda {', '.join(('value', *changed))}: cls({', '.join(values)})"
    copy: Callable[..., Any] = eval(source, {"cls": cls})
    return copy


def _own_fields(cls: type) -> tuple[str, ...]:
    """Return the fields of a class with slots. Raises TypeError for a class that has more than them."""
    names = tuple(field.name for field in dataclasses.fields(cls))
    own: tuple[str, ...] = cls.__dict__.get("__slots__", ())
    if own != names or cls.__bases__ != (object,) or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} cannot be made field by field")
    return names
