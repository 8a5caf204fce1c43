"""Password hashing with argon2id in worker threads; one hash takes as long as many requests."""

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from secrets import token_bytes
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import ARGON2_VERSION

T = TypeVar("T")

#: OWASP's profile; the library's default takes seven times as long and 64 MiB for each hash.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

#: Threads; further calls are queued. More threads would take processor time from the event loop.
MAX_WORKERS = 2
#: Verifications and hashes that wait for a thread, each about 15 ms. Further calls fail.
MAX_WAITING_VERIFICATIONS, MAX_WAITING_HASHES = 100, 20


class PasswordQueueFull(Exception):
    """Too many calls wait already."""


class VerifyResult(NamedTuple):
    """Whether a password matches, and a new hash if the stored one has outdated parameters."""

    ok: bool
    rehash: str | None = None


async def hash_password(password: str) -> str:
    """Return the hash of a password, without a PasswordService."""
    return await asyncio.to_thread(HASHER.hash, password)


def hash_of_no_password(hasher: PasswordHasher) -> str:
    """Return a hash that is as long to verify as those of this hasher, without the time to compute one."""
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        b64encode(token_bytes(length)).rstrip(b"=").decode()
        for length in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


class PasswordService:
    """Hashes and verifies passwords without blocking the event loop.

    Verifications go first: mass registrations must not delay a login. Where too many calls
    wait, the next one raises what `queue_full` returns.
    """

    def __init__(
        self,
        hasher: PasswordHasher = HASHER,
        queue_full: Callable[[], Exception] = PasswordQueueFull,
    ) -> None:
        self._hasher = hasher
        self._queue_full = queue_full
        self._workers = ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="passwords")
        self._free_workers = MAX_WORKERS
        self._waiting_verifications: deque[asyncio.Future[None]] = deque()
        self._waiting_hashes: deque[asyncio.Future[None]] = deque()
        self._dummy_hash = hash_of_no_password(hasher)

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        await self._take_worker(self._waiting_hashes, MAX_WAITING_HASHES)
        return await self._run(self._hasher.hash, password)

    async def verify(self, hash: str | None, password: str) -> VerifyResult:
        """Compare a password with a hash; None, for a missing account, takes as long and fails."""
        await self._take_worker(self._waiting_verifications, MAX_WAITING_VERIFICATIONS)
        return await self._run(self._verify, hash, password)

    def close(self) -> None:
        """Stop the threads and cancel queued calls."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _verify(self, hash: str | None, password: str) -> VerifyResult:
        try:
            self._hasher.verify(hash or self._dummy_hash, password)
        except VerifyMismatchError:
            return VerifyResult(False)
        if not hash:
            return VerifyResult(False)
        outdated = self._hasher.check_needs_rehash(hash)
        return VerifyResult(True, self._hasher.hash(password) if outdated else None)

    async def _take_worker(self, waiting: "deque[asyncio.Future[None]]", limit: int) -> None:
        """Wait for a free worker behind the others in a queue."""
        if self._free_workers:
            self._free_workers -= 1
            return
        if len(waiting) >= limit:
            raise self._queue_full()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release_worker()
            else:
                waiting.remove(turn)
            raise

    def _release_worker(self) -> None:
        for waiting in (self._waiting_verifications, self._waiting_hashes):
            while waiting:
                turn = waiting.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free_workers += 1

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        """Run a function in a thread. The worker is taken until the thread is free, also after a cancellation."""
        loop = asyncio.get_running_loop()

        def release(_: object) -> None:
            # The loop may have ended before the thread.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._release_worker)

        future = self._workers.submit(work, *args)
        future.add_done_callback(release)
        return await asyncio.wrap_future(future)
