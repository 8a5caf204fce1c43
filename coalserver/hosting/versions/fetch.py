"""Fetching jars and lists over HTTP, within limits and from allowed addresses only."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    ServerTimeoutError,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver
from yarl import URL

import coalserver
from coalserver.hosting.versions.addresses import AddressRefused, AddressRules, CheckingResolver
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.versions.jars import Expected, Jar, JarStore, PartFile, too_large

#: Gets the percentage of a file that has arrived, when it changes; of a file of unknown size only 0 and 100.
Progress = Callable[[int], None]

REDIRECTS = frozenset((301, 302, 303, 307, 308))
CHUNK_SIZE = 1 << 16
#: PaperMC asks for a name of the client.
HEADERS = {
    "User-Agent": f"coalserver/{coalserver.__version__} (self-hosted game server)",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of a fetch (hosting.md 4). Sizes in bytes, times in seconds."""

    #: The setting `hosting_jar_limit`, in bytes.
    jar_bytes: int = 512 << 20
    #: Longest time without a byte, and of a whole fetch.
    idle_seconds: float = 30
    total_seconds: float = 1800
    redirects: int = 5
    #: Of a check whether a file can be fetched.
    check_seconds: float = 5
    list_bytes: int = 16 << 20
    list_seconds: float = 30


@dataclass(frozen=True, slots=True)
class Source:
    """Where a jar is, and what is published about it."""

    url: str
    expected: Expected = Expected()
    #: What a list says of the version: Minecraft version and Java version; empty and 0: nothing.
    minecraft: str = ""
    java: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """The body of a list, and its ETag."""

    content: bytes
    etag: str = ""


class Fetcher:
    """Fetches from addresses that the rules allow. `resolver` resolves names; default: the system."""

    def __init__(
        self,
        rules: AddressRules,
        limits: FetchLimits = FetchLimits(),
        resolver: Callable[[], AbstractResolver] | None = None,
    ) -> None:
        self.limits = limits
        self._rules, self._resolver = rules, resolver

    async def check(self, url: str) -> None:
        """Ask for the head of a file. Raises NOT_FETCHED unless it can be fetched."""
        seconds = self.limits.check_seconds
        async with _time_limit(seconds), self._open("HEAD", url):
            pass

    async def read_document(self, url: str, etag: str = "") -> Document | None:
        """Return a list, None if it still has the ETag. Raises NOT_FETCHED."""
        headers = {"If-None-Match": etag} if etag else {}
        limit = self.limits.list_bytes
        async with (
            _time_limit(self.limits.list_seconds),
            self._open("GET", url, headers) as response,
        ):
            if response.status == 304:
                return None
            content = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_SIZE):
                content += chunk
                if len(content) > limit:
                    raise too_large(limit)
            return Document(bytes(content), response.headers.get("ETag", ""))

    async def fetch(
        self, source: Source, store: JarStore, progress: Progress = lambda percent: None
    ) -> Jar:
        """Fetch a jar into a store. Raises NOT_FETCHED, CHECKSUM, BAD_JAR and DISK.

        Nothing is left of a fetch that fails or is cancelled.
        """
        async with (
            store.receive(self.limits.jar_bytes) as part,
            _time_limit(self.limits.total_seconds),
        ):
            progress(0)
            async with self._open("GET", source.url) as response:
                await self._receive(response, part, source.expected, progress)
                is_page = response.content_type in ("text/html", "application/xhtml+xml")
            try:
                jar = await part.finish(source.expected)
            except VersionError as error:
                if error.code is VersionErrorCode.BAD_JAR and is_page:
                    reason = "the address leads to a web page, not to a jar"
                    raise VersionError(VersionErrorCode.BAD_JAR, reason) from error
                raise
        progress(100)
        return jar

    async def _receive(
        self, response: ClientResponse, part: PartFile, expected: Expected, progress: Progress
    ) -> None:
        # The length is that of the encoded body, if it is encoded all the same.
        length = None if "Content-Encoding" in response.headers else response.content_length
        size = expected.size or length
        if size is not None and size > self.limits.jar_bytes:
            raise too_large(self.limits.jar_bytes)
        if expected.size is not None and length not in (None, expected.size):
            reason = f"its size is {length}, published is {expected.size}"
            raise VersionError(VersionErrorCode.CHECKSUM, reason)
        percent = 0
        async for chunk in response.content.iter_chunked(CHUNK_SIZE):
            await part.write(chunk)
            if expected.size is not None and part.size > expected.size:
                reason = f"it has more than the published {expected.size} bytes"
                raise VersionError(VersionErrorCode.CHECKSUM, reason)
            # 100 is for a jar that was checked.
            reached = min(99, part.size * 100 // size) if size else 0
            if reached > percent:
                percent = reached
                progress(percent)

    @asynccontextmanager
    async def _open(
        self, method: str, address: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[ClientResponse]:
        """Open a successful response, or 304 if `headers` ask for it, after redirects, each of which is checked.

        Raises NOT_FETCHED.
        """
        url = self._rules.check_url(address)
        idle = self.limits.idle_seconds
        resolver = CheckingResolver(self._rules, self._resolver() if self._resolver else None)
        connector = TCPConnector(
            resolver=resolver,
            use_dns_cache=False,
            socket_factory=resolver.open_socket,
            force_close=True,
        )
        # Neither proxies nor .netrc of the environment, nor cookies.
        with _http_errors(idle):
            async with ClientSession(
                connector=connector,
                cookie_jar=DummyCookieJar(),
                headers=HEADERS,
                timeout=ClientTimeout(total=None, connect=idle, sock_read=idle),
                trust_env=False,
            ) as session:
                for _ in range(self.limits.redirects + 1):
                    async with session.request(
                        method, url, headers=headers, allow_redirects=False
                    ) as response:
                        if response.status not in REDIRECTS:
                            if not (headers and response.status == 304):
                                _check_status(response)
                            yield response
                            return
                        url = self._next_url(url, response)
                raise _not_fetched(f"more than {self.limits.redirects} redirects")

    def _next_url(self, url: URL, response: ClientResponse) -> URL:
        location = response.headers.get("Location", "")
        if not location:
            raise _not_fetched("a redirect leads nowhere")
        try:
            joined = url.join(URL(location))
        except ValueError as error:
            raise _not_fetched("a redirect leads to no valid URL") from error
        return self._rules.check_url(str(joined))


def _check_status(response: ClientResponse) -> None:
    if not 200 <= response.status < 300:
        raise _not_fetched(f"Error ({response.status}) fetching URL")


@contextmanager
def _http_errors(idle_seconds: float) -> Iterator[None]:
    """Turn errors of the client into NOT_FETCHED."""
    try:
        yield
    except ClientError as error:
        raise _not_fetched(_reason(error, idle_seconds)) from error


def _reason(error: ClientError, idle_seconds: float) -> str:
    """Return the reason of an error of the client, without addresses that a name resolves to."""
    if isinstance(error, ServerTimeoutError):
        return f"no byte arrived for {idle_seconds:g} seconds"
    if isinstance(error, ClientConnectorDNSError):
        if isinstance(error.os_error, AddressRefused):
            return str(error.os_error)
        return f"the host {error.host} was not found"
    if isinstance(error, ClientConnectorCertificateError):
        return f"the certificate of {error.host} is not valid"
    if isinstance(error, ClientConnectorError):
        return f"no connection to {error.host}"
    if isinstance(error, ClientPayloadError | ServerDisconnectedError):
        return "the connection was cut"
    return "the response is not valid HTTP"


@asynccontextmanager
async def _time_limit(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise _not_fetched(f"it took more than {seconds:g} seconds") from error


def _not_fetched(reason: str) -> VersionError:
    return VersionError(VersionErrorCode.NOT_FETCHED, reason)
