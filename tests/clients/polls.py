"""Libraries that poll a feed."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
import requests

from tests.clients.followers import AsyncFollower, Entry, Follower, Refused, ThreadFollower

#: Seconds that a poll waits.
WAIT_SECONDS = 30


class PollFollower(Follower):
    """A program that polls again and again on one connection."""

    @property
    def poll_url(self) -> str:
        """The URL of the next poll."""
        params = {"after-event-id": self.cursor, "wait": WAIT_SECONDS}
        return f"{self.url}?{urlencode(params)}"

    def entries_of(self, status: int, body: bytes) -> list[Entry]:
        """Return the entries of an answer. Raises Refused."""
        if status != 200:
            raise Refused(status)
        return self.parse(json.loads(body))

    def parse(self, document: Any) -> list[Entry]:
        """Return the entries of a document."""
        return document  # type: ignore[no-any-return]


class RequestsPoll(PollFollower, ThreadFollower):
    """A `requests.Session`."""

    lost = (requests.RequestException,)

    def read(self) -> Iterator[Entry]:
        with requests.Session() as session:
            while not self.stopped:
                response = session.get(self.poll_url, headers=self.headers)
                yield from self.entries_of(response.status_code, response.content)


class HttpxPoll(PollFollower, AsyncFollower):
    """An `httpx.AsyncClient`."""

    lost = (httpx.TransportError,)

    async def read(self) -> AsyncIterator[Entry]:
        async with httpx.AsyncClient(timeout=None) as client:
            while True:
                response = await client.get(self.poll_url, headers=self.headers)
                for entry in self.entries_of(response.status_code, response.content):
                    yield entry


class AiohttpPoll(PollFollower, AsyncFollower):
    """An `aiohttp.ClientSession`."""

    lost = (aiohttp.ClientError,)

    async def read(self) -> AsyncIterator[Entry]:
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(self.poll_url, headers=self.headers) as response:
                    entries = self.entries_of(response.status, await response.read())
                for entry in entries:
                    yield entry


class UpdatesPoll(PollFollower):
    """Polls of the multiplayer API's updates, whose ids are texts: the program counts them."""

    update_id = ""

    @property
    def poll_url(self) -> str:
        params = {"lastUpdateId": self.update_id, "wait": WAIT_SECONDS}
        return f"{self.url}?{urlencode(params)}"

    def parse(self, document: Any) -> list[Entry]:
        updates = document["updates"]
        if updates:
            self.update_id = updates[-1]["update_id"]
        first = len(self.entries) + 1
        return [{"id": id, "text": update["type"]} for id, update in enumerate(updates, first)]


class RequestsUpdates(UpdatesPoll, RequestsPoll):
    """`requests` with updates."""


class HttpxUpdates(UpdatesPoll, HttpxPoll):
    """httpx with updates."""


class AiohttpUpdates(UpdatesPoll, AiohttpPoll):
    """aiohttp with updates."""


POLL_CLIENTS: dict[str, type[Follower]] = {
    "requests": RequestsPoll,
    "httpx": HttpxPoll,
    "aiohttp": AiohttpPoll,
}
UPDATES_CLIENTS: dict[str, type[Follower]] = {
    "requests": RequestsUpdates,
    "httpx": HttpxUpdates,
    "aiohttp": AiohttpUpdates,
}
