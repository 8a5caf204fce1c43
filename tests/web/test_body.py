"""Bodies: read up to a limit, parsed as strictly as they are kept, checked before any handler."""

import gzip
import json

import orjson
import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Route
from coalserver.web.body import MAX_DEPTH, load_body, parse_json
from coalserver.web.schemas import AnyJson, Integer, RequestSchema, Text
from tests.web.sample_api import echo, serving, toy


class Named(RequestSchema):
    name = Text(1, 5, required=True)
    age = Integer(0, 150)


def malformed(raw: bytes) -> str:
    with pytest.raises(DomainError) as refused:
        parse_json(raw)
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    [text] = refused.value.details["fields"]["body"]
    return str(text)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[1,]", b"NaN", b"1e999", b'"\\ud800"', b'"\\udfff"', b"\xff", b"'x'", b"{}{}",
     b'"a\nb"', b"01", b"+1", b".5", b"tru", b"\xef\xbb\xbf{}", nested(2000), b'{"a" 1}'],
)  # fmt: skip
def test_what_is_not_json_is_malformed(raw: bytes):
    assert malformed(raw).startswith("The body is not valid JSON: ")


def test_sixty_four_levels_are_enough():
    assert parse_json(nested(MAX_DEPTH))
    assert malformed(nested(MAX_DEPTH + 1)) == "The body is nested deeper than 64 levels."


def test_brackets_in_texts_are_no_levels():
    assert parse_json(json.dumps(["[{" * 1000]).encode()) == ["[{" * 1000]
    assert len(parse_json(b"[" + b"[]," * 1000 + b"[]]")) == 1001


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 1e300, 123456789012345678901.5])
def test_a_number_of_64_bits_is_kept(number: float):
    raw = json.dumps([number]).encode()
    assert parse_json(raw) == [number]
    assert orjson.loads(orjson.dumps(parse_json(raw))) == [number]


@pytest.mark.parametrize("digits", [str(2**63), str(-(2**63) - 1), "1" + "0" * 300])
def test_a_whole_number_beyond_64_bits_is_malformed(digits: str):
    assert malformed(f"[{digits}]".encode()) == "The body holds a whole number beyond 64 bits."


def test_many_digits_in_a_text_are_no_number():
    assert parse_json(b'["' + b"9" * 100 + b'"]') == ["9" * 100]


@pytest.mark.parametrize("raw", [b'"\\u0000"', b'{"a":["x\\u0000y"]}', b'{"\\u0000":1}'])
def test_nul_is_malformed_wherever_it_is(raw: bytes):
    assert malformed(raw) == "The body holds a NUL character."


def test_what_looks_like_an_escaped_nul_is_none():
    assert parse_json(b'"\\\\u0000"') == "\\u0000"


def test_what_a_shape_objects_to_is_named():
    with pytest.raises(DomainError) as refused:
        load_body(Named(), {"name": "", "age": "x"})
    fields = refused.value.details["fields"]
    assert fields == {"name": ["Must not be empty."], "age": ["Not a whole number."]}


ROUTES = toy(
    Route("POST", "/toy", echo, Named()),
    Route("POST", "/toy/free", echo, AnyJson()),
    Route("POST", "/toy/any", echo, AnyJson(allow_any=True)),
    Route("POST", "/toy/lax", echo, AnyJson(), media=()),
    Route("POST", "/toy/two", echo, AnyJson(), media=("application/json", "text/x")),
)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", b'{"name":"x"}', 200),
        ("", b"[]", 400),
        ("", b"null", 400),
        ("", b"", 400),
        ("/free", b"{}", 200),
        ("/free", b"[]", 400),
        ("/free", b"", 400),
        ("/any", b"[]", 200),
        ("/any", b"null", 200),
        ("/any", b"", 400),
    ],
)
async def test_what_may_be_a_body(path: str, body: bytes, status: int):
    async with serving(ROUTES) as server:
        assert (await server.ask("POST", "/toy" + path, body)).status == status


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/free", "application/json", 200),
        ("/free", "APPLICATION/JSON; charset=utf-8", 200),
        ("/free", "text/x", 415),
        ("/free", "", 415),
        ("/free", ";;;", 415),
        ("/two", "text/x", 200),
        ("/two", "text/y", 415),
        ("/lax", "text/y", 200),
    ],
)
async def test_what_a_body_may_say_it_is(path: str, kind: str, status: int):
    async with serving(ROUTES) as server:
        said = await server.ask("POST", "/toy" + path, b"{}", Content_Type=kind)
        assert said.status == status


async def test_without_a_content_type_a_body_is_json():
    async with serving(ROUTES) as server:
        assert (await server.ask("POST", "/toy/free", b'{"a":1}')).status == 200


async def test_a_body_may_be_as_large_as_the_limit():
    async with serving(ROUTES, limit=2000) as server:
        fits = b'{"x":"' + b"y" * 1991 + b'"}'
        assert (await server.ask("POST", "/toy/free", fits)).status == 200
        said = await server.ask("POST", "/toy/free", fits + b"  ")
        assert (said.status, said.body) == (413, b"astray: 413")


async def test_a_small_body_that_unpacks_to_a_large_one_is_too_large():
    async with serving(ROUTES, limit=10_000) as server:
        packed = gzip.compress(b'{"x":"' + b"y" * 1_000_000 + b'"}')
        assert len(packed) < 10_000
        said = await server.ask("POST", "/toy/free", packed, Content_Encoding="gzip")
        assert said.status == 413


async def test_a_packed_body_is_unpacked():
    async with serving(ROUTES) as server:
        packed = gzip.compress(b'{"x":1}')
        said = await server.ask("POST", "/toy/free", packed, Content_Encoding="gzip")
        assert said.body == b'{"caller":0,"body":{"x":1}}'
