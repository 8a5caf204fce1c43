"""The codec: every class round-trips, stored names never change, old documents are read."""

import dataclasses
import json
import pkgutil
import tracemalloc
import typing
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from coalserver import domain
from coalserver.core.state import INDEXES
from coalserver.domain.minecraft.events import LineLogged
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.play.actions import Action
from coalserver.domain.play.player import Player
from coalserver.storage import codec as codec_module
from coalserver.storage.codec import (
    COUNTER_NAMES,
    ENTITIES,
    EVENTS,
    FIELDS,
    HISTORY,
    Codec,
    UnknownDocument,
    counter_of,
    entity_codec,
    events,
    history_values,
    stored_names,
)
from tests.storage.strategies import values_of

#: Every name in existing files: classes by their stored names, with the stored names of their fields and of the values
#: of enums. Names are only ever added, never changed or removed.
STORED = json.loads((Path(__file__).parent / "stored_names.json").read_text("utf-8"))


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


boards = Codec({"Board": Board})


def classes(codec: Codec) -> dict[str, type]:
    return {
        name: cls
        for table in (ENTITIES, HISTORY, EVENTS)
        for name, cls in table.items()
        if cls in codec._names
    }


@pytest.mark.parametrize(
    "codec", [entity_codec, history_values, events], ids=["entities", "history", "events"]
)
def test_every_stored_class_round_trips(codec):
    def check_round_trips(name, cls):
        @settings(deadline=None, max_examples=30)
        @given(values_of(cls))
        def check(value):
            assert codec.load(name, codec.dump(value)) == value

        check()

    for name, cls in classes(codec).items():
        assert codec.name_of(cls) == name
        check_round_trips(name, cls)


def describe(cls: type) -> dict[str, Any]:
    """Return the stored names of a class's fields, with those of the classes and the values of the enums in them."""
    hints = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls)]
    return {
        name: describe_type(hints[field])
        for name, field in zip(stored_names(cls), fields, strict=True)
    }


def describe_type(hint: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        return describe(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return sorted(hint)
    found = [one for member in typing.get_args(hint) if (one := describe_type(member)) is not None]
    return found[0] if found else None


@pytest.mark.parametrize("table", ["entities", "history", "events"])
def test_stored_names_never_change(table):
    tables = {"entities": ENTITIES, "history": HISTORY, "events": EVENTS}
    assert {name: describe(cls) for name, cls in tables[table].items()} == STORED[table]


def test_every_entity_has_a_stored_name():
    assert set(ENTITIES.values()) == set(INDEXES)


def test_every_event_has_a_stored_name():
    modules = [
        import_module(info.name)
        for info in pkgutil.walk_packages(domain.__path__, f"{domain.__name__}.")
        if info.name.endswith("events")
    ]
    found = {
        cls
        for module in modules
        for cls in vars(module).values()
        if dataclasses.is_dataclass(cls) and cls.__module__ == module.__name__
    }
    assert found == set(EVENTS.values())


def test_counters_have_stored_names():
    names = [*ENTITIES, *HISTORY, "entry", "gap before 7"]
    assert [COUNTER_NAMES.get(counter_of(name), name) for name in names] == names


@dataclass(frozen=True, slots=True)
class Renamed:
    id: int
    coloured: Piece
    pieces: tuple[Piece, ...] = ()
    last: Piece | None = None


renamed = Codec({"Old": Renamed}, {Renamed: {"coloured": "painted"}, Piece: {"at": "place"}})


@settings(deadline=None, max_examples=50)
@given(values_of(Renamed))
def test_renamed_fields_keep_their_stored_names(value):
    document = renamed.dump(value)
    assert set(orjson.loads(document)) == {"id", "painted", "pieces", "last"}
    assert set(orjson.loads(document)["painted"]) == {"colour", "place"}
    assert renamed.load("Old", document) == value


def test_field_cannot_take_the_stored_name_of_another():
    with pytest.raises(UnknownDocument, match="Renamed"):
        Codec({"Old": Renamed}, {Renamed: {"last": "id"}}).compile()


@pytest.mark.parametrize("codec", [entity_codec, history_values, events])
def test_every_class_can_be_stored(codec):
    codec.compile()


def test_only_classes_that_are_used_are_compiled(monkeypatch):
    compiled = []
    monkeypatch.setattr(
        codec_module, "decoder", lambda cls, renamed: compiled.append(cls) or (lambda value: value)
    )
    some = Codec({"Board": Board, "Piece": Piece})
    assert compiled == []
    some.load("Board", "{}")
    some.load_all("Board", b"[{}]")
    assert compiled == [Board]


def test_renamed_fields_exist():
    for cls, names in FIELDS.items():
        assert set(names) <= {field.name for field in dataclasses.fields(cls)}


@settings(deadline=None, max_examples=100)
@given(values_of(Board))
def test_nested_values_round_trip(board):
    assert boards.load("Board", boards.dump(board)) == board


def test_free_json_is_part_of_the_document():
    assert orjson.loads(boards.dump(Board(1, rules=b'{"size":3}')))["rules"] == {"size": 3}


def test_free_json_is_loaded_compact():
    board = boards.load("Board", boards.dump(Board(1, rules=b'{ "size": [1,  2] }')))
    assert board.rules == b'{"size":[1,2]}'


def test_null_is_json_or_none_according_to_the_field():
    board = boards.load("Board", '{"id": 1, "rules": null, "outcome": null}')
    assert (board.rules, board.outcome) == (b"null", None)


def test_invalid_json_bytes_are_not_dumped():
    with pytest.raises(TypeError):
        boards.dump(Board(1, rules=b"{"))


def test_missing_member_takes_its_default():
    assert boards.load("Board", '{"id": 1}') == Board(1)


def test_unknown_member_is_ignored():
    assert boards.load("Board", '{"id": 1, "shape": "round"}') == Board(1)


def test_missing_required_member_is_named():
    with pytest.raises(UnknownDocument, match="id"):
        boards.load("Board", "{}")


@pytest.mark.parametrize("document", ["", "[]", "7", '{"id": 1, "pieces": [{"colour": "blue"}]}'])
def test_invalid_document_is_refused(document):
    with pytest.raises(UnknownDocument):
        boards.load("Board", document)


def test_unknown_class_is_refused():
    with pytest.raises(UnknownDocument, match="Action"):
        boards.load("Action", "{}")


def test_unsupported_field_type_is_refused():
    @dataclass(frozen=True)
    class Bag:
        id: int
        things: set[int]

    with pytest.raises(UnknownDocument, match=r"Bag\.things"):
        Codec({"Bag": Bag}).compile()


def test_union_of_classes_is_refused():
    @dataclass(frozen=True)
    class Either:
        id: int
        what: Board | Action

    with pytest.raises(UnknownDocument, match=r"Either\.what"):
        Codec({"Either": Either}).compile()


def test_private_field_is_refused():
    @dataclass(frozen=True)
    class Hidden:
        id: int
        _secret: str

    with pytest.raises(UnknownDocument, match="_secret"):
        Codec({"Hidden": Hidden}).compile()


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_number_beyond_64_bits_is_not_dumped(number):
    with pytest.raises(TypeError):
        boards.dump(Board(number))


@pytest.mark.parametrize("cls", ENTITIES.values(), ids=ENTITIES)
def test_default_of_free_json_is_json(cls):
    """Otherwise no entity with the default could be written."""
    for field in dataclasses.fields(cls):
        if isinstance(field.default, bytes):
            orjson.loads(field.default)


def kept_bytes(make, count=500):
    """Return the bytes of memory that each of the values takes which `make` returns for numbers."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        values = [make(number) for number in range(count)]
        return (tracemalloc.get_traced_memory()[0] - before) / len(values)
    finally:
        tracemalloc.stop()


def test_loaded_player_takes_little_memory():
    values = (
        Player(id, f"Player {id}", 1.5, 2.5, "noughts", f"{id:064x}", data=b'{"score":%d}' % id)
        for id in range(500)
    )
    documents = [entity_codec.dump(value) for value in values]
    entity_codec.load("Player", documents[0])
    assert kept_bytes(lambda number: entity_codec.load("Player", documents[number])) < 700


def test_loaded_entities_share_common_values():
    document = entity_codec.dump(Player(1, "Ann", 1.5, 2.5, "noughts", other_games=("chess", "go")))
    one, other = (entity_codec.load("Player", document) for _ in range(2))
    assert one == other
    assert one.game is other.game
    assert one.other_games is other.other_games
    assert one.data is other.data


def test_entity_that_was_not_changed_has_its_times_once():
    for updated in (1.5, 2.5):
        player = Player(1, "Ann", 1.5, updated)
        loaded = entity_codec.load("Player", entity_codec.dump(player))
        assert loaded == player
        assert (loaded.updated is loaded.created) is (updated == 1.5)


def test_loaded_entities_are_frozen_values_of_their_class():
    one = entity_codec.load("Player", entity_codec.dump(Player(1, "Ann", 1.5, 2.5)))
    assert type(one) is Player
    assert one == Player(1, "Ann", 1.5, 2.5)
    assert hash(one) == hash(Player(1, "Ann", 1.5, 2.5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "Bea"


def test_class_with_post_init_is_loaded_through_it():
    document = '{"id":1,"world":1,"text":"say\\n hi ","created":1.5}'
    assert entity_codec.load("ConsoleLine", document).text == "say  hi"


@pytest.mark.parametrize(
    "cls", [*ENTITIES.values(), *EVENTS.values()], ids=lambda cls: cls.__name__
)
def test_kept_values_have_no_dictionary_of_their_own(cls):
    assert "__dict__" not in dir(cls)


def test_list_of_documents_is_loaded_at_once():
    some = [Player(id, "Ann", 1.5, 2.5) for id in (1, 2)]
    documents = f"[{','.join(map(entity_codec.dump, some))}]".encode()
    assert entity_codec.load_all("Player", documents) == some
    assert entity_codec.load_all("Player", b"[]") == []
    with pytest.raises(UnknownDocument, match="Player"):
        entity_codec.load_all("Player", b'[{"id":1}]')
    with pytest.raises(UnknownDocument, match="Prayer"):
        entity_codec.load_all("Prayer", b"[]")


def test_document_of_a_log_line_leaves_out_what_has_its_default():
    line = LogLine(1, 2, "x", LineKind.CHAT, ("chat",), 3.0, username="Ada", display_name="*Ada")
    event = LineLogged(2, line, False)
    name, document = events.dump_named(event)
    assert orjson.loads(document) == {
        "world": 2,
        "line": {
            "id": 1, "world": 2, "line": "x", "kind": "chat", "tags": ["chat"], "created": 3.0,
            "username": "Ada", "shown": "*Ada",
        },
        "live": False,
    }  # fmt: skip
    assert events.load(name, document) == event


@pytest.mark.parametrize("field", dataclasses.fields(LogLine)[6:], ids=lambda field: field.name)
@pytest.mark.parametrize("is_other", [True, False])
def test_each_field_of_a_log_line_round_trips(field, is_other):
    others = {None: 0.0, "": "UTC", "UTC": "", 0: 1}
    other = (0.0, -1.5, 2.0) if field.name == "location" else others[field.default]
    values = {field.name: other if is_other else field.default}
    event = LineLogged(2, LogLine(1, 2, "x", LineKind.CHAT, ("chat",), 3.0, **values), True)
    name, document = events.dump_named(event)
    assert events.load(name, document) == event
    assert type(events.load(name, document).line) is LogLine


def test_document_of_a_log_line_with_all_fields_is_read():
    """As earlier versions have written it."""
    document = (
        '{"world":1,"line":{"id":1,"world":1,"line":"x","kind":"chat","tags":["chat"],"created":1.0,"at":null,'
        '"zone":"UTC","level":"","username":"","shown":"","ip":"","port":"","location":null,"chat":"","message":"",'
        '"death":"","killer":"","weapon":"","title":"","source":"","sequence":0,"account":0},"live":true}'
    )
    line = LogLine(1, 1, "x", LineKind.CHAT, ("chat",), 1.0)
    assert events.load("LineLogged", document) == LineLogged(1, line, True)


@pytest.mark.parametrize("name", ["id", "world", "line", "kind", "tags", "created"])
def test_log_line_without_a_required_field_is_refused(name):
    line = {"id": 1, "world": 1, "line": "x", "kind": "chat", "tags": ["chat"], "created": 1.0}
    del line[name]
    document = orjson.dumps({"world": 1, "line": line, "live": True})
    with pytest.raises(UnknownDocument, match=name):
        events.load("LineLogged", document)
