"""Compressed request bodies: accepted encodings, damaged bodies and limits."""

import asyncio
import functools
import gzip
import tracemalloc
import zlib

import pytest
from aiohttp import web

from coalserver.web.api import Route
from coalserver.web.content_encoding import MAX_MEMBERS
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import AnyJson
from coalserver.web.uploads import read_upload
from tests.web.conftest import Serve
from tests.web.sample_api import SampleServer, echo, make_api

BODY = b'{"x":"' + bytes(range(32, 127)).replace(b'"', b"").replace(b"\\", b"") * 20 + b'"}'
#: Without the time, which would be another parameter in each process of pytest-xdist.
compress = functools.partial(gzip.compress, mtime=0)
MAX_UPLOAD_BYTES = 100_000


async def upload(ctx: RequestContext) -> web.StreamResponse:
    return json_response(len(await read_upload(ctx.request, MAX_UPLOAD_BYTES)))


async def ignore(ctx: RequestContext) -> web.StreamResponse:
    return json_response("ignored")


API = make_api(
    Route("POST", "/sample", echo, AnyJson()),
    Route("POST", "/sample/upload", upload, reads_body=True),
    Route("POST", "/sample/ignored", ignore),
)


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def multipart(content: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    return head + content + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", compress(BODY)),
        ("GZip", compress(BODY)),
        ("x-gzip", compress(BODY)),
        ("gzip", compress(BODY[:100]) + compress(b"") + compress(BODY[100:])),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("identity", BODY),
        ("", BODY),
        ("identity, gzip", compress(BODY)),
    ],
)
async def test_compressed_body_is_decompressed(serve: Serve, encoding: str, body: bytes) -> None:
    server = await serve(API)
    answer = await server.send("POST", "/sample", body, Content_Encoding=encoding)
    assert answer.body == b'{"caller":0,"body":%b}' % BODY


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "g\u0131p", "*"]
)
@pytest.mark.parametrize("path", ["/sample", "/sample/upload", "/sample/ignored"])
async def test_unknown_encoding_is_415_with_the_known_ones(
    serve: Serve, encoding: str, path: str
) -> None:
    server = await serve(API)
    answer = await server.send("POST", path, BODY, Content_Encoding=encoding)
    assert answer.header("Accept-Encoding") == "gzip, deflate"
    assert answer.body == b"error: unsupported_encoding"


async def test_two_headers_are_two_encodings(serve: Serve) -> None:
    server = await serve(API)
    body = compress(compress(BODY))
    twice = "gzip\r\nContent-Encoding: gzip"
    answer = await server.send("POST", "/sample", body, Content_Encoding=twice)
    assert answer.body == b"error: unsupported_encoding"


async def test_encoding_of_an_absent_body_is_ignored(serve: Serve) -> None:
    server = await serve(API)
    answer = await server.send("POST", "/sample/ignored", b"", Content_Encoding="br")
    assert answer.status == 200


def is_refused(answer: bytes) -> bool:
    return b"does not match its Content-Encoding" in answer


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", compress(BODY)[:-1]),
        ("gzip", compress(BODY)[:-9]),
        ("gzip", compress(BODY)[:5]),
        ("gzip", compress(BODY)[:40] + b"\xff\xff\xff" + compress(BODY)[43:]),
        ("gzip", BODY),
        ("gzip", compress(BODY) + b"more"),
        ("gzip", compress(BODY) + compress(b"") * MAX_MEMBERS),
        ("gzip", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[:-1]),
        ("deflate", zlib.compress(BODY)[:-6]),
        ("deflate", zlib.compress(BODY) + b"more"),
        ("deflate", raw_deflate(BODY)[:-1]),
        ("deflate", b"\xff" * 40),
    ],
)
@pytest.mark.parametrize("with_head", [True, False])
async def test_damaged_body_is_an_invalid_request(
    serve: Serve, encoding: str, body: bytes, with_head: bool
) -> None:
    server = await serve(API)
    head = (
        f"POST /sample HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"Content-Encoding: {encoding}\r\n\r\n"
    ).encode()
    parts = [head + body] if with_head else [head, body[:3], body[3:]]
    answer = await send_parts(server, parts)
    assert is_refused(answer), answer


async def send_parts(server: SampleServer, parts: list[bytes]) -> bytes:
    """Write the parts of a request one after another; return the response up to the end of its body."""
    host, port = server.test_server.host, server.test_server.port
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await server.core.writer.flushed()
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            return head + await reader.read(1000)
    finally:
        writer.close()


@pytest.mark.parametrize("form", [True, False])
async def test_compressed_upload_is_decompressed(serve: Serve, form: bool) -> None:
    server = await serve(API)
    content = BODY * 40
    kind = "multipart/form-data; boundary=b" if form else "image/png"
    body = compress(multipart(content) if form else content)
    headers = {"Content_Encoding": "gzip", "Content_Type": kind}
    answer = await server.send("POST", "/sample/upload", body, **headers)
    assert answer.body == b"%d" % len(content)
    answer = await server.send("POST", "/sample/upload", body[:-9], **headers)
    assert answer.body.startswith(b"error: malformed")
    too_large = b"x" * (MAX_UPLOAD_BYTES + 1)
    body = compress(multipart(too_large) if form else too_large)
    assert (await server.send("POST", "/sample/upload", body, **headers)).status == 413


@pytest.mark.parametrize("path", ["/sample", "/sample/upload"])
async def test_bomb_is_not_expanded_above_the_limit(serve: Serve, path: str) -> None:
    server = await serve(API, body_limit=200_000)
    bomb = compress(b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        answer = (
            await server.send(
                "POST", path, bomb, Content_Encoding="gzip", Content_Type="application/octet-stream"
            )
            if path.endswith("upload")
            else await server.send("POST", path, bomb, Content_Encoding="gzip")
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status == 413
    assert peak < 4_000_000


async def test_compressed_data_without_content_ends(serve: Serve) -> None:
    server = await serve(API)
    # Stored blocks of no bytes (RFC 1951, 3.2.4), without an end.
    body = b"\x78\x9c" + b"\x00\x00\x00\xff\xff" * 25_000
    answer = await server.send("POST", "/sample", body, Content_Encoding="deflate")
    assert b"does not match its Content-Encoding" in answer.body


async def test_compressed_body_that_is_too_long_is_refused_before_it_is_read(serve: Serve) -> None:
    server = await serve(API)
    head = "POST /sample HTTP/1.1\r\nHost: sample\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n"
    [answer] = await server.send_raw(head.format(1 << 20).encode())
    assert answer.status == 413
