"""The feed: who waits is woken once, and who slips harms nobody else."""

import pytest

from coalserver.core.feed import Feed, FutureWaiter
from tests.core.feeds import HERE, THERE, CountingWaiter, entries, ids


def test_who_waits_is_woken_when_something_is_said_there():
    feed, here, there = Feed(), CountingWaiter(), CountingWaiter()
    feed.add_waiter([HERE], here)
    feed.add_waiter([THERE], there)
    feed.publish(entries(HERE))
    assert (here.wake_count, there.wake_count) == (1, 0)


def test_who_was_woken_is_not_woken_again_unless_he_enrols_again():
    feed, sleeper = Feed(), CountingWaiter()
    feed.add_waiter([HERE], sleeper)
    feed.publish(entries(HERE))
    feed.publish(entries(HERE, first=1))
    assert sleeper.wake_count == 1


def test_who_waits_on_several_topics_is_woken_once_for_all_that_is_said_together():
    feed, sleeper = Feed(), CountingWaiter()
    feed.add_waiter([HERE, THERE], sleeper)
    feed.publish(entries((HERE, THERE), THERE, HERE))
    assert sleeper.wake_count == 1


def test_when_one_is_woken_all_that_was_said_together_can_be_read():
    feed, read = Feed(), []

    class Reader:
        def wake(self):
            read.extend(feed.after([HERE], -1, 10))

    feed.add_waiter([HERE], Reader())
    feed.publish(entries(HERE, THERE, HERE))
    assert ids(read) == [0, 2]


def test_who_enrols_when_he_is_woken_waits_for_the_next():
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


def test_who_stays_is_woken_at_every_entry_until_he_leaves():
    feed, sleeper = Feed(), CountingWaiter()
    feed.subscribe([HERE], sleeper)
    for id in range(2):
        feed.publish(entries(HERE, first=id))
    feed.unsubscribe([HERE], sleeper)
    feed.publish(entries(HERE, first=2))
    assert (sleeper.wake_count, feed.waiter_count()) == (2, 0)


def test_who_wants_to_be_the_last_is_woken_after_all_others():
    feed, order = Feed(), []

    class Named:
        def __init__(self, name):
            self.wake = lambda: order.append(name)

    feed.subscribe([HERE], Named("last"), last=True)
    feed.subscribe([HERE], Named("first"))
    feed.add_waiter([THERE], Named("second"))
    feed.publish(entries(HERE, THERE))
    assert order == ["first", "second", "last"]


def test_who_has_left_is_not_woken():
    feed, stays, goes = Feed(), CountingWaiter(), CountingWaiter()
    for sleeper in (stays, goes):
        feed.add_waiter([HERE, THERE], sleeper)
    feed.unsubscribe([HERE, THERE], goes)
    feed.publish(entries(HERE))
    assert (stays.wake_count, goes.wake_count) == (1, 0)


def test_leaving_where_one_does_not_wait_is_no_fault():
    Feed().unsubscribe([HERE], CountingWaiter())


def test_when_all_have_left_nobody_waits():
    feed, sleeper = Feed(), CountingWaiter()
    feed.add_waiter([HERE, THERE], sleeper)
    assert feed.waiter_count() == 2
    feed.unsubscribe([HERE, THERE], sleeper)
    assert feed.waiter_count() == 0


def test_when_the_feed_closes_everyone_is_woken_once():
    feed, here, both = Feed(), CountingWaiter(), CountingWaiter()
    feed.add_waiter([HERE], here)
    feed.add_waiter([HERE, THERE], both)
    feed.close()
    assert (here.wake_count, both.wake_count, feed.waiter_count()) == (1, 1, 0)


def test_who_enrols_at_a_closed_feed_is_woken_at_once():
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
def test_who_slips_when_woken_is_ended_and_logged_and_the_others_are_woken(enrol, caplog):
    feed, before, clumsy, after = Feed(), CountingWaiter(), Clumsy(), CountingWaiter()
    for waiter in (before, clumsy, after):
        enrol(feed, [HERE], waiter)
    feed.publish(entries(HERE))
    assert (before.wake_count, after.wake_count) == (1, 1)
    assert isinstance(clumsy.fault, KeyError)
    assert "a slip" in caplog.text


def test_who_slips_when_the_feed_closes_keeps_nobody_here():
    feed, clumsy, after = Feed(), Clumsy(), CountingWaiter()
    for waiter in (clumsy, after):
        feed.add_waiter([HERE], waiter)
    feed.close()
    assert (after.wake_count, type(clumsy.fault)) == (1, KeyError)


async def test_an_ear_that_fails_says_so_to_who_listens():
    ear = FutureWaiter()
    ear.fail(KeyError("a slip"))
    ear.fail(KeyError("another"))
    with pytest.raises(KeyError, match="a slip"):
        await ear.future


def test_saying_nothing_wakes_nobody():
    feed, sleeper = Feed(), CountingWaiter()
    feed.add_waiter([HERE], sleeper)
    feed.publish([])
    assert (sleeper.wake_count, feed.head) == (0, -1)


async def test_an_ear_may_be_woken_twice():
    ear = FutureWaiter()
    ear.wake()
    ear.wake()
    await ear.future
