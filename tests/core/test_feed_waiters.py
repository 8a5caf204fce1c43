"""Waiters of the feed: each is woken once, and a failing one does not affect others."""

import pytest

from coalserver.core.feed import Feed, FutureWaiter
from tests.core.feeds import HERE, THERE, CountingWaiter, entries, ids


def test_entry_wakes_the_waiters_of_its_topic():
    feed, here, there = Feed(), CountingWaiter(), CountingWaiter()
    feed.add_waiter([HERE], here)
    feed.add_waiter([THERE], there)
    feed.publish(entries(HERE))
    assert (here.wake_count, there.wake_count) == (1, 0)


def test_waiter_is_woken_once():
    feed, waiter = Feed(), CountingWaiter()
    feed.add_waiter([HERE], waiter)
    feed.publish(entries(HERE))
    feed.publish(entries(HERE, first=1))
    assert waiter.wake_count == 1


def test_waiter_on_several_topics_is_woken_once_per_publish():
    feed, waiter = Feed(), CountingWaiter()
    feed.add_waiter([HERE, THERE], waiter)
    feed.publish(entries((HERE, THERE), THERE, HERE))
    assert waiter.wake_count == 1


def test_woken_waiter_can_read_the_whole_batch():
    feed, read = Feed(), []

    class Reader:
        def wake(self):
            read.extend(feed.after([HERE], -1, 10))

    feed.add_waiter([HERE], Reader())
    feed.publish(entries(HERE, THERE, HERE))
    assert ids(read) == [0, 2]


def test_waiter_added_while_woken_waits_for_the_next_entry():
    feed = Feed()

    class RepeatingWaiter(CountingWaiter):
        def wake(self):
            super().wake()
            feed.add_waiter([HERE], self)

    repeating = RepeatingWaiter()
    feed.add_waiter([HERE], repeating)
    feed.publish(entries(HERE))
    assert repeating.wake_count == 1
    feed.publish(entries(HERE, first=1))
    assert repeating.wake_count == 2


def test_subscriber_is_woken_until_it_unsubscribes():
    feed, waiter = Feed(), CountingWaiter()
    feed.subscribe([HERE], waiter)
    for id in range(2):
        feed.publish(entries(HERE, first=id))
    feed.unsubscribe([HERE], waiter)
    feed.publish(entries(HERE, first=2))
    assert (waiter.wake_count, feed.waiter_count()) == (2, 0)


def test_last_subscriber_is_woken_after_all_others():
    feed, order = Feed(), []

    class NamedWaiter:
        def __init__(self, name):
            self.wake = lambda: order.append(name)

    feed.subscribe([HERE], NamedWaiter("last"), last=True)
    feed.subscribe([HERE], NamedWaiter("first"))
    feed.add_waiter([THERE], NamedWaiter("second"))
    feed.publish(entries(HERE, THERE))
    assert order == ["first", "second", "last"]


def test_removed_waiter_is_not_woken():
    feed, remaining, removed = Feed(), CountingWaiter(), CountingWaiter()
    for waiter in (remaining, removed):
        feed.add_waiter([HERE, THERE], waiter)
    feed.unsubscribe([HERE, THERE], removed)
    feed.publish(entries(HERE))
    assert (remaining.wake_count, removed.wake_count) == (1, 0)


def test_removing_an_unknown_waiter_is_no_error():
    Feed().unsubscribe([HERE], CountingWaiter())


def test_waiter_count_is_zero_after_all_were_removed():
    feed, waiter = Feed(), CountingWaiter()
    feed.add_waiter([HERE, THERE], waiter)
    assert feed.waiter_count() == 1
    feed.unsubscribe([HERE, THERE], waiter)
    assert feed.waiter_count() == 0


def test_close_wakes_every_waiter_once():
    feed, here, both = Feed(), CountingWaiter(), CountingWaiter()
    feed.add_waiter([HERE], here)
    feed.add_waiter([HERE, THERE], both)
    feed.close()
    assert (here.wake_count, both.wake_count, feed.waiter_count()) == (1, 1, 0)


def test_waiter_added_to_a_closed_feed_is_woken_at_once():
    feed, waiter = Feed(), CountingWaiter()
    feed.close()
    feed.add_waiter([HERE], waiter)
    assert (waiter.wake_count, feed.waiter_count()) == (1, 0)


class FailingWaiter(CountingWaiter):
    """A waiter that fails when woken."""

    error = None

    def wake(self):
        raise KeyError("failed")

    def fail(self, error):
        self.error = error


@pytest.mark.parametrize("add", [Feed.add_waiter, Feed.subscribe])
def test_failing_waiter_is_logged_and_others_are_woken(add, caplog):
    feed, before, failing, after = Feed(), CountingWaiter(), FailingWaiter(), CountingWaiter()
    for waiter in (before, failing, after):
        add(feed, [HERE], waiter)
    feed.publish(entries(HERE))
    assert (before.wake_count, after.wake_count) == (1, 1)
    assert isinstance(failing.error, KeyError)
    assert "failed" in caplog.text


def test_failing_waiter_does_not_prevent_close():
    feed, failing, after = Feed(), FailingWaiter(), CountingWaiter()
    for waiter in (failing, after):
        feed.add_waiter([HERE], waiter)
    feed.close()
    assert (after.wake_count, type(failing.error)) == (1, KeyError)


async def test_failed_future_waiter_raises_the_first_error():
    waiter = FutureWaiter()
    waiter.fail(KeyError("failed"))
    waiter.fail(KeyError("another"))
    with pytest.raises(KeyError, match="failed"):
        await waiter.future


def test_publishing_nothing_wakes_no_waiter():
    feed, waiter = Feed(), CountingWaiter()
    feed.add_waiter([HERE], waiter)
    feed.publish([])
    assert (waiter.wake_count, feed.head) == (0, -1)


async def test_future_waiter_may_be_woken_twice():
    waiter = FutureWaiter()
    waiter.wake()
    waiter.wake()
    await waiter.future
