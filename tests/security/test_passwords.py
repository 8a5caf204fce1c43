"""Passwords: what is kept proves what was said, and nothing else."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from coalserver.security.passwords import HASHER, MAX_WORKERS, PasswordService, VerifyResult

WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def passwords() -> Iterator[PasswordService]:
    made = PasswordService()
    yield made
    made.close()


class Counting(PasswordHasher):
    """Notes what each proof was made against, and where."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.against: list[str] = []
        self.threads: set[int] = set()
        self.gate = threading.Barrier(MAX_WORKERS)

    def verify(self, hash: str, password: str) -> bool:
        self.against.append(hash)
        self.threads.add(threading.get_ident())
        if password == "together":
            self.gate.wait(10)
        return super().verify(hash, password)


async def test_the_password_itself_is_proved_and_no_other(passwords):
    kept = await passwords.hash("correct horse")
    assert await passwords.verify(kept, "correct horse") == VerifyResult(True)
    assert await passwords.verify(kept, "correct hors") == VerifyResult(False)
    assert await passwords.verify(kept, "") == VerifyResult(False)


async def test_the_profile_is_the_one_we_decided_on(passwords):
    assert (await passwords.hash("x")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_the_same_password_is_kept_differently_each_time(passwords):
    assert await passwords.hash("same") != await passwords.hash("same")


async def test_a_hash_of_an_older_profile_comes_with_a_new_one(passwords):
    proof = await passwords.verify(WEAK.hash("old"), "old")
    assert proof.ok and proof.rehash is not None
    assert not HASHER.check_needs_rehash(proof.rehash)
    assert await passwords.verify(proof.rehash, "old") == VerifyResult(True)


async def test_a_wrong_password_never_brings_a_new_hash(passwords):
    assert await passwords.verify(WEAK.hash("old"), "new") == VerifyResult(False)


@pytest.mark.parametrize("nothing", [None, ""])
async def test_nobody_is_proved_with_the_same_work_and_always_fails(nothing):
    hasher = Counting()
    passwords = PasswordService(hasher)
    assert await passwords.verify(nothing, "nobody") == VerifyResult(False)
    assert await passwords.verify(nothing, "wrong") == VerifyResult(False)
    assert len(hasher.against) == 2 and len(set(hasher.against)) == 1
    passwords.close()


async def test_two_are_proved_at_once_and_the_rest_wait():
    hasher = Counting()
    passwords = PasswordService(hasher)
    kept = hasher.hash("together")
    proofs = await asyncio.gather(*(passwords.verify(kept, "together") for _ in range(6)))
    assert proofs == [VerifyResult(True)] * 6
    assert len(hasher.threads) == MAX_WORKERS
    passwords.close()
