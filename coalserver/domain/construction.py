"""Construction of frozen dataclasses where it counts: log lines come in by the thousand a second."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def maker(cls: type[T]) -> Callable[..., T]:
    """Return a function that makes a value of a frozen dataclass with slots from all its fields, in their order.

    The class itself sets each field through `object.__setattr__`, which takes six times as long. The function fills a
    class with the same slots that is not frozen, and then changes the class of the value. Raises TypeError for a class
    without slots, with bases of its own or with a `__post_init__`.
    """
    names = tuple(field.name for field in dataclasses.fields(cls))  # type: ignore[arg-type]
    own: tuple[str, ...] = cls.__dict__.get("__slots__", ())
    if own != names or cls.__bases__ != (object,) or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} cannot be made field by field")
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
