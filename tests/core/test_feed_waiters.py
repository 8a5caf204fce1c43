"""The feed: who waits is woken once, and who slips harms nobody else."""

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
    feed, sleeper = Feed(), CountingWaiter()
    feed.add_waiter([HERE], sleeper)
    feed.publish(entries(HERE))
    feed.publish(entries(HERE, first=1))
    assert sleeper.wake_count == 1


def test_waiter_on_several_topics_is_woken_once_per_publish():
    feed, sleeper = Feed(), CountingWaiter()
    feed.add_waiter([HERE, THERE], sleeper)
    feed.publish(entries((HERE, THERE), THERE, HERE))
    assert sleeper.wake_count == 1


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

    class Keen(CountingWaiter):
        def wake(self):
            super().wake()
            feed.add_waiter([HERE], self)

    keen = Keen()
    feed.add_waiter([HERE], keen)
    feed.publish(entries(HERE))
    assert keen.wake_count == 1
    feed.publish(entries(HERE, first=1))
    assert keen.wake_count == 2


def test_subscriber_is_woken_until_it_unsubscribes():
    feed, sleeper = Feed(), CountingWaiter()
    feed.subscribe([HERE], sleeper)
    for id in range(2):
        feed.publish(entries(HERE, first=id))
    feed.unsubscribe([HERE], sleeper)
    feed.publish(entries(HERE, first=2))
    assert (sleeper.wake_count, feed.waiter_count()) == (2, 0)


def test_last_subscriber_is_woken_after_all_others():
    feed, order = Feed(), []

    class Named:
        def __init__(self, name):
            self.wake = lambda: order.append(name)

    feed.subscribe([HERE], Named("last"), last=True)
    feed.subscribe([HERE], Named("first"))
    feed.add_waiter([THERE], Named("second"))
    feed.publish(entries(HERE, THERE))
    assert order == ["first", "second", "last"]


def test_removed_waiter_is_not_woken():
    feed, stays, goes = Feed(), CountingWaiter(), CountingWaiter()
    for sleeper in (stays, goes):
        feed.add_waiter([HERE, THERE], sleeper)
    feed.unsubscribe([HERE, THERE], goes)
    feed.publish(entries(HERE))
    assert (stays.wake_count, goes.wake_count) == (1, 0)


def test_removing_an_unknown_waiter_is_no_error():
    Feed().unsubscribe([HERE], CountingWaiter())


def test_waiter_count_is_zero_after_all_were_removed():
    feed, sleeper = Feed(), CountingWaiter()
    feed.add_waiter([HERE, THERE], sleeper)
    assert feed.waiter_count() == 2
    feed.unsubscribe([HERE, THERE], sleeper)
    assert feed.waiter_count() == 0


def test_close_wakes_every_waiter_once():
    feed, here, both = Feed(), CountingWaiter(), CountingWaiter()
    feed.add_waiter([HERE], here)
    feed.add_waiter([HERE, THERE], both)
    feed.close()
    assert (here.wake_count, both.wake_count, feed.waiter_count()) == (1, 1, 0)


def test_waiter_added_to_a_closed_feed_is_woken_at_once():
    feed, sleeper = Feed(), CountingWaiter()
    feed.close()
    feed.add_waiter([HERE], sleeper)
    assert (sleeper.wake_count, feed.waiter_count()) == (1, 0)


class Clumsy(CountingWaiter):
    """Slips whenever it is woken."""

    fault = None

    def wake(self):
        raise KeyError("a slip")

    def fail(self, fault):
        self.fault = fault


@pytest.mark.parametrize("enrol", [Feed.add_waiter, Feed.subscribe])
def test_failing_waiter_is_logged_and_others_are_woken(enrol, caplog):
    feed, before, clumsy, after = Feed(), CountingWaiter(), Clumsy(), CountingWaiter()
    for waiter in (before, clumsy, after):
        enrol(feed, [HERE], waiter)
    feed.publish(entries(HERE))
    assert (before.wake_count, after.wake_count) == (1, 1)
    assert isinstance(clumsy.fault, KeyError)
    assert "a slip" in caplog.text


def test_failing_waiter_does_not_prevent_close():
    feed, clumsy, after = Feed(), Clumsy(), CountingWaiter()
    for waiter in (clumsy, after):
        feed.add_waiter([HERE], waiter)
    feed.close()
    assert (after.wake_count, type(clumsy.fault)) == (1, KeyError)


async def test_failed_future_waiter_raises_the_first_error():
    ear = FutureWaiter()
    ear.fail(KeyError("a slip"))
    ear.fail(KeyError("another"))
    with pytest.raises(KeyError, match="a slip"):
        await ear.future


def test_publishing_nothing_wakes_no_waiter():
    feed, sleeper = Feed(), CountingWaiter()
    feed.add_waiter([HERE], sleeper)
    feed.publish([])
    assert (sleeper.wake_count, feed.head) == (0, -1)


async def test_future_waiter_may_be_woken_twice():
    ear = FutureWaiter()
    ear.wake()
    ear.wake()
    await ear.future
