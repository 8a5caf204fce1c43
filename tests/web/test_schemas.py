"""Schema fields: types, limits and cleaned texts."""

import tracemalloc
from typing import Any

import pytest
from marshmallow import ValidationError, fields, missing

from coalserver.apis.multiplayer.schemas import JsonObjectField
from coalserver.web.schemas import (
    AnyJson,
    Boolean,
    Integer,
    Name,
    RawJson,
    RequestSchema,
    Secret,
    Text,
    flatten_errors,
    format_errors,
    one_of,
)

ANY: list[Any] = [None, True, 0, 1, 1.0, "1", "", "true", [], {}, [1], {"a": 1}]


def accepts(field: Any, value: Any) -> bool:
    """Return whether a field accepts a value."""
    try:
        field.deserialize(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("field", "accepted"),
    [
        (Text(), ["1", "", "true"]),
        (Secret(), ["1", "", "true"]),
        (Integer(), [0, 1]),
        (Boolean(), [True]),
        (RawJson(), [{}, {"a": 1}]),
        (RawJson(allow_any=True, allow_none=True), ANY[1:]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_field_accepts_its_own_type_only(field: Any, accepted: list[Any]):
    found = [value for value in ANY[1:] if accepts(field, value)]
    assert [(type(one), one) for one in found] == [(type(one), one) for one in accepted]


@pytest.mark.parametrize("field", [Text(), Secret(), Integer(), Boolean(), RawJson()])
def test_null_is_accepted_with_allow_none_only(field: Any):
    assert not accepts(field, None)
    assert accepts(type(field)(allow_none=True), None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (" a ", "a"),
        ("a\tb", "a b"),
        ("a\r\nb", "a  b"),
        ("a\u202eb", "a b"),
        ("a\u200bb", "a b"),
        ("\x1b[31mred", "[31mred"),
        ("👩‍👩‍👧 é", "👩‍👩‍👧 é"),
        ("שלום", "שלום"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u3000x\xa0y\u3000", "x\xa0y"),
    ],
)
def test_text_is_stripped_and_control_characters_become_spaces(value: str, shown: str):
    assert Text().deserialize(value) == shown


@pytest.mark.parametrize(
    "name",
    [
        "\u2800",
        "\u3164",
        "\u115f",
        "\u1160",
        "\uffa0",
        "\u3164 \u2800\u115f",
        "\u200d",
        "\ufe0f",
        "\u200b",
    ],
)
def test_name_that_shows_nothing_is_refused(name: str):
    assert not accepts(Name(1), name)
    assert Name().deserialize(name) == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\u2800\u3164b", "a b"),
        ("a \u115f b\u3164", "a b"),
        ("👩‍👩‍👧 é", "👩‍👩‍👧 é"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("한글", "한글"),
    ],
)
def test_blank_letters_in_a_name_become_one_space(name: str, shown: str):
    assert Name().deserialize(name) == shown


def test_text_with_lines_keeps_line_breaks():
    assert Text(lines=True).deserialize("a\nb\x07") == "a\nb"
    assert Text().deserialize("a\nb") == "a b"


@pytest.mark.parametrize("value", ["a\0b", "\0"])
def test_text_with_nul_is_rejected(value: str):
    assert not accepts(Text(), value)


@pytest.mark.parametrize(("low", "high", "lengths"), [(0, 3, [0, 3]), (1, 2, [1, 2]), (2, 2, [2])])
def test_text_length_is_limited(low: int, high: int, lengths: list[int]):
    accepted = [size for size in range(6) if accepts(Text(low, high), "x" * size)]
    assert accepted == list(range(lengths[0], lengths[-1] + 1))


def test_text_length_counts_after_stripping():
    assert accepts(Text(0, 3), "   abc   ") and not accepts(Text(1, 3), "   ")


@pytest.mark.parametrize("field", [Text(1, 5), Name(1, 5), Text(0, 5, lines=True)])
@pytest.mark.parametrize("letter", ["\x7f", "\u200b", "\u2800a", "😀", "x"])
def test_characters_of_a_text_that_is_much_too_long_are_not_looked_at(
    field: Text, letter: str, monkeypatch: pytest.MonkeyPatch
):
    seen: list[int] = []
    clean = field._clean
    monkeypatch.setattr(field, "_clean", lambda text: seen.append(len(text)) or clean(text))
    with pytest.raises(ValidationError) as error:
        field.deserialize(letter * 50_000)
    assert (error.value.messages, seen) == (["Longer than 5 characters."], [])
    assert field.deserialize("\x7f" * 500 + " Ann " + "\x7f" * 500 + " " * 50_000) == "Ann"


def test_each_field_of_an_invalid_body_is_read_once(monkeypatch: pytest.MonkeyPatch):
    class Stored(RequestSchema):
        data = RawJson(100)
        name = Text(1, 5, required=True)
        title = Text(1, 5, required=True)

    read: list[str] = []
    deserialize = RawJson._deserialize
    monkeypatch.setattr(
        RawJson,
        "_deserialize",
        lambda field, value, *more: read.append(value) or deserialize(field, value, *more),
    )
    with pytest.raises(ValidationError) as error:
        Stored().load({"data": {"a": 1}, "name": 5})
    assert error.value.messages == {
        "name": ["Not a string."],
        "title": ["Missing data for required field."],
    }
    assert read == [{"a": 1}]


def test_secret_is_unchanged():
    assert Secret().deserialize(" \t\x07\n ") == " \t\x07\n "
    assert not accepts(Secret(2, 3), "x") and not accepts(Secret(2, 3), "xxxx")


@pytest.mark.parametrize("value", [2**63, -(2**63), 10**30])
def test_integer_beyond_sqlite_s_range_is_rejected(value: int):
    assert not accepts(Integer(), value)
    assert accepts(Integer(), 2**63 - 1)


def test_raw_json_is_loaded_as_bytes_up_to_a_size():
    assert RawJson().deserialize({"ü": [1.0, None]}) == '{"ü":[1.0,null]}'.encode()
    assert accepts(RawJson(max_bytes=9), {"a": "bc"}) is False
    assert accepts(RawJson(max_bytes=10), {"a": "bc"})


def test_any_json_is_loaded_as_value_and_bytes():
    assert AnyJson().load({"a": 1}) == {"value": {"a": 1}, "dumped": b'{"a":1}'}
    with pytest.raises(ValidationError):
        AnyJson().load([1])
    with pytest.raises(ValidationError):
        AnyJson(max_bytes=6).load({"a": 1})
    assert AnyJson(allow_any=True).load(None) == {"value": None, "dumped": b"null"}


def test_unknown_members_are_ignored():
    class Small(RequestSchema):
        a = Integer()

    assert Small().load({"a": 1, "b": 2}) == {"a": 1}


def test_field_deserialized_as_missing_is_left_out():
    class Blank(fields.Field[str]):
        def _deserialize(self, value: Any, *_: Any, **kw: Any) -> Any:
            return value or missing

    class Sample(RequestSchema):
        word = Blank()

    assert Sample().load({"word": ""}) == {}
    assert Sample().load({"word": "a"}) == {"word": "a"}


def test_error_of_one_of_names_the_choices():
    class Choosing(RequestSchema):
        a = Text(validate=one_of("x", "y"))

    assert Choosing().load({"a": "x"}) == {"a": "x"}
    with pytest.raises(ValidationError, match="Must be one of: x, y"):
        Choosing().load({"a": "z"})


def test_nested_errors_are_flattened_by_path() -> None:
    errors = {"name": ["Not a string.", "Too long."], "rows": {2: {"size": ["Missing."]}}}
    assert flatten_errors(errors) == [
        (("name",), ["Not a string.", "Too long."]),
        (("rows", 2, "size"), ["Missing."]),
    ]
    assert format_errors(errors) == "name: Not a string. Too long. rows.2.size: Missing."
    assert format_errors({"body": ["The body is missing."]}) == "The body is missing."
    assert format_errors({}) == ""


@pytest.mark.parametrize(
    "load",
    [
        lambda value: RawJson().deserialize(value),
        lambda value: AnyJson().load(value)["dumped"],
        lambda value: JsonObjectField().deserialize(value),
    ],
    ids=["a field", "a body", "a field of multiplayer"],
)
def test_loaded_json_takes_no_more_memory_than_it_needs(load: Any) -> None:
    """`orjson.dumps` returns bytes with 4 KiB to spare, which entities and events would keep."""
    load({"score": 0})
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [load({"score": number}) for number in range(500)]
        assert (tracemalloc.get_traced_memory()[0] - before) / len(kept) < 200
    finally:
        tracemalloc.stop()
    assert kept[7] == b'{"score":7}'
