"""Requests with `Expect` (RFC 9110, 10.1.1): what is sent before the body has come."""

from aiohttp import HttpVersion11, hdrs, web

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def send_continue(request: web.Request) -> None:
    """Ask a client that waits for it to send its body. Other expectations are ignored."""
    expected = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
    if expected and request.version >= HttpVersion11 and not request.content.is_eof():
        transport = request.transport
        if transport is not None:
            transport.write(CONTINUE)


async def ignore_expectation(request: web.Request) -> None:
    """Answer at once: the body is not read."""
