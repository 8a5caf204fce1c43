"""Broadcast groups: members receive each entry once and in order, and none delays the others."""

import gc
import time
from dataclasses import replace

import pytest

from coalserver.core.engine import Core
from coalserver.core.ports import Entry
from coalserver.core.unit_of_work import CoreContext
from coalserver.storage.memory import MemoryStore
from coalserver.web.context import AppContext
from coalserver.web.streaming.broadcast import HIGH_WATER_MARK, BroadcastGroups
from coalserver.web.streaming.subscriptions import Subscription

HERE, THERE, OWN = ("lobby", 1), ("lobby", 2), ("player", 7)
SUBSCRIPTION = Subscription((HERE,), None, lambda entry: entry.event)


class SampleTransport:
    """A transport that shows what was written, and whose client may be slow."""

    def __init__(self, slow_down):
        self.written = b""
        self.unread = 0
        self.slow_down = slow_down

    def write(self, data):
        self.written += data
        if self.unread:
            self.unread += len(data)
            self.slow_down()

    def get_write_buffer_size(self):
        return self.unread

    def get_extra_info(self, name):
        """Return nothing: it has no socket, so that everything is left to it."""


class Stream:
    """A member of a group. When woken it reads on, unless its client is stalled."""

    def __init__(self, place, group):
        self.place, self.group = place, group
        self.transport = SampleTransport(lambda: group.slow_down(self))
        self.woken = 0
        self.error = None
        self.cursor = place.feed.head
        group.join(self, self.transport)

    @property
    def received(self):
        return self.transport.written

    def wake(self):
        self.woken += 1
        self.group.leave(self)
        if (
            self.transport.unread > HIGH_WATER_MARK
            or self.place.feed.closed
            or not self.place.feed.covers(self.cursor, self.group._subscription.topics)
        ):
            return
        while self.cursor < self.place.feed.head:
            payload, self.cursor = self.group.frames_after(self.cursor)
            self.transport.write(payload)
        self.group.join(self, self.transport)

    def write(self, raw):
        self.transport.write(raw)

    def fail(self, error):
        self.error = error


class SampleFeed:
    """A feed with its broadcast groups."""

    def __init__(self, core):
        self.feed = core.feed
        self.groups = BroadcastGroups(AppContext(core))

    def group(self, subscription=SUBSCRIPTION, form="ws"):
        return self.groups.get_or_create(
            form, "rooms", subscription, lambda id, payload: b"%d%b " % (id, payload)
        )

    def streams(self, count):
        group = self.group()
        return [Stream(self, group) for _ in range(count)]

    def publish(self, *pairs):
        """Publish pairs of event and topic in one batch."""
        first = self.feed.head + 1
        self.feed.publish(
            [Entry(id, 0.0, payload, where) for id, (payload, *where) in enumerate(pairs, first)]
        )


@pytest.fixture
async def place():
    return SampleFeed(await Core.recover(MemoryStore(), CoreContext(time.time), tail=5))


async def test_all_members_receive_each_entry_once(place):
    streams = place.streams(3)
    place.publish((b"a", HERE), (b"b", THERE), (b"c", HERE))
    place.publish((b"d", HERE))
    assert [stream.received for stream in streams] == [b"0a 2c 3d "] * 3
    assert [stream.woken for stream in streams] == [0] * 3
    assert streams[0].group.written_at > 0


async def test_entry_that_the_api_does_not_show_is_skipped(place):
    (stream,) = place.streams(1)
    place.publish((None, HERE))
    stream.group.leave(stream)
    assert (stream.received, stream.cursor, stream.group.written_at) == (b"", 0, 0)


async def test_later_member_receives_later_entries(place):
    (first,) = place.streams(1)
    place.publish((b"a", HERE), (b"b", THERE))
    (second,) = place.streams(1)
    place.publish((b"c", HERE))
    assert (first.received, second.received) == (b"0a 2c ", b"2c ")


async def test_member_woken_by_its_own_topic_receives_no_entry_twice(place):
    first, second = place.streams(2)
    place.feed.subscribe((OWN,), first)
    place.publish((b"a", HERE), (b"mine", OWN))
    assert (first.woken, second.woken) == (1, 0)
    assert (first.received, second.received) == (b"0a ", b"0a ")


async def test_member_that_leaves_when_woken_receives_nothing_of_the_batch(place):
    first, second = place.streams(2)
    first.wake = lambda: first.group.leave(first)
    place.feed.subscribe((OWN,), first)
    place.publish((b"kicked", OWN), (b"between us", HERE))
    assert (first.received, second.received) == (b"", b"1between us ")


async def test_member_that_has_left_has_the_cursor_of_what_it_received(place):
    first, second = place.streams(2)
    place.publish((b"a", HERE), (b"b", HERE), (b"c", THERE))
    assert (first.cursor, first.woken) == (-1, 0)
    first.group.leave(first)
    assert first.cursor == 2
    place.publish((b"d", HERE))
    assert (first.received, second.received) == (b"0a 1b ", b"0a 1b 3d ")


async def test_member_that_reads_ahead_receives_the_next_batch_once(place):
    first, second = place.streams(2)
    place.feed.subscribe((OWN,), first)
    place.publish((b"mine", OWN))
    place.publish((b"a", HERE), (b"mine", OWN), (b"b", HERE))
    place.publish((b"c", HERE))
    assert first.received == second.received == b"1a 3b 4c "
    assert (first.woken, second.woken) == (2, 0)


async def test_member_that_reads_ahead_can_leave(place):
    first, second = place.streams(2)
    wake = first.wake

    def read_and_leave():
        wake()
        first.group.leave(first)

    first.wake = read_and_leave
    place.feed.subscribe((OWN,), first)
    place.publish((b"a", HERE), (b"mine", OWN))
    place.publish((b"b", HERE))
    assert (first.received, second.received) == (b"0a ", b"0a 2b ")
    first.group.leave(second)
    place.feed.unsubscribe((OWN,), first)
    assert place.feed.waiter_count() == 0


async def test_slow_member_looks_for_itself_and_does_not_delay_the_others(place):
    slow, ready = place.streams(2)
    slow.transport.unread = HIGH_WATER_MARK
    place.publish((b"a", HERE))
    # What was written first has made it slow.
    assert (slow.received, slow.woken, slow.cursor) == (b"0a ", 1, 0)
    place.publish((b"b", HERE))
    assert (slow.received, ready.received, ready.woken) == (b"0a ", b"0a 1b ", 0)
    slow.transport.unread = 0
    slow.wake()
    place.publish((b"c", HERE))
    assert slow.received == ready.received == b"0a 1b 2c "


async def test_member_with_unread_bytes_is_looked_at_each_time(place):
    """Its transport has called `pause_writing` before, and calls it again only after nearly everything was read."""
    slow, ready = place.streams(2)
    slow.transport.slow_down = lambda: None
    slow.group.leave(slow)
    slow.transport.unread = 100
    slow.group.join(slow, slow.transport)
    payload = b"x" * (HIGH_WATER_MARK // 4)
    for _ in range(10):
        place.publish((payload, HERE))
    assert HIGH_WATER_MARK < slow.transport.unread < HIGH_WATER_MARK + 2 * len(payload)
    assert ready.woken == 0 and len(ready.received) > 10 * len(payload)


async def test_slow_streams_that_have_left_are_not_kept(place):
    first, second = place.streams(2)
    first.group.slow_down(first)
    first.group.leave(first)
    first.group.slow_down(first)
    place.publish((b"a", HERE))
    assert (first.woken, first.received, second.received) == (0, b"", b"0a ")


async def test_members_read_entries_from_disk_themselves(place):
    streams = place.streams(2)
    place.publish(*[(b"elsewhere", THERE)] * 5)
    place.publish((b"a", HERE), (b"b", THERE))
    assert [(stream.woken, stream.received) for stream in streams] == [(1, b"")] * 2
    assert place.feed.waiter_count() == 0


async def test_more_than_one_page_is_sent_whole():
    place = SampleFeed(await Core.recover(MemoryStore(), CoreContext(time.time)))
    (stream,) = place.streams(1)
    place.publish(*[(b"a", HERE)] * 250)
    assert stream.received.split() == [b"%da" % id for id in range(250)]


async def test_failed_rendering_fails_all_members(place):
    streams = place.streams(2)
    place.publish((7, HERE))
    assert [type(stream.error) for stream in streams] == [TypeError] * 2


async def test_closing_feed_wakes_all_members(place):
    streams = place.streams(2)
    place.feed.close()
    assert [stream.woken for stream in streams] == [1, 1]


async def test_leaving_is_allowed_twice_and_without_joining(place):
    first, second = place.streams(2)
    for stream in (first, first, second):
        stream.group.leave(stream)
    assert place.feed.waiter_count() == 0


async def test_one_group_per_audience_and_transport(place):
    group = place.group()
    assert place.group() is group
    assert place.group(form="sse") is not group
    assert place.group(replace(SUBSCRIPTION, topics=(HERE, THERE))) is not group
    assert place.group(replace(SUBSCRIPTION, audience="a seat")) is not group


async def test_empty_group_is_released(place):
    (stream,) = place.streams(1)
    stream.group.leave(stream)
    del stream
    gc.collect()
    assert not len(place.groups._groups)
