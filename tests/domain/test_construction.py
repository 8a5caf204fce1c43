"""Values of frozen dataclasses that are made field by field."""

from dataclasses import FrozenInstanceError, dataclass, fields, replace

import pytest

from coalserver.domain.construction import maker
from coalserver.domain.minecraft.events import LineLogged
from coalserver.domain.minecraft.history import LogLine


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2


@dataclass(frozen=True)
class WithoutSlots:
    x: int


@dataclass(frozen=True, slots=True)
class Checked:
    x: int

    def __post_init__(self) -> None:
        assert self.x


@dataclass(frozen=True, slots=True)
class Further(Point):
    z: int = 3


@pytest.mark.parametrize("cls", [Point, LogLine, LineLogged])
def test_made_value_is_one_of_the_class(cls):
    values = [f"value {number}" for number, _ in enumerate(fields(cls))]
    made, usual = maker(cls)(*values), cls(*values)
    assert type(made) is cls and made == usual and hash(made) == hash(usual)
    assert repr(made) == repr(usual)
    name = fields(cls)[0].name
    assert replace(made, **{name: "other"}) == replace(usual, **{name: "other"})
    with pytest.raises(FrozenInstanceError):
        setattr(made, name, "other")


def test_maker_takes_all_fields():
    with pytest.raises(TypeError):
        maker(Point)(1)


@pytest.mark.parametrize("cls", [WithoutSlots, Checked, Further])
def test_class_that_cannot_be_made_field_by_field_is_refused(cls):
    with pytest.raises(TypeError, match=cls.__name__):
        maker(cls)
