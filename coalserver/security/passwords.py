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
AT_ONCE = 2


class Proof(NamedTuple):
    """Whether a password was right, and a new hash to keep where the old one is out of date."""

    ok: bool
    rehash: str | None = None


async def hashed(password: str) -> str:
    """What to keep of one password, for who needs no more than this."""
    return await asyncio.to_thread(HASHER.hash, password)


class Passwords:
    """Makes and proves hashes without holding up the loop."""

    def __init__(self, hasher: PasswordHasher = HASHER) -> None:
        self._hasher = hasher
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._nobody = hasher.hash("nobody")

    async def hashed(self, password: str) -> str:
        """What to keep of a password."""
        return await self._off_the_loop(self._hasher.hash, password)

    async def proved(self, hash: str | None, password: str) -> Proof:
        """Whether this is the password. An account that is not there (None) takes as long."""
        return await self._off_the_loop(self._prove, hash, password)

    def close(self) -> None:
        """Let go of the threads. Proofs in line are given up."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _prove(self, hash: str | None, password: str) -> Proof:
        try:
            self._hasher.verify(hash or self._nobody, password)
        except VerifyMismatchError:
            return Proof(False)
        if not hash:
            return Proof(False)
        outdated = self._hasher.check_needs_rehash(hash)
        return Proof(True, self._hasher.hash(password) if outdated else None)

    async def _off_the_loop(self, work: Callable[..., T], *asked: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, *asked)
