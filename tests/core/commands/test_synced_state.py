"""Synced state from the source of truth; commands and binary messages of members."""

import json

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.cleanup import delete_expired_rooms
from coalserver.core.commands.hosts import (
    join_host,
    launch_room,
    register_host,
    update_host_profile,
)
from coalserver.core.commands.synced_state import (
    send_binary,
    send_command,
    snapshot_synced_states,
    update_synced_state,
)
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import BinarySent, CommandSent, SyncedStateChanged
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import MAX_PATCH_BYTES, SyncedState
from tests.domain.builders import raises_code


class HostedRoom:
    """A room with its host, who is the source of truth, and two guests."""

    def __init__(self, table):
        self.table = table
        self.host, self.guest, self.other = (
            table.execute(register_host, game="hosts")[0].id for _ in range(3)
        )
        table.execute(update_host_profile, host_id=self.host, only_friends=False)
        room, self.secret = table.execute(launch_room, host_id=self.host)
        self.room = room.id
        for guest in (self.guest, self.other):
            table.execute(join_host, host_id=self.host, guest_id=guest)

    def update(self, **params):
        kwargs = {"room_id": self.room, "by": self.host, "secret": self.secret, **params}
        return self.table.execute(update_synced_state, **kwargs)

    @property
    def synced_state(self):
        return self.table.state.get(SyncedState, self.room)

    @property
    def state(self):
        return json.loads(self.synced_state.snapshot())


@pytest.fixture
def hosted_room(table):
    return HostedRoom(table)


def test_patch_is_emitted_and_a_full_state_only_announced(hosted_room):
    first, version = hosted_room.update(state=b'{"a":1}')
    second, after = hosted_room.update(patch=b'{"b":2}')
    assert (version, after, hosted_room.state) == (1, 2, {"a": 1, "b": 2})
    game, room, host = "hosts", hosted_room.room, hosted_room.host
    assert hosted_room.table.events(at=topics.synced_state(room)) == [
        SyncedStateChanged(game, room, host, 1, None),
        SyncedStateChanged(game, room, host, 2, b'{"b":2}'),
    ]
    assert hosted_room.synced_state.entry == second.id > first.id


def test_large_patch_counts_as_a_full_state(hosted_room):
    hosted_room.update(patch=json.dumps({"a": "x" * MAX_PATCH_BYTES}).encode())
    (event,) = hosted_room.table.events(SyncedStateChanged)
    assert (event.patch, hosted_room.synced_state.patches) == (None, ())


def test_only_the_holder_of_the_secret_updates_the_state(hosted_room):
    for secret in ("", "f" * 32):
        with raises_code(ErrorCode.NOT_HOST):
            hosted_room.update(secret=secret, state=b"1")
    assert hosted_room.synced_state is None


def test_any_member_with_the_secret_updates_the_state(hosted_room):
    hosted_room.update(by=hosted_room.guest, state=b"1")
    with raises_code(ErrorCode.NOT_MEMBER):
        hosted_room.update(by=99, state=b"1")


def test_room_without_a_source_of_truth_has_no_state(table):
    player = table.make_player()
    room = table.make_room(player)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(update_synced_state, room_id=room.id, by=player, secret="", state=b"1")


def test_state_ends_and_expires_with_its_room(hosted_room, table):
    hosted_room.update(state=b"1")
    table.execute(members.leave, kind=Room, id=hosted_room.room, player_id=hosted_room.host)
    with raises_code(ErrorCode.ROOM_ENDED):
        hosted_room.update(state=b"2")
    assert hosted_room.state == 1
    table.execute(delete_expired_rooms, retention_seconds=0)
    assert hosted_room.synced_state is None


def test_command_is_emitted_to_all_or_to_one_member(hosted_room, table):
    message = {"room_id": hosted_room.room, "sender": hosted_room.guest}
    table.execute(send_command, **message, name="jump")
    table.execute(send_command, **message, name="hit", data=b"[1]", to=hosted_room.other)
    to_all, to_one = (
        topics.commands(hosted_room.room),
        topics.updates(hosted_room.room, hosted_room.other),
    )
    game, room, sender = "hosts", hosted_room.room, hosted_room.guest
    assert table.events(at=to_all) == [CommandSent(game, room, sender, "jump", b"null")]
    assert table.events(at=to_one) == [CommandSent(game, room, sender, "hit", b"[1]")]


def test_command_requires_members_of_the_room(hosted_room, table):
    with raises_code(ErrorCode.TARGET_NOT_MEMBER):
        table.execute(
            send_command, room_id=hosted_room.room, sender=hosted_room.guest, name="x", to=99
        )
    for command, params in ((send_command, {"name": "x"}), (send_binary, {"data": "AA=="})):
        with raises_code(ErrorCode.NOT_MEMBER):
            table.execute(command, room_id=hosted_room.room, sender=99, **params)
        with raises_code(ErrorCode.ROOM_NOT_FOUND):
            table.execute(command, room_id=99, sender=hosted_room.guest, **params)


def test_binary_message_is_emitted_to_all_others(hosted_room, table):
    table.execute(send_binary, room_id=hosted_room.room, sender=hosted_room.guest, data="AA==")
    expected = BinarySent("hosts", hosted_room.room, hosted_room.guest, "AA==")
    assert table.events(at=topics.commands(hosted_room.room)) == [expected]


def test_few_bytes_of_states_become_snapshots_at_once(table):
    def save(uow):
        for id in range(1, 6):
            state = b'{"a":"%b"}' % (b"x" * 40_000)
            uow.save(SyncedState(id, state=state, patches=(b'{"b":1}',)))

    table.execute(save)
    some = {"before": table.now, "ids": range(1, 10)}
    made = [table.execute(snapshot_synced_states, **some) for _ in range(4)]
    assert made == [2, 2, 1, 0]
    assert table.state.get(SyncedState, 1).state.endswith(b'"b":1}')
