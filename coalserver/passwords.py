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

_workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
#: What an account that is not there is proved against.
_nobody = HASHER.hash("nobody")


class Proof(NamedTuple):
    """Whether a password was right, and a new hash to keep where the old one is out of date."""

    ok: bool
    rehashed: str | None = None


async def hashed(password: str) -> str:
    """What to keep of a password."""
    return await _off_the_loop(HASHER.hash, password)


async def proved(hash: str | None, password: str) -> Proof:
    """Whether this is the password. An account that is not there (None) takes as long."""
    return await _off_the_loop(_prove, hash, password)


def _prove(hash: str | None, password: str) -> Proof:
    try:
        HASHER.verify(hash or _nobody, password)
    except VerifyMismatchError:
        return Proof(False)
    if not hash:
        return Proof(False)
    return Proof(True, HASHER.hash(password) if HASHER.check_needs_rehash(hash) else None)


async def _off_the_loop(work: Callable[..., T], *asked: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(_workers, work, *asked)
