"""Documents: what goes in comes out, whatever the class, and old documents can still be read."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings

from coalserver import domain
from coalserver.core.state import INDEXES
from coalserver.domain.exchange import Action
from coalserver.stores.codec import EVENTS, Codec, Unkept, dump, entities, said
from tests.stores.kept import values_of

#: What events are called in the files that are out there. None is ever taken away or renamed; new ones are added.
KEPT = frozenset(
    """
    LobbyOpened LobbyClosed MemberJoined MemberLeft MemberReady MemberAway HostChanged
    OptionsChanged LobbyLocked LobbyChat JoinAsked JoinAnswered
    RoomOpened RoomClosed PlayerEntered PlayerLeft PlayerAway RoomHostChanged RoomLocked TurnTaken
    RoomChat
    UpdateSent StateChanged CommandSent FrameSent ActionAsked ActionAnswered
    PlayerBanned PlayerUnbanned TokenEnded SignedOut
    WorldAdded WorldChanged LineLogged ConsoleTold NameClaimed ScreenshotHung ScreenshotTaken
    """.split()
)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Piece:
    colour: Colour
    at: tuple[int, float]


@dataclass(frozen=True, slots=True)
class Board:
    id: int
    pieces: tuple[Piece, ...] = ()
    rules: bytes = b"null"
    outcome: bytes | None = None
    last: tuple[int, ...] | None = None


boards = Codec([Board])


@pytest.mark.parametrize("cls", INDEXES, ids=lambda cls: cls.__name__)
def test_every_entity_comes_back_as_it_was(cls):
    @settings(deadline=None, max_examples=30)
    @given(values_of(cls))
    def comes_back(value):
        assert entities.load(cls.__name__, dump(value)) == value

    comes_back()


@pytest.mark.parametrize("cls", EVENTS, ids=lambda cls: cls.__name__)
def test_every_event_comes_back_as_it_was(cls):
    @settings(deadline=None, max_examples=30)
    @given(values_of(cls))
    def comes_back(value):
        assert said.load(cls.__name__, dump(value)) == value

    comes_back()


def test_every_event_has_the_name_it_has_on_disk():
    assert {cls.__name__ for cls in EVENTS} == KEPT


def test_no_module_of_events_is_forgotten():
    modules = {path.stem for path in Path(domain.__path__[0]).glob("*_events.py")}
    assert {cls.__module__.rpartition(".")[2] for cls in EVENTS} == modules


@settings(deadline=None, max_examples=100)
@given(values_of(Board))
def test_nested_values_come_back_as_they_were(board):
    assert boards.load("Board", dump(board)) == board


def test_free_json_is_part_of_the_document():
    assert orjson.loads(dump(Board(1, rules=b'{"size":3}')))["rules"] == {"size": 3}


def test_free_json_comes_back_compact():
    board = boards.load("Board", dump(Board(1, rules=b'{ "size": [1,  2] }')))
    assert board.rules == b'{"size":[1,2]}'


def test_null_is_free_json_where_there_must_be_some_and_none_where_there_need_not():
    board = boards.load("Board", '{"id": 1, "rules": null, "outcome": null}')
    assert (board.rules, board.outcome) == (b"null", None)


def test_bytes_that_are_not_json_are_never_written():
    with pytest.raises(TypeError):
        dump(Board(1, rules=b"{"))


def test_a_missing_member_takes_its_default():
    assert boards.load("Board", '{"id": 1}') == Board(1)


def test_an_unknown_member_is_passed_over():
    assert boards.load("Board", '{"id": 1, "shape": "round"}') == Board(1)


def test_a_missing_member_without_default_is_said_to_be_missing():
    with pytest.raises(Unkept, match="id"):
        boards.load("Board", "{}")


@pytest.mark.parametrize("document", ["", "[]", "7", '{"id": 1, "pieces": [{"colour": "blue"}]}'])
def test_what_is_no_document_of_the_class_is_refused(document):
    with pytest.raises(Unkept):
        boards.load("Board", document)


def test_a_class_it_was_not_given_is_refused():
    with pytest.raises(Unkept, match="Action"):
        boards.load("Action", "{}")


def test_a_field_that_no_document_can_hold_is_refused_when_the_program_starts():
    @dataclass(frozen=True)
    class Bag:
        id: int
        things: set[int]

    with pytest.raises(Unkept, match=r"Bag\.things"):
        Codec([Bag])


def test_a_field_of_one_of_two_classes_is_refused_when_the_program_starts():
    @dataclass(frozen=True)
    class Either:
        id: int
        what: Board | Action

    with pytest.raises(Unkept, match=r"Either\.what"):
        Codec([Either])


def test_a_field_that_orjson_would_leave_out_is_refused_when_the_program_starts():
    @dataclass(frozen=True)
    class Hidden:
        id: int
        _secret: str

    with pytest.raises(Unkept, match="_secret"):
        Codec([Hidden])


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_a_number_that_would_come_back_as_another_is_never_written(number):
    with pytest.raises(TypeError):
        dump(Board(number))
