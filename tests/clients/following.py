"""Following one feed with one library on several ways to the server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.apis.app import TestApp
from tests.clients.followers import Follower, ThreadFollower


@dataclass
class Following:
    """Programs that follow the same feed."""

    followers: dict[str, Follower]

    async def wait_for_texts(self, *texts: str) -> None:
        """Wait until each program has received events with exactly these texts."""
        for follower in self.followers.values():
            await follower.wait_for_texts(list(texts))

    async def wait_until_ended(self, count: int = 1) -> None:
        """Wait until this many connections of each program have ended."""
        for follower in self.followers.values():
            await follower.wait_until_ended(count)

    async def statuses(self) -> set[int]:
        """Return the statuses with which the feed is refused."""
        return {await follower.wait_until_refused() for follower in self.followers.values()}

    @property
    def endings(self) -> set[str]:
        """How the connections have ended."""
        return {ending for follower in self.followers.values() for ending in follower.endings}


@asynccontextmanager
async def follow(
    test_app: TestApp,
    kind: type[Follower],
    origins: Mapping[str, str],
    path: str,
    headers: dict[str, str],
    cursor: int | None = None,
) -> AsyncIterator[Following]:
    """Follow the feed at a path on each way, from now or from a cursor on."""
    start = test_app.core.feed.head if cursor is None else cursor
    followers = {way: kind(origin + path, headers, start) for way, origin in origins.items()}
    tasks = [asyncio.create_task(follower.run()) for follower in followers.values()]
    try:
        yield Following(followers)
    finally:
        for task, follower in zip(tasks, followers.values(), strict=True):
            follower.stopped = True
            if not isinstance(follower, ThreadFollower):
                task.cancel()
        while any(not task.done() for task in tasks):
            # A thread ends with its connection.
            await test_app.cut_connections()
            await asyncio.wait(tasks, timeout=0.1)
        for task in tasks:
            if not task.cancelled():
                task.result()
