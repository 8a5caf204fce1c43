"""The cache of rendered entries."""

import tracemalloc

import orjson

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
