"""Libraries that read server-sent events."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import httpx
import httpx_sse
import requests
import sseclient

from tests.clients.followers import (
    AsyncFollower,
    Entry,
    Follower,
    Refused,
    ThreadFollower,
    parse_entry,
    parse_frame,
)
from tests.clients.programs import ProgramFollower


class RequestsFollower(ThreadFollower):
    """A program that opens a stream with requests."""

    lost = (requests.RequestException,)

    def read(self) -> Iterator[Entry]:
        headers = {
            **self.headers,
            "Accept": "text/event-stream",
            "Last-Event-ID": str(self.cursor),
        }
        with requests.get(self.url, headers=headers, stream=True) as response:
            if response.status_code != 200:
                raise Refused(response.status_code)
            yield from self.events_of(response)

    def events_of(self, response: requests.Response) -> Iterator[Entry]:
        """Return the events of an open stream."""
        raise NotImplementedError


class RequestsLines(RequestsFollower):
    """`Response.iter_lines`."""

    def events_of(self, response: requests.Response) -> Iterator[Entry]:
        frame = ""
        for line in response.iter_lines(decode_unicode=True):
            frame += line + "\n"
            if not line:
                yield from parse_frame(frame)
                frame = ""


class RequestsContent(RequestsFollower):
    """`Response.iter_content(None)`, which returns the data in the pieces in which it arrives."""

    def events_of(self, response: requests.Response) -> Iterator[Entry]:
        rest = ""
        for piece in response.iter_content(None):
            rest += piece.decode()
            while "\n\n" in rest:
                frame, _, rest = rest.partition("\n\n")
                yield from parse_frame(frame)


class SseClient(RequestsFollower):
    """sseclient-py."""

    def events_of(self, response: requests.Response) -> Iterator[Entry]:
        for event in sseclient.SSEClient(response).events():
            yield parse_entry(event.id, event.data)


class HttpxSse(AsyncFollower):
    """httpx-sse."""

    lost = (httpx.TransportError,)

    async def read(self) -> AsyncIterator[Entry]:
        headers = {**self.headers, "Last-Event-ID": str(self.cursor)}
        async with (
            httpx.AsyncClient(timeout=None) as client,
            httpx_sse.aconnect_sse(client, "GET", self.url, headers=headers) as source,
        ):
            if source.response.status_code != 200:
                raise Refused(source.response.status_code)
            async for event in source.aiter_sse():
                yield parse_entry(event.id, event.data)


class AiohttpLines(AsyncFollower):
    """The lines of aiohttp's response."""

    lost = (aiohttp.ClientError,)

    async def read(self) -> AsyncIterator[Entry]:
        headers = {
            **self.headers,
            "Accept": "text/event-stream",
            "Last-Event-ID": str(self.cursor),
        }
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url, headers=headers) as response,
        ):
            if response.status != 200:
                raise Refused(response.status)
            frame = ""
            async for line in response.content:
                frame += line.decode()
                if line == b"\n":
                    for entry in parse_frame(frame):
                        yield entry
                    frame = ""


class EventSource(ProgramFollower):
    """The npm package eventsource, which opens its next connection itself."""

    package = "eventsource"


STREAM_CLIENTS: dict[str, type[Follower]] = {
    "requests iter_lines": RequestsLines,
    "requests iter_content": RequestsContent,
    "sseclient-py": SseClient,
    "httpx-sse": HttpxSse,
    "aiohttp": AiohttpLines,
    "eventsource": EventSource,
}
