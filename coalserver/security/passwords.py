"""Password hashing with argon2id in worker threads; one hash takes as long as many requests."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

T = TypeVar("T")

#: OWASP's profile; the library's default takes seven times as long and 64 MiB for each hash.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

#: Threads; further calls are queued. More threads would take processor time from the event loop.
MAX_WORKERS = 2


class VerifyResult(NamedTuple):
    """Whether a password matches, and a new hash if the stored one has outdated parameters."""

    ok: bool
    rehash: str | None = None


async def hash_password(password: str) -> str:
    """Return the hash of a password, without a PasswordService."""
    return await asyncio.to_thread(HASHER.hash, password)


class PasswordService:
    """Hashes and verifies passwords without blocking the event loop."""

    def __init__(self, hasher: PasswordHasher = HASHER) -> None:
        self._hasher = hasher
        self._workers = ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="passwords")
        self._dummy_hash = hasher.hash("nobody")

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        return await self._run_in_executor(self._hasher.hash, password)

    async def verify(self, hash: str | None, password: str) -> VerifyResult:
        """Compare a password with a hash; None, for a missing account, takes as long and fails."""
        return await self._run_in_executor(self._verify, hash, password)

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

    async def _run_in_executor(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, *args)
