"""The feed: entries by topic and cursor, coverage and gaps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coalserver.core.feed import Feed
from tests.core.feeds import ELSEWHERE, HERE, THERE, entries, ids, make_feed


def test_entries_after_the_cursor_are_ascending():
    feed = make_feed(HERE, THERE, HERE, HERE)
    assert ids(feed.after([HERE], 0, 10)) == [2, 3]


def test_limit_returns_the_oldest_entries():
    feed = make_feed(HERE, HERE, HERE)
    assert ids(feed.after([HERE], -1, 2)) == [0, 1]
    assert ids(feed.after([HERE, THERE], -1, 2)) == [0, 1]


def test_entry_on_several_topics_is_returned_once_in_order():
    feed = make_feed(THERE, (HERE, THERE), HERE, THERE, ELSEWHERE)
    assert ids(feed.after([HERE, THERE], -1, 10)) == [0, 1, 2, 3]


def test_topic_without_entries_returns_none():
    assert make_feed(HERE).after([ELSEWHERE], -1, 10) == []


def test_nothing_is_newer_than_the_head():
    feed = make_feed(HERE, HERE)
    assert feed.after([HERE], feed.head, 10) == []


@settings(deadline=None)
@given(
    some.lists(some.sets(some.sampled_from([HERE, THERE, ELSEWHERE]), min_size=1), max_size=80),
    some.integers(0, 90),
    some.integers(-1, 85),
    some.integers(1, 10),
    some.sets(some.sampled_from([HERE, THERE, ELSEWHERE])),
)
def test_feed_equals_a_linear_search(published, tail, cursor, limit, wanted):
    feed = make_feed(*(tuple(topics) for topics in published), tail=tail)
    all_entries = entries(*(tuple(topics) for topics in published))
    after = [
        entry for entry in all_entries if entry.id > cursor and wanted.intersection(entry.topics)
    ]
    if feed.covers(cursor):
        assert feed.after(list(wanted), cursor, limit) == after[:limit]
        assert feed.has_newer(list(wanted), cursor) == bool(after)


def test_only_the_newest_entries_are_in_memory():
    feed = make_feed(*[HERE] * 5, tail=3)
    assert feed.floor == 2
    assert ids(feed.after([HERE], 1, 10)) == [2, 3, 4]


def test_cursor_is_covered_if_all_later_entries_are_in_memory():
    feed = make_feed(*[HERE] * 5, tail=3)
    assert [cursor for cursor in range(-1, 5) if feed.covers(cursor)] == [1, 2, 3, 4]


def test_recovered_feed_covers_later_entries_only():
    feed = Feed(head=41, oldest=10)
    assert not feed.covers(40)
    assert feed.covers(41)


def test_new_feed_covers_every_cursor():
    assert Feed().covers(-1)


def test_topic_without_entries_in_memory_is_dropped():
    feed = make_feed(THERE, HERE, HERE, tail=2)
    assert THERE not in feed._topics


def test_cursor_before_the_oldest_entry_has_a_gap():
    feed = Feed(head=41, oldest=10)
    assert [cursor for cursor in range(6, 12) if feed.has_gap(cursor)] == [6, 7, 8]


def test_cursor_minus_one_has_no_gap():
    assert not Feed(head=41, oldest=10).has_gap(-1)


def test_has_newer_finds_later_entries_of_the_topics():
    feed = make_feed(HERE, THERE)
    assert feed.has_newer([HERE], -1)
    assert not feed.has_newer([HERE], 0)
    assert feed.has_newer([HERE, THERE], 0)
    assert not feed.has_newer([ELSEWHERE], -1)


@pytest.mark.parametrize("topics", [[], [ELSEWHERE]])
def test_unknown_or_no_topics_return_nothing(topics):
    feed = make_feed(HERE)
    assert feed.after(topics, -1, 10) == []
    assert not feed.has_newer(topics, -1)


def test_cursor_after_a_restored_backup_has_a_gap():
    feed = Feed(head=41, gaps=[(29, 40)])
    assert [cursor for cursor in range(27, 42) if feed.has_gap(cursor)] == list(range(30, 41))
