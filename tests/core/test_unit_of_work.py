"""Chance: what the system gives, never twice."""

from coalserver.core.unit_of_work import BufferedRandom


def test_random_bytes_have_the_requested_length():
    chance = BufferedRandom()
    assert [len(chance.randbytes(size)) for size in (0, 1, 16, BufferedRandom.BUFFER_SIZE, 5000)] == [
        0, 1, 16, BufferedRandom.BUFFER_SIZE, 5000,
    ]  # fmt: skip


def test_random_bytes_never_repeat():
    chance = BufferedRandom()
    assert len({chance.randbytes(16) for _ in range(1000)}) == 1000
