"""Bodies that never come, sent to pages and static files."""

import asyncio

import pytest
from yarl import URL

from tests.apis.app import ClientFactory, run_test_app


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /", 413),
        ("POST /", 405),
        ("GET /static/icon.svg", 200),
        ("POST /static/icon.svg", 404),
        ("GET /static/nothing.css", 404),
        ("POST /nothing/here", 404),
        ("GET /mc/README.md", 413),
    ],
)
async def test_body_that_never_comes_ends_the_connection(
    aiohttp_client: ClientFactory, request_line: str, status: int
) -> None:
    async with run_test_app(make_client=aiohttp_client, body_seconds=1) as test_app:
        url = URL(str(test_app.url("/")))
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = f"{request_line} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
        writer.write(head.encode())
        # aiohttp by itself would wait for ten seconds.
        async with asyncio.timeout(8):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        writer.close()
