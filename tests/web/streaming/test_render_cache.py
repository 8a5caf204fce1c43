"""The cache of rendered entries."""

from coalserver.web.streaming.render_cache import RenderCache


def test_entry_is_rendered_once() -> None:
    cache, calls = RenderCache(), []

    def make() -> bytes:
        calls.append(1)
        return b"x"

    assert [cache.get_or_render("a", make) for _ in range(3)] == [b"x"] * 3
    assert calls == [1]


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
