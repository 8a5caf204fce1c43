"""The feed: what was said lately is found again, what was not is known not to be, and who waits is woken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coalserver.core.feed import Ear, Feed
from coalserver.core.ports import Entry

HERE, THERE, ELSEWHERE = ("lobby", 1), ("lobby", 2), ("lobby", 3)


class Sleeper:
    """Counts how often it was woken."""

    def __init__(self):
        self.woken = 0

    def wake(self):
        self.woken += 1


def entries(*heard, first=0):
    """One entry for each topic or tuple of topics."""
    return [
        Entry(id, float(id), "said", at if isinstance(at[0], tuple) else (at,))
        for id, at in enumerate(heard, first)
    ]


def a_feed(*heard, tail=100):
    feed = Feed(tail=tail)
    for entry in entries(*heard):
        feed.publish([entry])
    return feed


def ids(found):
    return [entry.id for entry in found]


def test_entries_of_a_topic_come_after_the_cursor_ascending():
    feed = a_feed(HERE, THERE, HERE, HERE)
    assert ids(feed.after([HERE], 0, 10)) == [2, 3]


def test_no_more_come_than_were_asked_for_and_those_are_the_oldest():
    feed = a_feed(HERE, HERE, HERE)
    assert ids(feed.after([HERE], -1, 2)) == [0, 1]
    assert ids(feed.after([HERE, THERE], -1, 2)) == [0, 1]


def test_of_several_topics_each_entry_comes_once_and_all_ascending():
    feed = a_feed(THERE, (HERE, THERE), HERE, THERE, ELSEWHERE)
    assert ids(feed.after([HERE, THERE], -1, 10)) == [0, 1, 2, 3]


def test_where_nothing_was_said_nothing_is_found():
    assert a_feed(HERE).after([ELSEWHERE], -1, 10) == []


def test_nothing_is_newer_than_the_head():
    feed = a_feed(HERE, HERE)
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
    feed = a_feed(*(tuple(topics) for topics in heard), tail=tail)
    said = entries(*(tuple(topics) for topics in heard))
    after = [entry for entry in said if entry.id > cursor and wanted.intersection(entry.topics)]
    if feed.covers(cursor):
        assert feed.after(list(wanted), cursor, limit) == after[:limit]
        assert feed.news(list(wanted), cursor) == bool(after)


def test_only_the_newest_entries_are_held():
    feed = a_feed(*[HERE] * 5, tail=3)
    assert feed.floor == 2
    assert ids(feed.after([HERE], 1, 10)) == [2, 3, 4]


def test_a_cursor_is_covered_when_everything_after_it_is_held():
    feed = a_feed(*[HERE] * 5, tail=3)
    assert [cursor for cursor in range(-1, 5) if feed.covers(cursor)] == [1, 2, 3, 4]


def test_after_a_restart_only_what_comes_from_now_on_is_covered():
    feed = Feed(head=41, oldest=10)
    assert not feed.covers(40)
    assert feed.covers(41)


def test_a_new_feed_covers_everything():
    assert Feed().covers(-1)


def test_a_topic_of_which_nothing_is_held_costs_nothing():
    feed = a_feed(THERE, HERE, HERE, tail=2)
    assert THERE not in feed._topics


def test_what_is_kept_nowhere_is_lost():
    feed = Feed(head=41, oldest=10)
    assert [cursor for cursor in range(6, 12) if feed.lost(cursor)] == [6, 7, 8]


def test_who_asks_for_whatever_there_is_has_lost_nothing():
    assert not Feed(head=41, oldest=10).lost(-1)


def test_there_is_news_where_something_is_newer():
    feed = a_feed(HERE, THERE)
    assert feed.news([HERE], -1)
    assert not feed.news([HERE], 0)
    assert feed.news([HERE, THERE], 0)
    assert not feed.news([ELSEWHERE], -1)


def test_who_waits_is_woken_when_something_is_said_there():
    feed, here, there = Feed(), Sleeper(), Sleeper()
    feed.enrol([HERE], here)
    feed.enrol([THERE], there)
    feed.publish(entries(HERE))
    assert (here.woken, there.woken) == (1, 0)


def test_who_was_woken_is_not_woken_again_unless_he_enrols_again():
    feed, sleeper = Feed(), Sleeper()
    feed.enrol([HERE], sleeper)
    feed.publish(entries(HERE))
    feed.publish(entries(HERE, first=1))
    assert sleeper.woken == 1


def test_who_waits_on_several_topics_is_woken_once_for_all_that_is_said_together():
    feed, sleeper = Feed(), Sleeper()
    feed.enrol([HERE, THERE], sleeper)
    feed.publish(entries((HERE, THERE), THERE, HERE))
    assert sleeper.woken == 1


def test_when_one_is_woken_all_that_was_said_together_can_be_read():
    feed, read = Feed(), []

    class Reader:
        def wake(self):
            read.extend(feed.after([HERE], -1, 10))

    feed.enrol([HERE], Reader())
    feed.publish(entries(HERE, THERE, HERE))
    assert ids(read) == [0, 2]


def test_who_enrols_when_he_is_woken_waits_for_the_next():
    feed = Feed()

    class Keen(Sleeper):
        def wake(self):
            super().wake()
            feed.enrol([HERE], self)

    keen = Keen()
    feed.enrol([HERE], keen)
    feed.publish(entries(HERE))
    assert keen.woken == 1
    feed.publish(entries(HERE, first=1))
    assert keen.woken == 2


def test_who_stays_is_woken_at_every_entry_until_he_leaves():
    feed, sleeper = Feed(), Sleeper()
    feed.stay([HERE], sleeper)
    for id in range(2):
        feed.publish(entries(HERE, first=id))
    feed.leave([HERE], sleeper)
    feed.publish(entries(HERE, first=2))
    assert (sleeper.woken, feed.waiting()) == (2, 0)


def test_who_wants_to_be_the_last_is_woken_after_all_others():
    feed, order = Feed(), []

    class Named:
        def __init__(self, name):
            self.wake = lambda: order.append(name)

    feed.stay([HERE], Named("last"), last=True)
    feed.stay([HERE], Named("first"))
    feed.enrol([THERE], Named("second"))
    feed.publish(entries(HERE, THERE))
    assert order == ["first", "second", "last"]


def test_who_has_left_is_not_woken():
    feed, stays, goes = Feed(), Sleeper(), Sleeper()
    for sleeper in (stays, goes):
        feed.enrol([HERE, THERE], sleeper)
    feed.leave([HERE, THERE], goes)
    feed.publish(entries(HERE))
    assert (stays.woken, goes.woken) == (1, 0)


def test_leaving_where_one_does_not_wait_is_no_fault():
    Feed().leave([HERE], Sleeper())


def test_when_all_have_left_nobody_waits():
    feed, sleeper = Feed(), Sleeper()
    feed.enrol([HERE, THERE], sleeper)
    assert feed.waiting() == 2
    feed.leave([HERE, THERE], sleeper)
    assert feed.waiting() == 0


def test_when_the_feed_closes_everyone_is_woken_once():
    feed, here, both = Feed(), Sleeper(), Sleeper()
    feed.enrol([HERE], here)
    feed.enrol([HERE, THERE], both)
    feed.close()
    assert (here.woken, both.woken, feed.waiting()) == (1, 1, 0)


def test_who_enrols_at_a_closed_feed_is_woken_at_once():
    feed, sleeper = Feed(), Sleeper()
    feed.close()
    feed.enrol([HERE], sleeper)
    assert (sleeper.woken, feed.waiting()) == (1, 0)


class Clumsy(Sleeper):
    """Slips whenever it is woken."""

    fault = None

    def wake(self):
        raise KeyError("a slip")

    def fail(self, fault):
        self.fault = fault


@pytest.mark.parametrize("enrol", [Feed.enrol, Feed.stay])
def test_who_slips_when_woken_is_ended_and_logged_and_the_others_are_woken(enrol, caplog):
    feed, before, clumsy, after = Feed(), Sleeper(), Clumsy(), Sleeper()
    for waiter in (before, clumsy, after):
        enrol(feed, [HERE], waiter)
    feed.publish(entries(HERE))
    assert (before.woken, after.woken) == (1, 1)
    assert isinstance(clumsy.fault, KeyError)
    assert "a slip" in caplog.text


def test_who_slips_when_the_feed_closes_keeps_nobody_here():
    feed, clumsy, after = Feed(), Clumsy(), Sleeper()
    for waiter in (clumsy, after):
        feed.enrol([HERE], waiter)
    feed.close()
    assert (after.woken, type(clumsy.fault)) == (1, KeyError)


async def test_an_ear_that_fails_says_so_to_who_listens():
    ear = Ear()
    ear.fail(KeyError("a slip"))
    ear.fail(KeyError("another"))
    with pytest.raises(KeyError, match="a slip"):
        await ear.future


def test_saying_nothing_wakes_nobody():
    feed, sleeper = Feed(), Sleeper()
    feed.enrol([HERE], sleeper)
    feed.publish([])
    assert (sleeper.woken, feed.head) == (0, -1)


async def test_an_ear_may_be_woken_twice():
    ear = Ear()
    ear.wake()
    ear.wake()
    await ear.future


@pytest.mark.parametrize("topics", [[], [ELSEWHERE]])
def test_without_a_topic_on_which_something_was_said_there_is_nothing(topics):
    feed = a_feed(HERE)
    assert feed.after(topics, -1, 10) == []
    assert not feed.news(topics, -1)


def test_who_has_seen_what_a_restored_backup_does_not_know_has_lost_it():
    feed = Feed(head=41, gaps=[(29, 40)])
    assert [cursor for cursor in range(27, 42) if feed.lost(cursor)] == list(range(30, 41))
