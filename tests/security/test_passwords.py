"""Password hashes and their verification."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from coalserver.security.passwords import HASHER, MAX_WORKERS, PasswordService, VerifyResult

WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def passwords() -> Iterator[PasswordService]:
    service = PasswordService()
    yield service
    service.close()


class CountingHasher(PasswordHasher):
    """A hasher that records the hash and the thread of each verification."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.hashes: list[str] = []
        self.threads: set[int] = set()
        self.gate = threading.Barrier(MAX_WORKERS)

    def verify(self, hash: str, password: str) -> bool:
        self.hashes.append(hash)
        self.threads.add(threading.get_ident())
        if password == "together":
            self.gate.wait(10)
        return super().verify(hash, password)


async def test_only_the_right_password_is_verified(passwords):
    stored_hash = await passwords.hash("correct horse")
    assert await passwords.verify(stored_hash, "correct horse") == VerifyResult(True)
    assert await passwords.verify(stored_hash, "correct hors") == VerifyResult(False)
    assert await passwords.verify(stored_hash, "") == VerifyResult(False)


async def test_hash_has_the_documented_parameters(passwords):
    assert (await passwords.hash("x")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_hashes_of_the_same_password_differ(passwords):
    assert await passwords.hash("same") != await passwords.hash("same")


async def test_outdated_hash_is_rehashed(passwords):
    result = await passwords.verify(WEAK.hash("old"), "old")
    assert result.ok and result.rehash is not None
    assert not HASHER.check_needs_rehash(result.rehash)
    assert await passwords.verify(result.rehash, "old") == VerifyResult(True)


async def test_wrong_password_is_not_rehashed(passwords):
    assert await passwords.verify(WEAK.hash("old"), "new") == VerifyResult(False)


@pytest.mark.parametrize("missing_hash", [None, ""])
async def test_missing_account_takes_the_same_work_and_fails(missing_hash):
    hasher = CountingHasher()
    passwords = PasswordService(hasher)
    assert await passwords.verify(missing_hash, "nobody") == VerifyResult(False)
    assert await passwords.verify(missing_hash, "wrong") == VerifyResult(False)
    assert len(hasher.hashes) == 2 and len(set(hasher.hashes)) == 1
    passwords.close()


async def test_two_passwords_are_verified_at_once():
    hasher = CountingHasher()
    passwords = PasswordService(hasher)
    stored_hash = hasher.hash("together")
    results = await asyncio.gather(*(passwords.verify(stored_hash, "together") for _ in range(6)))
    assert results == [VerifyResult(True)] * 6
    assert len(hasher.threads) == MAX_WORKERS
    passwords.close()
