"""Compressed request bodies (RFC 9110, 8.4): decompressed while they are read, never further than their reader asks.

aiohttp's own decompression accepts a body that is cut off and any name of an encoding, so `connections` switches it
off. This relies on private members of aiohttp: `BaseRequest._payload` and `_cache`, and `StreamReader._wait` and
`_exception`. They are used in no other module, and setup.cfg pins aiohttp's minor version.
"""

import asyncio
import zlib

from aiohttp import StreamReader, hdrs, web

from coalserver.domain.errors import DomainError, ErrorCode

#: The value of `Accept-Encoding` in a response to an unknown encoding (RFC 9110, 15.5.16).
ACCEPTED = "gzip, deflate"
#: Names that mean no encoding; an empty one is an empty header.
IDENTITY = ("identity", "")
#: `x-gzip` is another name of gzip (RFC 9110, 8.4.1.3).
WINDOW_BITS = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}
#: Bytes that are decompressed at once.
CHUNK_SIZE = 64 * 1024
#: Parts that one gzip body may consist of (RFC 1952, 2.2).
MAX_MEMBERS = 100
#: Bytes by which the compressed body may exceed the decompressed one: headers, and blocks without content.
MAX_OVERHEAD = 64 * 1024


def decode_content(request: web.Request) -> None:
    """Let every reader of the request's body read it decompressed.

    Raises UNSUPPORTED_ENCODING for an unknown encoding and for more than one. A body that is cut off or damaged raises
    aiohttp's RequestPayloadError where it is read.
    """
    names = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, ())).lower().split(",")
    encodings = [name for word in names if (name := word.strip()) not in IDENTITY]
    if not encodings or not request.body_exists:
        return
    if len(encodings) > 1 or encodings[0] not in WINDOW_BITS:
        raise DomainError(ErrorCode.UNSUPPORTED_ENCODING)
    # aiohttp caches the property `content`.
    request._payload = request._cache["content"] = DecompressedBody(
        request, WINDOW_BITS[encodings[0]]
    )


class DecompressedBody(StreamReader):
    """A body that is decompressed when its reader waits for more: at most CHUNK_SIZE bytes then."""

    __slots__ = ("_content", "_window_bits", "_decompressor", "_input", "_input_size", "_members")

    def __init__(self, request: web.Request, window_bits: int) -> None:
        # Above what is decompressed at once, so that this stream never pauses the connection.
        super().__init__(request.protocol, CHUNK_SIZE, loop=asyncio.get_running_loop())
        self._content = request.content
        self._window_bits = window_bits
        self._decompressor = zlib.decompressobj(window_bits)
        #: Compressed bytes that were received but not decompressed yet.
        self._input = b""
        self._input_size = 0
        self._members = 1

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """End a reader that waits; aiohttp does so when the client has disconnected."""
        super().set_exception(exc, *cause)
        self._content.set_exception(exc, *cause)

    async def _wait(self, func_name: str) -> None:
        try:
            while not (output := self._decompress()):
                if self._input:
                    # An empty part; another one follows.
                    continue
                received = await self._content.readany()
                if not received:
                    return self._end()
                self._receive(received)
        except (zlib.error, web.RequestPayloadError) as error:
            self._exception = web.RequestPayloadError(str(error))
            raise self._exception from None
        self.feed_data(output)
        # What has been received may expand a thousandfold: others are served in between.
        await asyncio.sleep(0)

    def _receive(self, received: bytes) -> None:
        if not self._input_size and self._window_bits == zlib.MAX_WBITS and received[0] & 0x0F != 8:
            # Some clients send deflate without the zlib header that RFC 9110, 8.4.1.2, demands.
            self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        self._input_size += len(received)
        self._input += received

    def _decompress(self) -> bytes:
        """Return some decompressed bytes, or none if more input is needed."""
        decompressor = self._decompressor
        if decompressor.eof and self._input:
            self._members += 1
            if self._members > MAX_MEMBERS or self._window_bits == zlib.MAX_WBITS:
                raise zlib.error("the body goes on behind its end")
            decompressor = self._decompressor = zlib.decompressobj(self._window_bits)
        output = decompressor.decompress(self._input, CHUNK_SIZE)
        self._input = decompressor.unused_data if decompressor.eof else decompressor.unconsumed_tail
        decompressed = self.total_bytes + len(output)
        if self._input_size - len(self._input) > decompressed + MAX_OVERHEAD:
            raise zlib.error("the body holds compressed data without content")
        return output

    def _end(self) -> None:
        if self._input_size and not self._decompressor.eof:
            raise zlib.error("the body was cut off")
        self.feed_eof()
