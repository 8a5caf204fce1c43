"""Request bodies: limits, parsing and validation."""

import asyncio
import gzip
import json
import random
from contextlib import suppress
from types import SimpleNamespace

import orjson
import pytest
from aiohttp import web

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web import body
from coalserver.web.api import Route
from coalserver.web.body import (
    LARGE_BODY_BYTES,
    MAX_COMMAS,
    MAX_CONTAINERS,
    MAX_DEPTH,
    MAX_LONG_NUMBERS,
    MAX_NAMES,
    MAX_STRINGS,
    LargeBodies,
    load_body,
    parse_in_steps,
    parse_json,
    parse_json_aside,
)
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import (
    MAX_EXPANSION,
    MAX_PLAIN_BYTES,
    AnyJson,
    BodySchema,
    Integer,
    RawJson,
    RequestSchema,
    Text,
)
from tests.web.sample_api import echo, make_api


class Named(RequestSchema):
    name = Text(1, 5, required=True)
    age = Integer(0, 150)


def json_error(raw: bytes) -> str:
    with pytest.raises(DomainError) as error:
        parse_json(raw)
    assert error.value.code is ErrorCode.INVALID_REQUEST
    [text] = error.value.details["fields"]["body"]
    return str(text)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[1,]", b"NaN", b"1e999", b'"\\ud800"', b'"\\udfff"', b"\xff", b"'x'", b"{}{}",
     b'"a\nb"', b"01", b"+1", b".5", b"tru", nested(2000), b'{"a" 1}'],
)  # fmt: skip
def test_invalid_json_is_rejected(raw: bytes):
    assert json_error(raw).startswith("The body is not valid JSON: ")


def test_byte_order_mark_is_ignored():
    assert parse_json(b'\xef\xbb\xbf{"a":"\xc3\xa4"}') == {"a": "ä"}
    assert json_error(b"\xef\xbb\xbf").startswith("The body is not valid JSON: ")
    assert (
        json_error(b"\xef\xbb\xbf\xef\xbb\xbf{}") == "The body is not valid JSON: it is not UTF-8."
    )


def test_nesting_is_limited_to_64_levels():
    assert parse_json(nested(MAX_DEPTH))
    assert json_error(nested(MAX_DEPTH + 1)) == "The body is nested deeper than 64 levels."


def test_brackets_in_strings_do_not_count_as_nesting():
    assert parse_json(json.dumps(["[{" * 1000]).encode()) == ["[{" * 1000]
    assert len(parse_json(b"[" + b"[]," * 1000 + b"[]]")) == 1001


def test_nesting_is_limited_beside_strings_with_brackets_and_quotes():
    text = json.dumps('\\"]]}}' * 20).encode()
    assert parse_json(b"[" + text + b"," + nested(MAX_DEPTH - 1) + b"]")
    deeper = b"[" + text + b"," + b'{"]":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH + b"]"
    assert json_error(deeper) == "The body is nested deeper than 64 levels."


def test_brackets_beside_long_strings_are_counted_once_per_level():
    deep = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    shallow = b"[" + b",".join([b"[[]]"] * 10_000) + b"]"
    assert len(parse_json(shallow)) == 10_000
    assert parse_json(b"[" + b",".join([deep[5:-1]] * 500) + b"]")
    error = "The body is nested deeper than 64 levels."
    assert json_error(b"[" + b",".join([deep] * 500) + b"]") == error


@pytest.mark.parametrize(
    ("unit", "most", "error"),
    [
        (b'"",', MAX_STRINGS, "The body holds more than 65,536 strings and names."),
        (rb'"\\",', MAX_STRINGS, "The body holds more than 65,536 strings and names."),
        (b'{"a":1,"b":2},', MAX_NAMES // 2, "The body holds more than 32,768 names."),
        (b"1,", MAX_COMMAS, "The body holds more than 131,072 commas between values."),
        (
            b"1234567890123456789,",
            MAX_LONG_NUMBERS,
            "The body holds more than 13,107 long numbers.",
        ),
    ],
    ids=["strings", "escaped", "names", "numbers", "long numbers"],
)
def test_values_are_counted(unit: bytes, most: int, error: str):
    values = b"[" + unit * most
    assert len(parse_json(values[:-1] + b"]")) == most
    assert json_error(values + unit + unit[:-1] + b"]") == error


@pytest.mark.parametrize("raw", [b'"",' * (MAX_STRINGS + 1), b"1," * (MAX_COMMAS + 1)])
def test_values_are_counted_before_they_are_parsed(raw: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(orjson, "loads", None)
    assert "more than" in json_error(b"[" + raw)


@pytest.mark.parametrize("text", ['"' * 200_000, "," * 200_000, '\\"[,' * 50_000, "1" * 400_000])
def test_what_is_in_strings_does_not_count(text: str):
    assert parse_json(json.dumps([text]).encode()) == [text]


def test_lists_and_objects_are_counted_before_they_are_parsed():
    lists = b"[" + b"[]," * (MAX_CONTAINERS - 2) + b"[]]"
    assert len(parse_json(lists)) == MAX_CONTAINERS - 1
    error = "The body holds more than 32,768 lists and objects."
    assert json_error(lists.replace(b"[]", b"[{}]", 1)) == error
    # It is not parsed: its end is missing.
    assert json_error(b"{" * (MAX_CONTAINERS + 1)) == error
    assert parse_json(b'["' + b"[{" * MAX_CONTAINERS + b'"]') == ["[{" * MAX_CONTAINERS]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 1e300, 123456789012345678901.5])
def test_numbers_up_to_64_bits_are_accepted(number: float):
    raw = json.dumps([number]).encode()
    assert parse_json(raw) == [number]
    assert orjson.loads(orjson.dumps(parse_json(raw))) == [number]


@pytest.mark.parametrize(
    ("number", "is_searched"),
    [
        (1796035048389705700, False),
        (-(9 * 10**18) + 1, False),
        (9 * 10**18, True),
        (0.1796035048389705700, False),
    ],
)
def test_a_time_in_nanoseconds_is_not_read_twice(number, is_searched, monkeypatch):
    searched = []
    monkeypatch.setattr(body, "_check_numbers", searched.append)
    assert parse_json(b'{"at": %b}' % repr(number).encode()) == {"at": number}
    assert bool(searched) == is_searched


@pytest.mark.parametrize("digits", [str(2**63), str(-(2**63) - 1), "1" + "0" * 300])
def test_integers_beyond_64_bits_are_rejected(digits: str):
    assert json_error(f"[{digits}]".encode()) == "The body holds a whole number beyond 64 bits."


def test_digits_in_strings_are_accepted():
    assert parse_json(b'["' + b"9" * 100 + b'"]') == ["9" * 100]
    assert parse_json(rb'["\\",' + b'"\\"' + b"9" * 30 + b'"]') == ["\\", '"' + "9" * 30]


@pytest.mark.parametrize(
    "digits", ["1e-1234567890123456789", "1E+0000000000000000001", "1.1234567890123456789e1"]
)
def test_digits_of_fractions_and_exponents_are_accepted(digits: str):
    assert parse_json(f"[{digits}]".encode()) == [float(digits)]


def test_whole_numbers_of_any_form_are_found():
    rng = random.Random(1)
    for _ in range(3000):
        digits = rng.choice((2**63 - 1, 2**63, 2**63 + 1, 9 * 10**18, 10**19 - 1, 10**18, 10**40))
        whole = rng.choice(("", "-")) + str(digits + rng.choice((0, 0, 1, 10**18)))
        fraction = rng.choice(("", "", f".{digits}", ".5"))
        exponent = rng.choice(
            ("", "", "e1", "E-9223372036854775808", "e+1", "E+00000000000000000000")
        )
        number = whole + fraction + exponent
        text = rng.choice(("[{}]", "{}", '{{"a":{}}}', "[1,\n{} ,2]", "[-1e-2,{},[{}]]"))
        is_beyond = not fraction + exponent and not -(2**63) <= int(whole) < 2**63
        raw = text.format(number, number).encode()
        if is_beyond:
            assert json_error(raw) == "The body holds a whole number beyond 64 bits.", raw
        else:
            assert parse_json(raw) == json.loads(raw), raw


def test_integers_beyond_64_bits_are_rejected_beside_strings():
    for text in ("[9", '\\"', "\\", "1" * 30):
        raw = json.dumps({text: 2**63}).encode()
        assert json_error(raw) == "The body holds a whole number beyond 64 bits."


@pytest.mark.parametrize(
    "raw", [rb'"\\\u0000"', b'"\\u0000"', b'{"a":["x\\u0000y"]}', b'{"\\u0000":1}']
)
def test_nul_characters_are_rejected_everywhere(raw: bytes):
    assert json_error(raw) == "The body holds a NUL character."


def test_escaped_backslash_before_u0000_is_no_nul():
    assert parse_json(b'"\\\\u0000"') == "\\u0000"


def test_invalid_fields_are_named():
    with pytest.raises(DomainError) as error:
        load_body(Named(), {"name": "", "age": "x"})
    fields = error.value.details["fields"]
    assert fields == {"name": ["Must not be empty."], "age": ["Not a whole number."]}


ROUTES = make_api(
    Route("POST", "/sample", echo, Named()),
    Route("POST", "/sample/free", echo, AnyJson()),
    Route("POST", "/sample/any", echo, AnyJson(allow_any=True)),
    Route("POST", "/sample/lax", echo, AnyJson(), media=()),
    Route("POST", "/sample/two", echo, AnyJson(), media=("application/json", "text/x")),
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
async def test_body_must_be_of_the_kind_the_schema_accepts(
    serve, path: str, body: bytes, status: int
):
    server = await serve(ROUTES)
    assert (await server.send("POST", "/sample" + path, body)).status == status


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
async def test_content_type_must_be_one_the_route_accepts(serve, path: str, kind: str, status: int):
    server = await serve(ROUTES)
    answer = await server.send("POST", "/sample" + path, b"{}", Content_Type=kind)
    assert answer.status == status


async def test_body_without_content_type_is_json(serve):
    server = await serve(ROUTES)
    assert (await server.send("POST", "/sample/free", b'{"a":1}')).status == 200


async def test_body_above_the_limit_is_413(serve):
    server = await serve(ROUTES, body_limit=2000)
    fits = b'{"x":"' + b"y" * 1991 + b'"}'
    assert (await server.send("POST", "/sample/free", fits)).status == 200
    answer = await server.send("POST", "/sample/free", fits + b"  ")
    assert (answer.status, answer.body) == (413, b"http error: 413")


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (b'{"a":1,"b":"' + b"x" * LARGE_BODY_BYTES + b'"}', ["size", "parse"]),
        (
            b"[" + b"1234567890123456789," * 5_000 + b"[[]]," * 5_000 + b"1]",
            ["size", "parse", "strings", "depth", "numbers"],
        ),
        (
            b"[" + b'{"\\u00e4":1},' * (MAX_CONTAINERS - 2) + b"12345678901234567890.5]",
            ["size", "parse", "strings", "depth", "numbers"],
        ),
    ],
    ids=["text", "numbers", "names"],
)
def test_large_body_is_looked_at_in_steps(
    raw: bytes, parts: list[str], monkeypatch: pytest.MonkeyPatch
):
    done: list[str] = []
    names = {"check_size": "size", "_load": "parse", "without_strings": "strings"}
    for name, part in {**names, "_check_depth": "depth", "_check_numbers": "numbers"}.items():
        run = getattr(body, name)
        monkeypatch.setattr(
            body, name, lambda *given, run=run, part=part: done.append(part) or run(*given)
        )
    steps, each = parse_in_steps(raw), []
    with suppress(StopIteration):
        while True:
            next(steps)
            each.append(done[:])
            done.clear()
    assert not done
    assert [part for step in each for part in step] == parts
    assert all(len(step) <= 1 for step in each)


async def test_other_requests_run_between_the_steps_of_a_large_body(serve):
    server = await serve(make_api(Route("POST", "/sample", echo, Named())))
    running = server.app_context.per_process(LargeBodies)
    large = b'{"name":"Ann","x":"' + b"x" * LARGE_BODY_BYTES + b'"}'
    ctx = SimpleNamespace(app=server.app_context, network="127.0.0.1")
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while running._locks:
            turns += 1
            await asyncio.sleep(0)

    parsing = asyncio.create_task(parse_json_aside(ctx, large))
    await asyncio.sleep(0)
    counting = asyncio.create_task(count_turns())
    assert (await parsing)["name"] == "Ann"
    await counting
    assert turns >= 3


async def test_large_bodies_of_one_network_are_parsed_one_after_another(serve):
    server = await serve(make_api(Route("POST", "/sample", echo, Named())))
    turns = server.app_context.per_process(LargeBodies)
    large = b'{"name":"Ann","x":"' + b"x" * LARGE_BODY_BYTES + b'"}'
    async with turns.turn("127.0.0.1"):
        waiting = asyncio.create_task(server.send("POST", "/sample", large))
        assert (await server.send("POST", "/sample", b"[")).status == 400
        async with turns.turn("127.0.0.2"):
            assert (await server.send("POST", "/sample", b'{"name":"Bob"}')).status == 200
        assert not waiting.done()
    assert (await waiting).status == 200
    # An invalid one ends its turn, too.
    assert (await server.send("POST", "/sample", large[1:])).status == 400
    assert (await server.send("POST", "/sample", large)).status == 200
    assert not turns._locks


class Stored(RequestSchema):
    name = Text(0, 100)
    data = RawJson(100)


def stored(size: int) -> bytes:
    return b'{"name":"x"' + b" " * (size - 12) + b"}"


STORED_BYTES = MAX_PLAIN_BYTES + MAX_EXPANSION * 100


@pytest.mark.parametrize(
    ("schema", "size"),
    [
        (Named(), MAX_PLAIN_BYTES),
        (Stored(), STORED_BYTES),
        (AnyJson(100), STORED_BYTES),
    ],
)
async def test_body_larger_than_its_schema_accepts_is_413(serve, schema: BodySchema, size: int):
    server = await serve(make_api(Route("POST", "/sample", echo, schema)))
    assert (await server.send("POST", "/sample", stored(size))).status == 200
    answer = await server.send("POST", "/sample", stored(size + 1))
    assert (answer.status, answer.body) == (413, b"http error: 413")
    packed = gzip.compress(stored(size + 1))
    assert (await server.send("POST", "/sample", packed, Content_Encoding="gzip")).status == 413


async def test_escaped_json_member_of_the_greatest_size_is_accepted(serve):
    server = await serve(make_api(Route("POST", "/sample", echo_size, Large())))
    data = {"text": "ä" * ((1 << 19) - 10)}
    body = json.dumps({"data": data}).encode()
    assert len(body) > 3_100_000
    answer = await server.send("POST", "/sample", body)
    assert answer.status == 413
    server = await serve(make_api(Route("POST", "/sample", echo_size, Large())), body_limit=8 << 20)
    answer = await server.send("POST", "/sample", body)
    assert answer.body == str(len(orjson.dumps(data))).encode()


class Large(RequestSchema):
    data = RawJson(1 << 20)


async def echo_size(ctx: RequestContext) -> web.StreamResponse:
    return json_response(len(ctx.body["data"]))
