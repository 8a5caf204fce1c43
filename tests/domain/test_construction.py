"""Values of frozen dataclasses that are made field by field."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields

import pytest

from coalserver.domain.construction import maker, quickly_made, replace
from coalserver.domain.minecraft.events import LineLogged
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.play import events
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster, Seat


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2


@quickly_made
@dataclass(frozen=True, slots=True)
class Quick:
    x: int
    y: int = 2
    z: str = "z"


@dataclass(frozen=True, slots=True)
class Made:
    x: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ByName:
    x: int
    y: int = field(default=2, kw_only=True)


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
    other = {name: "other"}
    assert dataclasses.replace(made, **other) == dataclasses.replace(usual, **other)
    with pytest.raises(FrozenInstanceError):
        setattr(made, name, "other")


def test_maker_takes_all_fields():
    with pytest.raises(TypeError):
        maker(Point)(1)


@pytest.mark.parametrize("cls", [WithoutSlots, Checked, Further])
def test_class_that_cannot_be_made_field_by_field_is_refused(cls):
    with pytest.raises(TypeError, match=cls.__name__):
        maker(cls)


@pytest.mark.parametrize("cls", [WithoutSlots, Checked, Further, Made])
def test_class_that_cannot_be_made_quickly_is_refused(cls):
    with pytest.raises(TypeError, match=cls.__name__):
        quickly_made(cls)


def test_quickly_made_class_is_used_as_before():
    assert Quick(1) == Quick(1, 2, "z") == Quick(x=1, z="z")
    assert (Quick(1, z="other").z, Quick(1, 3).y) == ("other", 3)
    assert repr(Quick(1)) == "Quick(x=1, y=2, z='z')"
    assert type(Quick(1)) is Quick and hash(Quick(1)) == hash(Quick(1, 2))
    assert copy.deepcopy(Quick(1)) == pickle.loads(pickle.dumps(Quick(1))) == Quick(1)
    for arguments, names in (((), {}), ((1, 2, "z", 4), {}), ((1,), {"x": 1}), ((1,), {"w": 1})):
        with pytest.raises(TypeError):
            Quick(*arguments, **names)


@pytest.mark.parametrize("name", ["x", "other", "__class__"])
def test_quickly_made_value_is_frozen(name):
    value = Quick(1)
    with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
        setattr(value, name, Point)
    with pytest.raises(FrozenInstanceError):
        del value.x
    assert value == Quick(1) and type(value) is Quick


def play_classes():
    """Return the classes that are made or copied with most requests."""
    return [
        Seat,
        Roster,
        Lobby,
        Room,
        *(one for one in vars(events).values() if dataclasses.is_dataclass(one)),
    ]


def distinct(cls):
    """Return a value of a class with another value in each field: a mixed-up order would show."""
    return cls(*(f"{cls.__name__} {name}" for name in cls.__dataclass_fields__))


@pytest.mark.parametrize("cls", play_classes())
def test_fields_and_defaults_of_a_quickly_made_class_are_in_their_places(cls):
    value = distinct(cls)
    required = []
    for one in fields(cls):
        assert getattr(value, one.name) == f"{cls.__name__} {one.name}"
        if one.default is dataclasses.MISSING:
            required.append(one.name)
    made = cls(**dict.fromkeys(required, "given"))
    for one in fields(cls):
        assert getattr(made, one.name) == ("given" if one.name in required else one.default)


@pytest.mark.parametrize("cls", [Point, Further, Checked, WithoutSlots, *play_classes()])
def test_copy_changes_these_fields_only(cls):
    value = distinct(cls)
    names = [*cls.__dataclass_fields__]
    first, last = names[0], names[-1]
    for changes in ({first: "new"}, {last: "new"}, {last: 1, first: 2}, {}):
        assert replace(value, **changes) == dataclasses.replace(value, **changes)
    assert value == distinct(cls)


def test_what_cannot_be_copied_is_refused():
    with pytest.raises(TypeError, match="chair"):
        replace(Seat(1, 0, 0.0), chair=1)
    with pytest.raises(TypeError, match="ByName"):
        replace(ByName(1), x=2)
