"""The feed: who waits is woken once, and who slips harms nobody else."""

import pytest

from coalserver.core.feed import Ear, Feed
from tests.core.feeds import HERE, THERE, Sleeper, entries, ids


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
