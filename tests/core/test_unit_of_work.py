"""BufferedRandom: random bytes of any length, never repeated."""

from coalserver.core.unit_of_work import BufferedRandom


def test_random_bytes_have_the_requested_length():
    rng = BufferedRandom()
    assert [len(rng.randbytes(size)) for size in (0, 1, 16, BufferedRandom.BUFFER_SIZE, 5000)] == [
        0, 1, 16, BufferedRandom.BUFFER_SIZE, 5000,
    ]  # fmt: skip


def test_random_bytes_never_repeat():
    rng = BufferedRandom()
    assert len({rng.randbytes(16) for _ in range(1000)}) == 1000
