"""The cache of rendered entries."""

import asyncio
import tracemalloc

import orjson
import pytest

from coalserver.core.steps import MAX_WORK, Steps
from coalserver.web.streaming.render_cache import RenderCache


def test_entry_is_rendered_once() -> None:
    cache, calls = RenderCache(), []

    def make() -> bytes:
        calls.append(1)
        return b"x"

    assert [cache.get_or_render("a", make) for _ in range(3)] == [b"x"] * 3
    assert calls == [1]


def test_kind_of_bytes_is_kept() -> None:
    """Binary messages are a subclass of bytes."""

    class Binary(bytes):
        pass

    cache = RenderCache()
    for _ in range(2):
        rendered = cache.get_or_render("a", lambda: Binary(b"x"))
        assert type(rendered) is Binary and rendered == b"x"


def test_none_is_cached() -> None:
    cache = RenderCache()
    assert cache.get_or_render("a", lambda: None) is None
    assert cache.get_or_render("a", lambda: b"x") is None


def test_full_cache_drops_the_oldest_entries() -> None:
    cache = RenderCache(max_entries=16)
    for number in range(100):
        cache.put(number, number)
        assert len(cache._entries) <= 16
    assert cache.get(99) == 99 and cache.get(0) is None


def test_bytes_of_a_cache_are_limited() -> None:
    cache = RenderCache(max_entries=1000, max_bytes=5000)
    for number in range(300):
        assert cache.get_or_render(number, lambda: b"x" * 100) == b"x" * 100
        held = [value for value in cache._entries.values() if isinstance(value, bytes)]
        assert sum(map(len, held)) <= 5000
    assert cache.get(299) is not None and cache.get(0) is None


def test_cached_bytes_take_no_more_memory_than_they_need() -> None:
    cache = RenderCache()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(500):
            cache.get_or_render(number, lambda: orjson.dumps({"id": 1}))
        assert (tracemalloc.get_traced_memory()[0] - before) / 500 < 500
    finally:
        tracemalloc.stop()


async def test_value_in_steps_is_rendered_once_for_all_who_ask_meanwhile() -> None:
    cache, renders, may_end = RenderCache(), [], asyncio.Event()

    def render() -> Steps[bytes]:
        renders.append("a")
        while not may_end.is_set():
            yield MAX_WORK
        return b"value"

    asking = [asyncio.create_task(cache.get_or_render_in_turns("a", render)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # The first who asked goes away: the others still get it.
    asking[0].cancel()
    await asyncio.sleep(0)
    may_end.set()
    assert await asyncio.gather(*asking[1:]) == [b"value"] * 4
    assert await cache.get_or_render_in_turns("a", render) == b"value"
    assert renders == ["a"]
    assert asking[0].cancelled()


async def test_value_in_steps_that_fails_is_rendered_anew() -> None:
    cache, fails = RenderCache(), [True]

    def render() -> Steps[bytes]:
        yield MAX_WORK
        if fails.pop():
            raise ValueError("broken")
        return b"value"

    with pytest.raises(ValueError, match="broken"):
        await cache.get_or_render_in_turns("a", render)
    fails.append(False)
    assert await cache.get_or_render_in_turns("a", render) == b"value"
