"""Feeds with sample entries, and a waiter that counts."""

from coalserver.core.feed import Feed
from coalserver.core.ports import Entry

HERE, THERE, ELSEWHERE = ("lobby", 1), ("lobby", 2), ("lobby", 3)


class CountingWaiter:
    """A waiter that counts how often it was woken."""

    def __init__(self):
        self.wake_count = 0

    def wake(self):
        self.wake_count += 1


def entries(*topics, first=0):
    """Return one entry for each topic or tuple of topics."""
    return [
        Entry(id, float(id), "event", at if isinstance(at[0], tuple) else (at,))
        for id, at in enumerate(topics, first)
    ]


def make_feed(*topics, tail=100):
    feed = Feed(tail=tail)
    for entry in entries(*topics):
        feed.publish([entry])
    return feed


def ids(found):
    return [entry.id for entry in found]
