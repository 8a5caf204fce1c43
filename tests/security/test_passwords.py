"""Password hashes and their verification."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from coalserver.security.passwords import (
    HASHER,
    MAX_WAITING_HASHES,
    MAX_WORKERS,
    PasswordQueueFull,
    PasswordService,
    VerifyResult,
    hash_of_no_password,
)

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


@pytest.mark.parametrize("hasher", [HASHER, WEAK, PasswordHasher()])
def test_hash_of_no_password_costs_what_others_cost(hasher):
    made_up = hash_of_no_password(hasher)
    assert extract_parameters(made_up) == extract_parameters(hasher.hash("nobody"))
    assert made_up != hash_of_no_password(hasher)
    with pytest.raises(VerifyMismatchError):
        hasher.verify(made_up, "nobody")


async def test_two_passwords_are_verified_at_once():
    hasher = CountingHasher()
    passwords = PasswordService(hasher)
    stored_hash = hasher.hash("together")
    results = await asyncio.gather(*(passwords.verify(stored_hash, "together") for _ in range(6)))
    assert results == [VerifyResult(True)] * 6
    assert len(hasher.threads) == MAX_WORKERS
    passwords.close()


class GatedHasher(PasswordHasher):
    """A hasher whose calls wait for a gate; records their order."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.gate = threading.Event()
        self.calls: list[str] = []

    def hash(self, password: str, *, salt: bytes | None = None) -> str:
        self.gate.wait(10)
        self.calls.append(f"hash {password}")
        return super().hash(password)

    def verify(self, hash: str, password: str) -> bool:
        self.gate.wait(10)
        self.calls.append(f"verify {password}")
        raise VerifyMismatchError


@pytest.fixture
def gated() -> Iterator[tuple[PasswordService, GatedHasher]]:
    hasher = GatedHasher()
    service = PasswordService(hasher)
    yield service, hasher
    hasher.gate.set()
    service.close()


async def test_waiting_verification_goes_before_waiting_hashes(gated):
    service, hasher = gated
    calls = [asyncio.ensure_future(service.hash(str(number))) for number in range(6)]
    await asyncio.sleep(0)
    calls.append(asyncio.ensure_future(service.verify(None, "login")))
    await asyncio.sleep(0)
    hasher.gate.set()
    await asyncio.gather(*calls)
    assert "verify login" in hasher.calls[: MAX_WORKERS + 2]


async def test_hashes_beyond_the_queue_fail_and_verifications_do_not(gated):
    service, hasher = gated
    limit = MAX_WORKERS + MAX_WAITING_HASHES
    calls = [asyncio.ensure_future(service.hash(str(number))) for number in range(limit)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordQueueFull):
        await service.hash("one more")
    login = asyncio.ensure_future(service.verify(None, "login"))
    await asyncio.sleep(0)
    hasher.gate.set()
    assert await login == VerifyResult(False)
    await asyncio.gather(*calls)


async def test_cancelled_calls_free_their_places(gated):
    service, hasher = gated
    calls = [asyncio.ensure_future(service.hash(str(number))) for number in range(10)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    hasher.gate.set()
    assert (await service.hash("x")).startswith("$argon2id$")
    assert (await service.verify(None, "x")) == VerifyResult(False)
