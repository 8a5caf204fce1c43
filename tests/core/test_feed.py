"""The feed: entries by topic and cursor, coverage and gaps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coalserver.core import topics
from coalserver.core.feed import Feed
from coalserver.core.ports import Entry
from coalserver.domain.play.events import UpdateSent
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
    if feed.covers(cursor, wanted):
        assert feed.after(list(wanted), cursor, limit) == after[:limit]
        assert feed.has_newer(list(wanted), cursor) == bool(after)


def test_only_the_newest_entries_are_in_memory():
    feed = make_feed(*[HERE] * 5, tail=3)
    assert feed.floor == 2
    assert ids(feed.after([HERE], 1, 10)) == [2, 3, 4]


def test_cursor_is_covered_if_all_later_entries_are_in_memory():
    feed = make_feed(*[HERE] * 5, tail=3)
    assert [cursor for cursor in range(-1, 5) if feed.covers(cursor, [HERE])] == [1, 2, 3, 4]


def test_recovered_feed_covers_later_entries_only():
    feed = Feed(head=41, oldest=10)
    assert not feed.covers(40, [HERE])
    assert feed.covers(41, [HERE])


def test_new_feed_covers_every_cursor():
    assert Feed().covers(-1, [HERE])


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


def sent(*messages, first=0):
    """Return an entry of an update for each (room, target, bytes of data)."""
    return [
        Entry(
            id,
            float(id),
            UpdateSent("chess", room, 1, target, True, "move", b"x" * size),
            (topics.updates(room, target),),
        )
        for id, (room, target, size) in enumerate(messages, first)
    ]


def test_only_the_newest_bytes_of_a_room_are_in_memory():
    feed = Feed(max_room_bytes=5000)
    feed.publish(sent(*[(1, 7, 1000)] * 10, (2, 7, 1000)))
    here, there = [topics.updates(1, 7)], [topics.updates(2, 7)]
    covered = [cursor for cursor in range(-1, 11) if feed.covers(cursor, here)]
    assert covered == [6, 7, 8, 9, 10]
    assert ids(feed.after(here, 6, 10)) == [7, 8, 9]
    assert feed.covers(-1, there) and ids(feed.after(there, -1, 10)) == [10]
    assert feed.bytes < 5000 + 2000


def test_newest_entry_of_each_topic_stays():
    feed = Feed(max_room_bytes=5000)
    feed.publish(sent((1, 7, 10), *[(1, 8, 1000)] * 10))
    assert feed.has_newer([topics.updates(1, 7)], -1)
    assert ids(feed.after([topics.updates(1, 7)], -1, 10)) == [0]


def test_all_rooms_together_have_a_limit():
    feed = Feed(max_bytes=5000)
    feed.publish(sent(*[(room, 7, 1000) for room in range(20)]))
    assert feed.bytes <= 5000 and feed.floor == 17
    assert not feed.covers(15, [topics.updates(3, 7)])


@settings(deadline=None)
@given(
    some.lists(
        some.tuples(some.integers(1, 2), some.integers(7, 8), some.integers(0, 1500)), max_size=60
    ),
    some.integers(1, 30),
    some.integers(0, 60),
    some.integers(-1, 60),
    some.sets(some.tuples(some.integers(1, 2), some.integers(7, 8))),
)
def test_feed_with_little_memory_equals_a_linear_search(messages, batch, tail, cursor, members):
    feed = Feed(tail=tail, max_room_bytes=4000, max_bytes=9000)
    published = sent(*messages)
    for start in range(0, len(published), batch):
        feed.publish(published[start : start + batch])
    wanted = [topics.updates(room, target) for room, target in members]
    after = [
        entry for entry in published if entry.id > cursor and set(wanted).intersection(entry.topics)
    ]
    if feed.covers(cursor, wanted):
        assert feed.after(wanted, cursor, 100) == after
        assert feed.has_newer(wanted, cursor) == bool(after)
    elif cursor >= feed.floor - 1:
        # What waits learns of entries that are on disk only.
        assert feed.has_newer(wanted, cursor) == bool(after)
    in_memory = {entry.id for tail in feed._topics.values() for entry in tail}
    assert len(in_memory) <= max(tail, 0)
    assert set(feed._topic_floors.values()).isdisjoint(range(feed.floor + 1))


def test_memory_of_a_feed_is_free_once_everything_is_dropped():
    feed = Feed(tail=0, max_room_bytes=2000)
    feed.publish(sent(*[(1, 7, 1000)] * 10))
    assert (feed.bytes, feed._rooms, feed._topics, feed._topic_floors) == (0, {}, {}, {})
