"""Chance: what the system gives, never twice."""

from coalserver.core.unit_of_work import BufferedRandom


def test_every_piece_is_as_long_as_asked():
    chance = BufferedRandom()
    assert [len(chance.randbytes(size)) for size in (0, 1, 16, BufferedRandom.BUFFER_SIZE, 5000)] == [
        0, 1, 16, BufferedRandom.BUFFER_SIZE, 5000,
    ]  # fmt: skip


def test_no_piece_comes_twice():
    chance = BufferedRandom()
    assert len({chance.randbytes(16) for _ in range(1000)}) == 1000
