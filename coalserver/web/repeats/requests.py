"""Heads that were seen before, and what a request that repeats one of them asks for.

The header lines of a client hardly change. What aiohttp has made of them is kept by their bytes, without the
`Content-Length`, which is looked at for each request. Whatever is unusual is left to aiohttp: see `is_plain` for the
headers, and `Repeats.find` for the rest.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from aiohttp.helpers import HeadersMixin
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_urldispatcher import AbstractRoute

if TYPE_CHECKING:
    from coalserver.web.endpoint import Endpoint

#: Bytes of a body that is below any configured limit: a larger one is left to aiohttp.
SMALL_BODY_BYTES = 1024
#: Heads that are kept, the least recently used are dropped, and the bytes that one may have: at most 30 MB in all.
MAX_HEADS, MAX_HEAD_BYTES = 8192, 1024
#: Client programs that are known: a head of one of them with other credentials is known, too.
MAX_CLIENTS = 256
#: Bytes of a request line that is looked at.
MAX_LINE_BYTES = 512
#: Characters that mean themselves in a path.
_PLAIN_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_-.~"
_VERSION = b"HTTP/1.1"
_LENGTH, _LOWER_LENGTH = b"\r\nContent-Length: ", b"\r\ncontent-length: "
_MAX_LENGTH_DIGITS = 4
_CREDENTIALS, _LOWER_CREDENTIALS = b"\r\nAuthorization: ", b"\r\nauthorization: "
#: Visible ASCII characters and the space: a header's value of these is what it seems to be.
_VISIBLE = bytes(range(32, 127))
#: Headers that change how a request is read or answered, or that come with one request only.
_UNUSUAL = frozenset((
    "expect", "transfer-encoding", "content-encoding", "upgrade", "cookie", "te", "trailer", "idempotency-key",
    "sec-websocket-key", "traceparent", "x-correlation-id", "x-request-id",
))  # fmt: skip

#: Application key of the repeats of an application.
REPEATS: "web.AppKey[Repeats]" = web.AppKey("repeats")


class Head:
    """What is kept of the header lines of a request."""

    __slots__ = ("headers", "content_type", "known")

    def __init__(self, headers: Any, content_type: str) -> None:
        #: All headers but `Content-Length`, as a multidict without case.
        self.headers = headers
        self.content_type = content_type
        #: See `RequestContext.known`.
        self.known: dict[Any, Any] = {}


@dataclass(frozen=True, slots=True)
class Target:
    """A path, by its segments, with its endpoints."""

    #: Position and text of the fixed segments that are no part of a shape.
    fixed: tuple[tuple[int, str], ...]
    #: Name and position of the others.
    named: tuple[tuple[str, int], ...]
    #: Method -> endpoint, with aiohttp's route.
    endpoints: Mapping[str, "tuple[Endpoint, AbstractRoute]"]

    @classmethod
    def of(cls, path: str, endpoints: Mapping[str, "tuple[Endpoint, AbstractRoute]"]) -> "Target":
        """Return the target of a path as routes have it, whose last segment is that of its shape or a named one."""
        segments = list(enumerate(path.split("/")))
        inner = segments[2:-1]
        return cls(
            tuple((place, text) for place, text in inner if not text.startswith("{")),
            tuple((text[1:-1], place) for place, text in segments if text.startswith("{")),
            endpoints,
        )


#: A request that repeats a head: the head, endpoint, route of aiohttp, values of the named segments, and body.
Repeat = tuple[Head, "Endpoint", AbstractRoute, dict[str, str], bytes]

#: Number of segments, first and last segment -> targets in the router's order; None: those that fit any last one.
Targets = Mapping[tuple[int, str, str | None], Iterable[Target]]


class Repeats:
    """The heads of recent requests, and the endpoints that requests with them may use."""

    def __init__(self, app: web.Application, base_path: str = "") -> None:
        self.app = app
        self._targets: Targets = {}
        #: The methods of all endpoints.
        self.methods: frozenset[str] = frozenset()
        self._base = f"{base_path}/" if base_path else ""
        self._heads: OrderedDict[bytes, Head] = OrderedDict()
        #: Heads by their bytes without credentials, which are those of a client program.
        self._clients: OrderedDict[bytes, Head] = OrderedDict()

    def __len__(self) -> int:
        return len(self._heads)

    def set_targets(self, targets: Targets) -> None:
        """Set the paths; the router calls this once it has all of them."""
        self._targets = targets
        self.methods = frozenset(
            method for row in targets.values() for target in row for method in target.endpoints
        )

    def find(self, data: bytes) -> Repeat | None:
        """Return what the bytes of a connection that is idle ask for.

        None if they are no whole request, if it does not repeat a head, or if its path is not a plain one of a target.
        """
        split = _split(data)
        if split is None:
            return None
        line_end, key, body = split
        head = self._heads.get(key) or self._with_other_credentials(key)
        if head is None:
            return None
        words = data[:line_end].split(b" ")
        if len(words) != 3 or words[2] != _VERSION:
            return None
        path = words[1]
        if path.translate(None, _PLAIN_CHARACTERS) or b"/." in path or b"//" in path:
            return None
        text = path.decode()
        if self._base and text.startswith(self._base):
            text = text[len(self._base) - 1 :]
        segments = text.split("/")
        last = segments[-1]
        if segments[0] or not last:
            return None
        size, first = len(segments), segments[1]
        targets = self._targets.get((size, first, last))
        if targets is None:
            targets = self._targets.get((size, first, None), ())
        for target in targets:
            for place, fixed in target.fixed:
                if segments[place] != fixed:
                    break
            else:
                found = target.endpoints.get(words[0].decode("latin-1"))
                if found is None:
                    return None
                self._heads.move_to_end(key)
                named = target.named
                values = {name: segments[place] for name, place in named} if named else {}
                return head, found[0], found[1], values, body
        return None

    def keep(self, data: bytes, message: RawRequestMessage) -> None:
        """Keep the head of a whole request, which aiohttp has read as this message, if it is a plain one."""
        split = _split(data)
        if split is None:
            return
        _, key, _ = split
        if key in self._heads or len(key) > MAX_HEAD_BYTES or not is_plain(key, message):
            return
        headers = message.headers.copy()
        headers.popall(hdrs.CONTENT_LENGTH, None)
        head = Head(headers, _MediaType(message).content_type)
        self._add(key, head)
        parts = _split_credentials(key)
        if parts is not None and len(headers.getall(hdrs.AUTHORIZATION)) == 1:
            self._clients[parts[0]] = head
            if len(self._clients) > MAX_CLIENTS:
                self._clients.popitem(last=False)

    def _with_other_credentials(self, key: bytes) -> Head | None:
        """Return the head of header lines that differ from known ones in their credentials only, and keep it."""
        parts = _split_credentials(key)
        like = None if parts is None else self._clients.get(parts[0])
        if parts is None or like is None or len(key) > MAX_HEAD_BYTES:
            return None
        headers = like.headers.copy()
        headers[hdrs.AUTHORIZATION] = parts[1].decode()
        head = Head(headers, like.content_type)
        self._add(key, head)
        return head

    def _add(self, key: bytes, head: Head) -> None:
        self._heads[key] = head
        if len(self._heads) > MAX_HEADS:
            self._heads.popitem(last=False)


def is_plain(head: bytes, message: RawRequestMessage) -> bool:
    """Return whether a request with these header lines is read and answered in the usual way."""
    headers = message.headers
    # A line that continues another one, and line ends that are none of HTTP's: aiohttp's parser refuses them as well.
    ends = head.count(b"\r\n")
    lines = not (
        b"\r\n " in head
        or b"\r\n\t" in head
        or ends != head.count(b"\n")
        or ends != head.count(b"\r")
    )
    return (
        lines
        and message.version == HttpVersion11
        and not (message.should_close or message.chunked or message.upgrade or message.compression)
        and _UNUSUAL.isdisjoint([name.lower() for name in headers])
        and headers.get(hdrs.CONNECTION, "keep-alive").lower() == "keep-alive"
        and len(headers.getall(hdrs.CONTENT_LENGTH, ())) <= 1
        and b"\r\ncontent-length" not in head.lower()
    )


class _MediaType(HeadersMixin):
    """Reads the media type as aiohttp's requests do."""

    def __init__(self, message: RawRequestMessage) -> None:
        self._headers = message.headers


def _split(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Return where the request line ends, the header lines without the length, and the body of a small request.

    None if the bytes are no whole request.
    """
    line_end = data.find(b"\r\n", 0, MAX_LINE_BYTES)
    if line_end < 0:
        return None
    head_end = data.find(b"\r\n\r\n", line_end)
    if head_end < 0:
        return None
    size = len(data) - head_end - 4
    start = data.find(_LENGTH, line_end, head_end)
    if start < 0:
        start = data.find(_LOWER_LENGTH, line_end, head_end)
        if start < 0:
            return None if size else (line_end, data[line_end:head_end], b"")
    digits_start = start + len(_LENGTH)
    end = data.find(b"\r\n", digits_start)
    digits = data[digits_start:end]
    if size > SMALL_BODY_BYTES or len(digits) > _MAX_LENGTH_DIGITS or not digits.isdigit():
        return None
    if int(digits) != size:
        return None
    return line_end, data[line_end:start] + data[end:head_end], data[head_end + 4 :]


def _split_credentials(key: bytes) -> tuple[bytes, bytes] | None:
    """Return header lines without their credentials, and these; None without, or if they are no plain text."""
    start = key.find(_CREDENTIALS)
    if start < 0:
        start = key.find(_LOWER_CREDENTIALS)
        if start < 0:
            return None
    value_start = start + len(_CREDENTIALS)
    end = key.find(b"\r\n", value_start)
    if end < 0:
        end = len(key)
    value = key[value_start:end]
    if not value or value.translate(None, _VISIBLE) or value != value.strip():
        return None
    return key[:start] + key[end:], value
