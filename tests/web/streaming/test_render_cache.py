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
