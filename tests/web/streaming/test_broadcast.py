"""Broadcast groups: members receive each entry once and in order, and none delays the others."""

import gc
import random
import time
from dataclasses import replace

import pytest

from coalserver.core.engine import Core
from coalserver.core.ports import Entry
from coalserver.core.unit_of_work import CoreContext
from coalserver.storage.memory import MemoryStore
from coalserver.web.context import AppContext
from coalserver.web.streaming import broadcast
from coalserver.web.streaming.broadcast import HIGH_WATER_MARK, BroadcastGroups
from coalserver.web.streaming.subscriptions import Subscription
from coalserver.web.streaming.write_queue import WriteQueue
from tests.core.stores import let_others_run

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
    """A member of a group. When woken it looks for itself: it reads on, unless its client is stalled."""

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
        self.look()

    def look(self):
        self.woken += 1
        self.group.leave(self)
        if self.transport.unread > HIGH_WATER_MARK or self.place.feed.closed:
            return
        if not self.place.feed.covers(self.cursor, self.group._subscription.topics):
            if self.place.disk is None:
                return
            self.transport.write(self.place.disk(self.cursor))
            self.cursor = self.place.feed.head
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
        app = AppContext(core)
        self.groups = BroadcastGroups(app)
        #: Returns all frames after a cursor; None: a stream reads nothing from disk.
        self.disk = None
        self.queue = app.per_process(WriteQueue)

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
async def place(request):
    """Return a feed that keeps five entries in memory, or as many as the test is parametrized with."""
    tail = getattr(request, "param", 5)
    return SampleFeed(await Core.recover(MemoryStore(), CoreContext(time.time), tail=tail))


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
    slow.look()
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


async def test_quiet_group_below_the_floor_of_memory_receives_the_next_entry(place):
    streams = place.streams(2)
    for _ in range(10):
        place.publish((b"elsewhere", THERE))
    assert not place.feed.covers(streams[0].cursor, (HERE,))
    place.publish((b"a", HERE))
    assert [(stream.woken, stream.received) for stream in streams] == [(0, b"10a ")] * 2


async def test_members_read_entries_from_disk_themselves(place):
    streams = place.streams(2)
    place.publish((b"a", HERE), *[(b"elsewhere", THERE)] * 5, (b"b", HERE))
    assert [(stream.woken, stream.received) for stream in streams] == [(1, b"")] * 2
    assert place.feed.waiter_count() == 0


async def test_more_than_one_page_is_sent_whole():
    place = SampleFeed(await Core.recover(MemoryStore(), CoreContext(time.time)))
    (stream,) = place.streams(1)
    place.publish(*[(b"a", HERE)] * 250)
    await let_others_run()
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


# Portions.


@pytest.fixture
def turns(place, monkeypatch):
    """Write to two members at a time; return a function that has one more portion written, if any is left."""
    monkeypatch.setattr(broadcast, "CLIENTS_AT_ONCE", 2)
    monkeypatch.setattr(place.queue, "_schedule", lambda: None)

    def next_turn():
        if place.queue._writers:
            place.queue._write_next()
        return bool(place.queue._writers)

    return next_turn


def received(streams):
    return [stream.received for stream in streams]


async def test_many_members_are_written_to_in_portions(place, turns):
    streams = place.streams(5)
    place.publish((b"a", HERE))
    assert received(streams) == [b"0a "] * 2 + [b""] * 3
    assert turns()
    assert received(streams) == [b"0a "] * 4 + [b""]
    assert not turns()
    assert received(streams) == [b"0a "] * 5


async def test_portions_are_written_in_turns_with_everything_else(place, monkeypatch):
    monkeypatch.setattr(broadcast, "CLIENTS_AT_ONCE", 2)
    streams = place.streams(5)
    place.publish((b"a", HERE))
    counts = []
    for _ in range(4):
        counts.append(received(streams).count(b"0a "))
        await let_others_run(1)
    assert counts == [2, 4, 5, 5]


async def test_entries_published_between_portions_follow_in_order(place, turns):
    streams = place.streams(5)
    place.publish((b"a", HERE))
    place.publish((b"b", HERE))
    place.publish((b"c", HERE))
    assert received(streams) == [b"0a "] * 2 + [b""] * 3
    while turns():
        pass
    assert received(streams) == [b"0a 1b 2c "] * 5


async def test_stream_that_joins_between_portions_receives_only_what_is_new(place, turns):
    streams = place.streams(3)
    place.publish((b"a", HERE))
    (late,) = place.streams(1)
    place.publish((b"b", HERE))
    (later,) = place.streams(1)
    while turns():
        pass
    place.publish((b"c", HERE))
    while turns():
        pass
    assert received(streams) == [b"0a 1b 2c "] * 3
    assert received((late, later)) == [b"1b 2c ", b"2c "]


async def test_streams_that_leave_between_portions_know_what_they_have_received(place, turns):
    streams = place.streams(5)
    place.publish((b"a", HERE))
    for stream in streams:
        stream.group.leave(stream)
    assert [stream.cursor for stream in streams] == [0, 0, -1, -1, -1]
    (late,) = place.streams(1)
    while turns():
        pass
    place.publish((b"b", HERE))
    assert received((*streams, late)) == [b"0a "] * 2 + [b""] * 3 + [b"1b "]


async def test_stream_that_is_woken_between_portions_receives_no_entry_twice(place, turns):
    streams = place.streams(5)
    for stream in streams[1:4]:
        place.feed.subscribe((OWN,), stream)
    place.publish((b"a", HERE))
    place.publish((b"mine", OWN))
    assert received(streams) == [b"0a "] * 4 + [b""]
    while turns():
        pass
    place.publish((b"b", HERE))
    while turns():
        pass
    assert received(streams) == [b"0a 2b "] * 5


async def test_entries_that_memory_has_lost_between_portions_are_read_by_the_members(place, turns):
    streams = place.streams(5)
    place.publish((b"a", HERE))
    place.publish((b"b", HERE))
    place.publish(*[(b"elsewhere", THERE)] * 5)
    while turns():
        pass
    assert received(streams) == [b"0a "] * 5
    assert [(stream.woken, stream.cursor) for stream in streams] == [(1, 0)] * 5
    assert place.feed.waiter_count() == 0


async def test_group_whose_members_have_all_left_ends_where_memory_has_lost_its_entries(
    place, turns
):
    streams = place.streams(5)
    place.publish((b"a", HERE))
    place.publish((b"b", HERE))
    place.publish(*[(b"elsewhere", THERE)] * 5)
    for stream in streams:
        stream.group.leave(stream)
    for _ in range(5):
        turns()
    assert not place.queue._writers and place.feed.waiter_count() == 0
    (late,) = place.streams(1)
    place.publish((b"c", HERE))
    assert late.received == b"7c "


async def test_feed_that_closes_between_portions_wakes_all_members_in_portions(
    place, turns, monkeypatch
):
    monkeypatch.setattr(broadcast, "REQUESTS_AT_ONCE", 2)
    streams = place.streams(5)
    place.publish((b"a", HERE))
    place.feed.close()
    counts = [sum(stream.woken for stream in streams)]
    while counts[-1] < 5:
        turns()
        counts.append(sum(stream.woken for stream in streams))
    assert counts == [0, 2, 4, 5]
    assert [stream.cursor for stream in streams] == [0, 0, -1, -1, -1]
    assert place.feed.waiter_count() == 0


async def test_failure_in_a_later_portion_fails_all_members(place, turns, caplog):
    streams = place.streams(5)
    place.publish((b"a", HERE))
    place.publish((7, HERE))
    while turns():
        pass
    assert received(streams) == [b"0a "] * 5
    assert [type(stream.error) for stream in streams] == [TypeError] * 5
    assert "A group of clients failed and is stopped." in caplog.text


async def test_groups_take_turns(place, turns):
    streams = place.streams(5)
    others = place.group(form="sse")
    others = [Stream(place, others) for _ in range(5)]
    place.publish((b"a", HERE))
    assert [received(each).count(b"0a ") for each in (streams, others)] == [2, 0]
    counts = []
    while turns():
        counts.append([received(each).count(b"0a ") for each in (streams, others)])
    assert counts == [[4, 0], [4, 2], [5, 2], [5, 4]]
    assert received((*streams, *others)) == [b"0a "] * 10


@pytest.mark.parametrize("place", [2, 5, 1000], indirect=True)
@pytest.mark.parametrize("seed", range(40))
async def test_whatever_happens_between_portions_each_stream_receives_all_entries_once(
    place, turns, seed
):
    dice = random.Random(seed)
    here = []

    def read_disk(cursor):
        return b"".join(here[sum(int(entry.split(b"n")[0]) <= cursor for entry in here) :])

    place.disk = read_disk
    since = {stream: 0 for stream in place.streams(7)}
    for number in range(60):
        stream = dice.choice(list(since))
        match dice.randrange(7):
            case 0 | 1:
                here.append(b"%dn%d " % (place.feed.head + 1, number))
                place.publish((b"n%d" % number, HERE))
            case 2:
                place.publish((b"there", THERE))
            case 3:
                turns()
            case 4:
                # It is woken by its own topic, or reads again after it was slow.
                stream.look()
            case 5:
                stream.transport.unread = dice.choice([0, 10, HIGH_WATER_MARK])
                stream.group.slow_down(stream)
            case 6:
                (late,) = place.streams(1)
                since[late] = len(here)
    for stream in since:
        stream.transport.unread = 0
    while turns():
        pass
    for stream, start in since.items():
        stream.look()
        assert stream.received == b"".join(here[start:])
