"""Frames of server-sent events, and the chunks of HTTP/1.1 in which they are sent (RFC 9112, 7.1)."""

#: Ends a chunked response.
LAST_CHUNK = b"0\r\n\r\n"


def sse_frame(id: int, payload: bytes) -> bytes:
    """Return the frame of an entry."""
    return b"id: %d\ndata: %b\n\n" % (id, payload)


def chunked_sse_frame(id: int, payload: bytes) -> bytes:
    """Return the frame of an entry as one chunk."""
    return chunk(b"id: %d\ndata: %b\n\n" % (id, payload))


def chunk(raw: bytes) -> bytes:
    """Return bytes, of which there must be at least one, as a chunk."""
    return b"%x\r\n%b\r\n" % (len(raw), raw)
