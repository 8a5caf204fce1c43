"""The feed: what was said lately is found again, and what was not is known not to be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coalserver.core.feed import Feed
from tests.core.feeds import ELSEWHERE, HERE, THERE, entries, ids, make_feed


def test_entries_of_a_topic_come_after_the_cursor_ascending():
    feed = make_feed(HERE, THERE, HERE, HERE)
    assert ids(feed.after([HERE], 0, 10)) == [2, 3]


def test_no_more_come_than_were_asked_for_and_those_are_the_oldest():
    feed = make_feed(HERE, HERE, HERE)
    assert ids(feed.after([HERE], -1, 2)) == [0, 1]
    assert ids(feed.after([HERE, THERE], -1, 2)) == [0, 1]


def test_of_several_topics_each_entry_comes_once_and_all_ascending():
    feed = make_feed(THERE, (HERE, THERE), HERE, THERE, ELSEWHERE)
    assert ids(feed.after([HERE, THERE], -1, 10)) == [0, 1, 2, 3]


def test_where_nothing_was_said_nothing_is_found():
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
def test_what_is_held_is_found_as_if_one_had_looked_at_every_entry(
    heard, tail, cursor, limit, wanted
):
    feed = make_feed(*(tuple(topics) for topics in heard), tail=tail)
    said = entries(*(tuple(topics) for topics in heard))
    after = [entry for entry in said if entry.id > cursor and wanted.intersection(entry.topics)]
    if feed.covers(cursor):
        assert feed.after(list(wanted), cursor, limit) == after[:limit]
        assert feed.has_newer(list(wanted), cursor) == bool(after)


def test_only_the_newest_entries_are_held():
    feed = make_feed(*[HERE] * 5, tail=3)
    assert feed.floor == 2
    assert ids(feed.after([HERE], 1, 10)) == [2, 3, 4]


def test_a_cursor_is_covered_when_everything_after_it_is_held():
    feed = make_feed(*[HERE] * 5, tail=3)
    assert [cursor for cursor in range(-1, 5) if feed.covers(cursor)] == [1, 2, 3, 4]


def test_after_a_restart_only_what_comes_from_now_on_is_covered():
    feed = Feed(head=41, oldest=10)
    assert not feed.covers(40)
    assert feed.covers(41)


def test_a_new_feed_covers_everything():
    assert Feed().covers(-1)


def test_a_topic_of_which_nothing_is_held_costs_nothing():
    feed = make_feed(THERE, HERE, HERE, tail=2)
    assert THERE not in feed._topics


def test_what_is_kept_nowhere_is_lost():
    feed = Feed(head=41, oldest=10)
    assert [cursor for cursor in range(6, 12) if feed.has_gap(cursor)] == [6, 7, 8]


def test_who_asks_for_whatever_there_is_has_lost_nothing():
    assert not Feed(head=41, oldest=10).has_gap(-1)


def test_there_is_news_where_something_is_newer():
    feed = make_feed(HERE, THERE)
    assert feed.has_newer([HERE], -1)
    assert not feed.has_newer([HERE], 0)
    assert feed.has_newer([HERE, THERE], 0)
    assert not feed.has_newer([ELSEWHERE], -1)


@pytest.mark.parametrize("topics", [[], [ELSEWHERE]])
def test_without_a_topic_on_which_something_was_said_there_is_nothing(topics):
    feed = make_feed(HERE)
    assert feed.after(topics, -1, 10) == []
    assert not feed.has_newer(topics, -1)


def test_who_has_seen_what_a_restored_backup_does_not_know_has_lost_it():
    feed = Feed(head=41, gaps=[(29, 40)])
    assert [cursor for cursor in range(27, 42) if feed.has_gap(cursor)] == list(range(30, 41))
