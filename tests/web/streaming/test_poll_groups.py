"""Groups of parked polls: work for each event and not for each poll, and everything that ends parking."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from coalserver.core.commands import members
from coalserver.core.commands.accounts import revoke_token
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.players import token_by_secret
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Token
from coalserver.domain.play.room import Room
from coalserver.web.connections import Connection as ServerConnection
from coalserver.web.connections import ConnectionRunner
from coalserver.web.context import AppContext
from coalserver.web.streaming import parked_poll, poll_group
from coalserver.web.streaming.parked_poll import ParkingProtocol, ParkingRunner
from coalserver.web.streaming.poll_group import PollGroups
from coalserver.web.streaming.write_queue import WriteQueue
from tests.core.stores import let_others_run
from tests.web.streaming.parking_server import (
    URL,
    Connection,
    ParkingServer,
    run_parking_server,
)

BOTH_WAYS = pytest.mark.parametrize("runner", [ParkingRunner, ConnectionRunner])


@pytest.fixture
async def server() -> AsyncIterator[ParkingServer]:
    async with run_parking_server() as one:
        yield one


@pytest.fixture
async def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], object]:
    """Return a function that sets the time of the event loop forward and lets its timers run."""
    loop = asyncio.get_running_loop()
    original, ahead = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: original() + ahead[0])

    async def forward(seconds: float) -> None:
        ahead[0] += seconds
        await let_others_run()

    return forward


def app_of(server: ParkingServer) -> AppContext:
    return next(one for one in server.server.connections if one._plan is not None)._plan.app


def groups_of(server: ParkingServer) -> PollGroups:
    return app_of(server).per_process(PollGroups)


def lines_in(body: bytes) -> list[bytes]:
    return re.findall(rb"line \d+", body)


async def park(server: ParkingServer, token: str = "", **more: object) -> Connection:
    """Return a new connection with a parked poll at the head."""
    connection, count = await server.connect(), server.parked_count
    connection.send_poll(token or server.token, server.core.feed.head, **more)
    await server.until_parked(count + 1)
    return connection


async def park_again(server: ParkingServer, *connections: Connection, token: str = "") -> None:
    """Answer parked polls by a message, and park the next ones."""
    await server.send_chat("again")
    for connection in connections:
        assert b"again" in (await connection.read_response())[2]
        connection.send_poll(token or server.token, server.core.feed.head)
    await server.until_parked(len(connections))


def protocol_of(server: ParkingServer) -> ParkingProtocol:
    (protocol,) = server.server.connections
    return protocol


# Work.


async def test_event_is_rendered_once_for_all_polls(server, monkeypatch):
    connections = [await park(server) for _ in range(20)]
    calls = []
    read_memory = poll_group.read_memory
    monkeypatch.setattr(
        poll_group, "read_memory", lambda *args: calls.append(args) or read_memory(*args)
    )
    await park_again(server, *connections)
    assert len(calls) == 1


async def test_repeated_polls_make_no_subscription_timer_or_waiter(server, monkeypatch):
    connections = [await park(server) for _ in range(5)]
    plans = [protocol._plan for protocol in server.parked_connections]
    entries = [protocol._entry for protocol in server.parked_connections]
    calls = []
    for protocol, plan in zip(server.parked_connections, plans, strict=True):
        protocol._plan = replace(plan, subscribe=lambda: calls.append("subscribe"))
    feed = server.core.feed
    for name in ("subscribe", "unsubscribe", "add_waiter"):
        monkeypatch.setattr(feed, name, lambda *args, **kwargs: calls.append("waiter"))
    for _ in range(3):
        await park_again(server, *connections)
    assert calls == []
    assert sorted(entries) == sorted(one._entry for one in server.parked_connections)
    monkeypatch.undo()


async def test_polls_of_one_kind_share_a_group_which_ends_with_its_last_member(server):
    _, carol = await server.join("Carol")
    connections = [await park(server), await park(server, carol), await park(server)]
    groups = groups_of(server)
    assert [group.members for group in groups._groups.values()] == [3]
    for connection in connections:
        connection.writer.close()
    await server.until(lambda: not groups._groups)
    assert server.core.feed.waiter_count() == 0 and not server.core.presence._holders


async def test_waiters_are_counted_as_polls_and_not_as_connections(server):
    connections = [await park(server) for _ in range(3)]
    # Each waits on the topics of the lobby, of its chat and of the player.
    assert server.core.feed.waiter_count() == 3
    await server.send_chat("hello")
    for connection in connections:
        await connection.read_response()
    assert server.core.feed.waiter_count() == 0


async def test_activity_is_recorded_at_most_once_a_second(server, monkeypatch):
    now = server.core.clocks.steady()
    monkeypatch.setattr(server.core.clocks, "steady", lambda: now)
    notes = []
    connection = await park(server)
    monkeypatch.setattr(server.core.writer, "record_last_seen", lambda *args: notes.append(args))
    for _ in range(5):
        await park_again(server, connection)
    assert notes == []
    now += 1
    for _ in range(5):
        await park_again(server, connection)
    assert notes == [(server.bob, now)]


# Trap 1: the rights of a poll change while it reads from disk.


@BOTH_WAYS
async def test_member_who_is_kicked_while_catching_up_hears_no_more_chat(runner, monkeypatch):
    async with run_parking_server(runner, tail=5) as server:
        for number in range(10):
            await server.core.execute(
                open_lobby, game="pong", player_id=server.ann, name=f"room {number}"
            )
        connection, core = await server.connect(), server.core
        entries, reading, kicked = core._store.entries, asyncio.Event(), asyncio.Event()

        async def slow_entries(*args):
            reading.set()
            await kicked.wait()
            return await entries(*args)

        monkeypatch.setattr(core._store, "entries", slow_entries)
        # After its own joining, and before what memory holds.
        connection.send_poll(server.token, 3)
        await asyncio.wait_for(reading.wait(), 5)
        await server.kick(server.bob)
        for number in range(10, 20):
            await core.execute(open_lobby, game="pong", player_id=server.ann, name=f"room {number}")
        kicked.set()
        received, cursor = b"", 3
        while b"the end" not in received:
            if b"user_leave" in received:
                await server.until_waiting()
                await server.send_chat("secret")
                await server.join("the end")
            _, head, body = await connection.read_response()
            received += body
            cursor = int(re.search(rb"X-Event-Cursor: (\d+)", head)[1])
            connection.send_poll(server.token, cursor)
        assert b"user_leave" in received and b"secret" not in received


# Trap 2: each poll of a group has a control topic of its own.


async def test_second_member_of_a_group_is_looked_at_alone(server):
    carol, token = await server.join("Carol")
    first, second = await park(server), await park(server, token)
    first.writer.close()
    await server.until_parked(1)
    await server.kick(carol)
    assert b"user_leave" in (await second.read_response())[2]
    second.send_poll(token, server.core.feed.head)
    await server.until_parked(1)
    await server.send_chat("secret")
    await server.join("Dave")
    body = (await second.read_response())[2]
    assert b"Dave" in body and b"secret" not in body


async def test_kicked_player_between_two_polls_is_looked_at_again(server):
    carol, token = await server.join("Carol")
    connection = await park(server, token)
    await server.send_chat("hello")
    await connection.read_response()
    (protocol,) = server.server.connections
    assert protocol._plan is not None
    cursor = server.core.feed.head
    await server.kick(carol)
    assert protocol._plan is None
    connection.send_poll(token, cursor)
    assert b"user_leave" in (await connection.read_response())[2]


# Trap 3: time.


async def test_poll_waits_its_whole_time_although_an_earlier_entry_fires(server, jump):
    connection = await park(server, wait=30)
    await park_again(server, connection)
    protocol = protocol_of(server)
    await jump(20)
    await park_again(server, connection)
    until = protocol._due
    await jump(15)
    assert protocol.there, "the entry of the first poll has fired"
    assert protocol._due == until
    await jump(until - int(asyncio.get_running_loop().time()) + 1)
    assert (await connection.read_response())[2] == b"[]"


async def test_poll_after_a_long_rest_waits_its_whole_time(server, jump):
    connection = await park(server, wait=30)
    await server.send_chat("hello")
    await connection.read_response()
    for _ in range(3):
        await jump(25)
    connection.send_poll(server.token, server.core.feed.head, wait=30)
    await server.until_parked()
    await jump(25)
    assert server.parked_count == 1
    await jump(8)
    assert (await connection.read_response())[2] == b"[]"


async def test_token_that_ends_while_parked_is_refused(server, jump):
    connection = await park(server)
    token = server.core.query(token_by_secret, secret=server.token)
    ended = replace(token, fixed_lifetime=True, created=0.0)
    server.core.state.set(Token, token.id, ended)
    protocol_of(server)._valid_until = ended.created + ended.lifetime
    await jump(40)
    status, _, body = await connection.read_response()
    assert status == 403 and b"auth.invalid" in body


@pytest.mark.parametrize("lifetime", [5.0, 1000.0])
async def test_enrolled_poll_knows_the_end_of_its_token(server, lifetime):
    token = server.core.query(token_by_secret, secret=server.token)
    created = server.core.now
    server.core.state.set(
        Token,
        token.id,
        replace(token, fixed_lifetime=True, created=created, lifetime=lifetime),
    )
    await park(server)
    protocol = protocol_of(server)
    timers = protocol._group.timers
    assert protocol._valid_until == created + lifetime
    assert protocol._entry - timers.now() <= min(lifetime + 1, 30)


# Trap 4: idle connections.


@pytest.mark.parametrize("releases", [True, False])
async def test_connection_that_is_answered_here_is_not_idle(server, monkeypatch, jump, releases):
    monkeypatch.setattr(ServerConnection, "can_release", releases)
    connection = await park(server)
    protocol = protocol_of(server)
    protocol._keepalive_timeout = 75.0
    if not releases:
        protocol._next_keepalive_close_time = 0.0
        protocol._process_keepalive()
    await park_again(server, connection)
    if not releases:
        protocol._next_keepalive_close_time = 0.0
        protocol._process_keepalive()
    await server.send_chat("hello")
    assert b"hello" in (await connection.read_response())[2]
    # Between two polls, and long after the last one.
    await jump(35)
    assert protocol.transport is not None
    protocol._seen -= 80
    if not releases:
        protocol._next_keepalive_close_time = 0.0
        protocol._process_keepalive()
    await jump(35)
    assert await asyncio.wait_for(connection.reader.read(), 5) == b""


# Traps 5 and 6: memory.


async def test_poll_in_a_quiet_room_below_the_floor_of_memory_hears_the_next_event():
    async with run_parking_server(tail=5) as server:
        connection = await park(server)
        for number in range(10):
            await server.core.execute(
                open_lobby, game="pong", player_id=server.ann, name=f"room {number}"
            )
        protocol = protocol_of(server)
        assert protocol.there and int(protocol._digits) < server.core.feed.floor
        await server.send_chat("line 1")
        assert lines_in((await connection.read_response())[2]) == [b"line 1"]
        assert protocol._request_count == 1


async def test_quiet_poll_with_an_old_cursor_is_parked_without_reading_from_disk():
    async with run_parking_server(tail=5) as server:
        connection = await park(server)
        cursor = await server.send_chat("line 1")
        await connection.read_response()
        for number in range(10):
            await server.core.execute(
                open_lobby, game="pong", player_id=server.ann, name=f"room {number}"
            )
        connection.send_poll(server.token, cursor)
        await server.until_parked()
        assert protocol_of(server)._request_count == 1
        await server.send_chat("line 2")
        assert lines_in((await connection.read_response())[2]) == [b"line 2"]


async def send_batch(server: ParkingServer, count: int) -> None:
    """Write many messages in one batch."""
    chats = [
        server.core.execute(
            members.chat, kind=Lobby, id=1, player_id=server.ann, text=f"line {number}"
        )
        for number in range(count)
    ]
    await asyncio.gather(*chats)


@BOTH_WAYS
@pytest.mark.parametrize(("tail", "count"), [(5, 12), (20_000, 250), (20, 250)])
async def test_large_batch_is_heard_once_in_order(runner, tail, count):
    async with run_parking_server(runner, tail=tail) as server:
        connection = await server.connect()
        connection.send_poll(server.token, server.core.feed.head)
        await server.until_waiting()
        await send_batch(server, count)
        received: list[bytes] = []
        while len(received) < count:
            _, head, body = await connection.read_response()
            received += lines_in(body)
            cursor = int(re.search(rb"X-Event-Cursor: (\d+)", head)[1])
            connection.send_poll(server.token, cursor)
        assert received == [b"line %d" % number for number in range(count)]
        await server.until_waiting()


# Trap 7.


async def test_poll_after_a_timeout_is_answered_once(server, jump):
    connection = await park(server, wait=30)
    await jump(31)
    _, head, body = await connection.read_response()
    assert body == b"[]"
    connection.send_poll(server.token, int(re.search(rb"Cursor: (\d+)", head)[1]), wait=30)
    await server.until_parked()
    await server.send_chat("line 1")
    assert lines_in((await connection.read_response())[2]) == [b"line 1"]
    await let_others_run()
    connection.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b'"status":"ok"' in (await connection.read_response())[2]


# Trap 8: a client that polls within the write.


def poll_bytes(token: str, cursor: int) -> bytes:
    return (
        f"GET {URL}?after-event-id={cursor}&wait=30 HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


class PollingTransport:
    """A transport whose client polls again within the write of each answer."""

    def __init__(self, protocol: ParkingProtocol, token: str) -> None:
        # Answers are written to it, and not to the socket.
        protocol.hand_back()
        self._protocol, self._token = protocol, token
        self._transport = protocol.transport
        self.answers: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.answers.append(data)
        found = re.search(rb"X-Event-Cursor: (\d+)", data)
        self._protocol.data_received(poll_bytes(self._token, int(found[1])))

    def get_extra_info(self, name: str) -> None:
        """Return nothing: it has no socket that could be written to."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


@pytest.mark.parametrize("first_is_parked", [True, False])
async def test_client_that_polls_within_the_write_is_parked_at_its_third_poll(
    server, first_is_parked
):
    connection = await server.connect()
    first = poll_bytes(server.token, server.core.feed.head)
    if first_is_parked:
        connection.writer.write(first)
        await server.until_parked()
    else:
        # In pieces, so that the handler waits itself.
        connection.writer.write(first[:40])
        await let_others_run()
        connection.writer.write(first[40:])
        await server.until_waiting()
        assert server.parked_count == 0
    protocol = protocol_of(server)
    transport = PollingTransport(protocol, server.token)
    protocol.transport = transport
    for number in range(6):
        await server.send_chat(f"line {number}")
        await server.until_parked()
        await let_others_run()
    assert [lines_in(answer) for answer in transport.answers] == [
        [b"line %d" % number] for number in range(6)
    ]
    assert protocol._request_count == (1 if first_is_parked else 2)
    protocol.transport = transport._transport


@pytest.mark.parametrize("cursor", [-1, 0])
async def test_first_poll_for_everything_enrols_its_connection(server, cursor):
    connection = await server.connect()
    connection.send_poll(server.token, cursor)
    assert (await connection.read_response())[0] == 200
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked()
    assert protocol_of(server)._request_count == 1


async def test_poll_from_minus_one_on_a_silent_feed_is_parked_from_the_start(server):
    await server.core.execute(start_lobby, lobby_id=1, by=server.ann)
    connection = await server.connect()
    url = "/games/pong/sessions/1/events"
    cursor = -1
    for number in range(3):
        connection.send_poll(server.token, cursor, url=url)
        await server.until_parked()
        entry = await server.core.execute(
            members.chat, kind=Room, id=1, player_id=server.ann, text=f"line {number}"
        )
        assert lines_in((await connection.read_response())[2]) == [b"line %d" % number]
        cursor = entry.id
    assert protocol_of(server)._request_count == 1


# What else ends parking.


async def test_closed_room_tells_all_and_parks_nobody_after_it(server):
    connections = [await park(server) for _ in range(3)]
    groups = groups_of(server)
    await server.core.execute(members.close, kind=Lobby, id=1, by=server.ann)
    for connection in connections:
        assert b"room_gone" in (await connection.read_response())[2]
        connection.send_poll(server.token, server.core.feed.head)
    for connection in connections:
        assert (await connection.read_response())[0] in (400, 404, 410)
    assert server.parked_count == 0 and not groups._groups


@BOTH_WAYS
async def test_last_answer_of_a_server_that_stops_ends_its_connection(runner):
    async with run_parking_server(runner) as server:
        connection = await server.connect()
        connection.send_poll(server.token, server.core.feed.head)
        await server.until_waiting()
        server.core.feed.close()
        status, head, body = await connection.read_response()
        assert (status, body) == (200, b"[]")
        assert b"\r\nConnection: close\r\n" in head
        later = await server.connect()
        later.send_poll(server.token, 0)
        assert b"\r\nConnection: close\r\n" in (await later.read_response())[1]
        assert await later.reader.read() == b""


async def test_poll_answered_while_the_server_stops_is_not_enrolled(server, caplog):
    connection = await server.connect()
    await server.until(lambda: server.server.connections)
    protocol = protocol_of(server)
    server.core.feed.close()
    connection.send_poll(server.token, 0)
    assert (await connection.read_response())[0] == 200
    assert protocol._plan is None and protocol._way == parked_poll.ORDINARY
    # Bytes that came before the end of the connection.
    protocol.data_received(poll_bytes(server.token, 0))
    assert not caplog.text


async def test_expired_group_without_words_for_the_event_asks_again(server):
    connection = await park(server)
    (group,) = groups_of(server)._groups.values()
    group.subscription = replace(group.subscription, still_valid=lambda: False)
    await server.core.execute(lambda uow: uow.emit("an unknown event", ("lobby", 1)))
    protocol = protocol_of(server)
    await server.until(lambda: protocol.there)
    assert protocol._request_count == 2 and protocol._group is not group
    await server.send_chat("hello")
    assert b"hello" in (await connection.read_response())[2]


async def test_player_who_logs_out_is_brought_back_by_the_next_poll(server):
    connection = await park(server)
    presence = server.core.presence
    presence.leave(server.bob)
    assert not server.core.online(server.bob)
    await server.send_chat("hello")
    assert b"hello" in (await connection.read_response())[2]
    assert not server.core.online(server.bob)
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked()
    assert server.core.online(server.bob) and protocol_of(server)._request_count == 2


async def test_slow_client_is_handled_by_aiohttp(server):
    connection = await park(server)
    protocol = protocol_of(server)
    await server.send_chat("hello")
    await connection.read_response()
    protocol.pause_writing()
    assert protocol._plan is None
    protocol.resume_writing()
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked()
    assert protocol._request_count == 2


async def test_revoked_token_between_polls_is_refused(server):
    connection = await park(server)
    await server.send_chat("hello")
    await connection.read_response()
    token = server.core.query(token_by_secret, secret=server.token)
    await server.core.execute(revoke_token, token_id=token.id)
    connection.send_poll(server.token, server.core.feed.head)
    assert (await connection.read_response())[0] == 403


async def test_poll_that_cannot_be_answered_closes_those_that_still_wait(server, caplog):
    connections = [await park(server) for _ in range(3)]

    class Broken:
        def write(self, data: bytes) -> None:
            raise RuntimeError("no more")

        def __getattr__(self, name: str) -> object:
            return getattr(transport, name)

    broken = list(groups_of(server)._groups.values())[0].waiting
    protocol = list(broken)[1]
    await server.until(lambda: protocol.released)
    protocol.hand_back()
    transport, protocol.transport = protocol.transport, Broken()
    await server.send_chat("hello")
    async with asyncio.timeout(5):
        answers = [await connection.reader.read(1 << 16) for connection in connections]
    assert sum(b"hello" in answer for answer in answers) == 1
    await server.until(lambda: server.parked_count == 0)
    await park(server)
    transport.abort()


async def test_short_wait_is_parked_and_ends_in_time(server):
    connection = await server.connect()
    for text in ("first", "second", "third"):
        connection.send_poll(server.token, server.core.feed.head, wait=1)
        await server.until_parked()
        await server.send_chat(text)
        assert text.encode() in (await connection.read_response())[2]
    connection.send_poll(server.token, server.core.feed.head, wait=1)
    assert (await connection.read_response())[2] == b"[]"
    assert protocol_of(server)._request_count == 1
    assert not protocol_of(server).released and parked_poll.ODD == 3


@pytest.mark.parametrize("cut", [1, 40, -1])
async def test_bytes_that_are_no_whole_poll_are_never_parked(server, cut):
    connection = await park(server)
    await server.send_chat("hello")
    await connection.read_response()
    (group,) = groups_of(server)._groups.values()
    # While rights must be checked, no digits are equal.
    group.digits = None
    request = poll_bytes(server.token, server.core.feed.head)
    connection.writer.write(request[:cut])
    await let_others_run()
    assert server.parked_count == 0
    connection.writer.write(request[cut:])
    await server.until_waiting()
    await server.send_chat("whole")
    assert b"whole" in (await connection.read_response())[2]


# Portions.


@pytest.fixture
def turns(server: ParkingServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Answer two polls at a time; return a function that has two more answered, and whether any are left."""
    monkeypatch.setattr(poll_group, "CLIENTS_AT_ONCE", 2)
    monkeypatch.setattr(WriteQueue, "_schedule", lambda self: None)

    def next_turn() -> bool:
        queue = app_of(server).per_process(WriteQueue)
        if queue._writers:
            queue._write_next()
        return bool(queue._writers)

    return next_turn


async def park_five(server: ParkingServer) -> list[Connection]:
    """Return five connections with a parked poll each. Two are answered at the next event."""
    connections = [await park(server) for _ in range(5)]
    await server.until(lambda: all(one.released for one in server.parked_connections))
    return connections


async def test_event_that_concerns_many_has_their_polls_handled_again_in_portions(server, turns):
    """They have left their group before anything else is written to it."""
    connections = await park_five(server)
    (group,) = groups_of(server)._groups.values()

    def asked() -> int:
        return 10 - sum(one._request_count for one in server.server.connections)

    await server.kick(server.bob)
    assert not group.waiting and asked() == 5 and server.core.feed.waiter_count() == 5
    await server.send_chat("for members alone")
    for left in (4, 3, 2, 1):
        assert turns() and asked() == left
    assert not turns() and asked() == 0
    for connection in connections:
        status, _, body = await connection.read_response()
        assert status == 200 and b"for members alone" not in body


async def test_poll_that_times_out_before_its_turn_is_handled_again(server, turns):
    connections = await park_five(server)
    await server.kick(server.bob)
    protocols = server.server.connections
    for protocol in protocols:
        protocol._due = 0
        protocol.expire()
    assert [one._request_count for one in protocols] == [2] * 5
    for connection in connections:
        # Not `[]`, after which the next poll would be parked without a look at its rights.
        assert b"user_leave" in (await connection.read_response())[2]


async def test_poll_that_ends_before_its_turn_is_not_handled_again(server, turns):
    connections = await park_five(server)
    await server.kick(server.bob)
    for connection in connections:
        connection.writer.transport.abort()
    await server.until(lambda: not server.server.connections)
    assert server.core.feed.waiter_count() == 0


async def test_many_polls_are_answered_in_portions(server, turns):
    connections = await park_five(server)
    await server.send_chat("line 1")
    assert server.parked_count == server.core.feed.waiter_count() == 3
    assert turns() and server.parked_count == 1
    assert not turns() and server.parked_count == 0
    for connection in connections:
        assert lines_in((await connection.read_response())[2]) == [b"line 1"]


async def test_other_requests_run_between_portions(server, monkeypatch):
    monkeypatch.setattr(poll_group, "CLIENTS_AT_ONCE", 2)
    connections = await park_five(server)
    counts, publish = [], server.core.feed.publish

    def publish_and_count(entries):
        publish(entries)
        for _ in range(3):
            asyncio.get_running_loop().call_soon(lambda: counts.append(server.parked_count))

    monkeypatch.setattr(server.core.feed, "publish", publish_and_count)
    await server.send_chat("line 1")
    for connection in connections:
        assert lines_in((await connection.read_response())[2]) == [b"line 1"]
    # The second portion is written in the next iteration, before what was scheduled after it.
    assert counts == [1, 1, 1]


async def test_polls_that_are_answered_later_miss_nothing(server, turns):
    connections = await park_five(server)
    first = await server.send_chat("line 1")
    await server.until(lambda: sum(bool(one.reader._buffer) for one in connections) == 2)
    answered = [one for one in connections if one.reader._buffer]
    for connection in answered:
        assert lines_in((await connection.read_response())[2]) == [b"line 1"]
        connection.send_poll(server.token, first)
    await server.until_parked(5)
    await server.send_chat("line 2")
    while turns():
        pass
    for connection in connections:
        if connection not in answered:
            _, head, body = await connection.read_response()
            assert lines_in(body) == [b"line 1"]
            connection.send_poll(server.token, int(re.search(rb"Cursor: (\d+)", head)[1]))
        assert lines_in((await connection.read_response())[2]) == [b"line 2"]


async def test_poll_that_ends_between_portions_receives_what_it_is_due(server, turns, jump):
    connections = await park_five(server)
    await server.send_chat("line 1")
    await jump(40)
    assert server.parked_count == 0
    for connection in connections:
        assert lines_in((await connection.read_response())[2]) == [b"line 1"]
    assert not turns()


async def test_member_who_is_kicked_between_portions_is_looked_at_again(server, turns):
    carol, token = await server.join("Carol")
    kicked = await park(server, token)
    connections = await park_five(server)
    # The first that was parked is the last that is answered.
    await server.send_chat("line 1")
    await server.kick(carol)
    while turns():
        pass
    for connection in connections:
        assert lines_in((await connection.read_response())[2]) == [b"line 1"]
    body = (await kicked.read_response())[2]
    assert b"user_leave" in body and b"line" not in body


async def test_clients_that_disconnect_between_portions_are_left_out(server, turns, caplog):
    connections = await park_five(server)
    await server.send_chat("line 1")
    await server.until(lambda: sum(bool(one.reader._buffer) for one in connections) == 2)
    for connection in connections:
        if not connection.reader._buffer:
            connection.writer.close()
    await server.until_parked(0)
    assert not turns() and server.core.feed.waiter_count() == 0 and not caplog.text


async def test_request_behind_a_poll_that_is_answered_later_follows_its_answer(server, turns):
    connections = await park_five(server)
    await server.send_chat("line 1")
    for connection in connections:
        connection.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    await let_others_run()
    while turns():
        pass
    for connection in connections:
        assert lines_in((await connection.read_response())[2]) == [b"line 1"]
        assert b'"status":"ok"' in (await connection.read_response())[2]


async def test_server_that_stops_between_portions_answers_all_polls(server, turns):
    connections = await park_five(server)
    await server.send_chat("line 1")
    server.core.feed.close()
    assert server.parked_count == 0
    for connection in connections:
        assert lines_in((await connection.read_response())[2]) == [b"line 1"]


async def test_failure_in_a_later_portion_closes_the_polls_that_are_left(
    server, turns, monkeypatch, caplog
):
    connections = await park_five(server)
    await server.send_chat("line 1")
    monkeypatch.setattr(ParkingProtocol, "answer", None)
    while turns():
        pass
    async with asyncio.timeout(5):
        answers = [await connection.reader.read(1 << 16) for connection in connections]
    assert sum(b"line 1" in answer for answer in answers) == 2 and answers.count(b"") == 3
    assert "A group of clients failed and is stopped." in caplog.text
    assert server.parked_count == 0
