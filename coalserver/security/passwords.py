"""Passwords: argon2id in worker threads, for a proof takes as long as many requests."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

T = TypeVar("T")

#: OWASP's profile; the library's default would take seven times as long and 64 MiB a proof.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

#: Proofs at once; the rest wait in line. More would only take the processors away from the loop.
MAX_WORKERS = 2


class VerifyResult(NamedTuple):
    """Whether a password was right, and a new hash to keep where the old one is out of date."""

    ok: bool
    rehash: str | None = None


async def hash_password(password: str) -> str:
    """What to keep of one password, for who needs no more than this."""
    return await asyncio.to_thread(HASHER.hash, password)


class PasswordService:
    """Makes and proves hashes without holding up the loop."""

    def __init__(self, hasher: PasswordHasher = HASHER) -> None:
        self._hasher = hasher
        self._workers = ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="passwords")
        self._dummy_hash = hasher.hash("nobody")

    async def hash(self, password: str) -> str:
        """What to keep of a password."""
        return await self._run_in_executor(self._hasher.hash, password)

    async def verify(self, hash: str | None, password: str) -> VerifyResult:
        """Whether this is the password. An account that is not there (None) takes as long."""
        return await self._run_in_executor(self._verify, hash, password)

    def close(self) -> None:
        """Let go of the threads. Proofs in line are given up."""
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
