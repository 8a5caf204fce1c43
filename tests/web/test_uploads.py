"""Uploads in forms: what is read before the file is bounded, in fields and lines."""

from collections.abc import Iterator

import pytest
from aiohttp import StreamReader, web

from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.uploads import MAX_LINES, MAX_PARTS, read_upload
from tests.web.conftest import Serve
from tests.web.sample_api import make_api

MAX_UPLOAD_BYTES = 1 << 20
FORM = "multipart/form-data; boundary=b"


async def upload(ctx: RequestContext) -> web.StreamResponse:
    return json_response(len(await read_upload(ctx.request, MAX_UPLOAD_BYTES)))


API = make_api(Route("POST", "/sample/upload", upload, reads_body=True))


def part(name: str, content: bytes = b"") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (
        name.encode(),
        content,
    )


def form(*fields: str, before: bytes = b"") -> bytes:
    return before + b"".join(map(part, fields)) + part("file", b"1234") + b"--b--\r\n"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The lines that aiohttp reads, as a list with their number."""
    count = [0]
    readline = StreamReader.readline

    async def counting(self: StreamReader, **arguments: int) -> bytes:
        count[0] += 1
        return await readline(self, **arguments)

    monkeypatch.setattr(StreamReader, "readline", counting)
    yield count


@pytest.mark.parametrize(
    "body",
    [
        form(),
        form("a", "b"),
        form(*["a"] * MAX_PARTS),
        form(before=b"a preamble\r\nof two lines\r\n"),
    ],
    ids=["file", "fields", "most fields", "preamble"],
)
async def test_file_is_found_behind_fields(serve: Serve, body: bytes) -> None:
    server = await serve(API)
    answer = await server.send("POST", "/sample/upload", body, Content_Type=FORM)
    assert (answer.status, answer.body) == (200, b"4")


@pytest.mark.parametrize(
    "body",
    [
        form(*["a"] * (MAX_PARTS + 1)),
        form(*["a"] * 5000),
        form(before=b"\n" * 500_000),
        b"--b\r\n" * 50_000,
    ],
    ids=["one field too many", "thousands of fields", "preamble", "parts without content"],
)
async def test_form_with_too_many_fields_or_lines_is_refused(
    serve: Serve, lines: list[int], body: bytes
) -> None:
    server = await serve(API)
    answer = await server.send("POST", "/sample/upload", body, Content_Type=FORM)
    assert answer.status == 400
    assert 0 < lines[0] <= MAX_LINES
