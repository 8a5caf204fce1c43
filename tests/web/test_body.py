"""Bodies: read up to a limit, parsed as strictly as they are kept, checked before any handler."""

import gzip
import json

import orjson
import pytest

from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Route
from coalserver.web.body import DEEPEST, load, parsed
from coalserver.web.schemas import Form, Free, Text, Whole
from tests.web.sample_api import echo, serving, toy


class Named(Form):
    name = Text(1, 5, required=True)
    age = Whole(0, 150)


def malformed(raw: bytes) -> str:
    with pytest.raises(Refusal) as refused:
        parsed(raw)
    assert refused.value.why is Why.MALFORMED
    [text] = refused.value.facts["fields"]["body"]
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
    assert parsed(nested(DEEPEST))
    assert malformed(nested(DEEPEST + 1)) == "The body is nested deeper than 64 levels."


def test_brackets_in_texts_are_no_levels():
    assert parsed(json.dumps(["[{" * 1000]).encode()) == ["[{" * 1000]
    assert len(parsed(b"[" + b"[]," * 1000 + b"[]]")) == 1001


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 1e300, 123456789012345678901.5])
def test_a_number_of_64_bits_is_kept(number: float):
    raw = json.dumps([number]).encode()
    assert parsed(raw) == [number]
    assert orjson.loads(orjson.dumps(parsed(raw))) == [number]


@pytest.mark.parametrize("digits", [str(2**63), str(-(2**63) - 1), "1" + "0" * 300])
def test_a_whole_number_beyond_64_bits_is_malformed(digits: str):
    assert malformed(f"[{digits}]".encode()) == "The body holds a whole number beyond 64 bits."


def test_many_digits_in_a_text_are_no_number():
    assert parsed(b'["' + b"9" * 100 + b'"]') == ["9" * 100]


@pytest.mark.parametrize("raw", [b'"\\u0000"', b'{"a":["x\\u0000y"]}', b'{"\\u0000":1}'])
def test_nul_is_malformed_wherever_it_is(raw: bytes):
    assert malformed(raw) == "The body holds a NUL character."


def test_what_looks_like_an_escaped_nul_is_none():
    assert parsed(b'"\\\\u0000"') == "\\u0000"


def test_what_a_shape_objects_to_is_named():
    with pytest.raises(Refusal) as refused:
        load(Named(), {"name": "", "age": "x"})
    fields = refused.value.facts["fields"]
    assert fields == {"name": ["Must not be empty."], "age": ["Not a whole number."]}


ROUTES = toy(
    Route("POST", "/toy", echo, Named()),
    Route("POST", "/toy/free", echo, Free()),
    Route("POST", "/toy/any", echo, Free(anything=True)),
    Route("POST", "/toy/lax", echo, Free(), media=()),
    Route("POST", "/toy/two", echo, Free(), media=("application/json", "text/x")),
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
