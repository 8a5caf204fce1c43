"""The source of truth changes what a room is; members send one another commands."""

import json

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.cleanup import delete_expired_lobbies_and_rooms
from coalserver.core.commands.hosts import (
    join_host,
    launch_room,
    register_host,
    update_host_profile,
)
from coalserver.core.commands.synced_state import send_binary, send_command, update_synced_state
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import BinarySent, CommandSent, SyncedStateChanged
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import MAX_PATCH_BYTES, SyncedState
from tests.domain.builders import raises_code


class Played:
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

    def change(self, **what):
        asked = {"room_id": self.room, "by": self.host, "secret": self.secret, **what}
        return self.table.execute(update_synced_state, **asked)

    @property
    def truth(self):
        return self.table.state.get(SyncedState, self.room)

    @property
    def state(self):
        return json.loads(self.truth.snapshot())


@pytest.fixture
def played(table):
    return Played(table)


def test_a_patch_is_said_and_a_whole_state_is_only_spoken_of(played):
    first, version = played.change(state=b'{"a":1}')
    second, after = played.change(patch=b'{"b":2}')
    assert (version, after, played.state) == (1, 2, {"a": 1, "b": 2})
    game, room, host = "hosts", played.room, played.host
    assert played.table.events(at=topics.synced_state(room)) == [
        SyncedStateChanged(game, room, host, 1, None),
        SyncedStateChanged(game, room, host, 2, b'{"b":2}'),
    ]
    assert played.truth.entry == second.id > first.id


def test_a_patch_that_is_too_large_to_be_said_counts_as_a_whole_state(played):
    played.change(patch=json.dumps({"a": "x" * MAX_PATCH_BYTES}).encode())
    (said,) = played.table.events(SyncedStateChanged)
    assert (said.patch, played.truth.patches) == (None, ())


def test_only_who_holds_its_key_changes_the_state(played):
    for secret in ("", "f" * 32):
        with raises_code(ErrorCode.NOT_HOST):
            played.change(secret=secret, state=b"1")
    assert played.truth is None


def test_whoever_holds_the_key_and_sits_there_changes_the_state(played):
    played.change(by=played.guest, state=b"1")
    with raises_code(ErrorCode.NOT_MEMBER):
        played.change(by=99, state=b"1")


def test_a_room_without_a_source_of_truth_keeps_no_state(table):
    player = table.make_player()
    room = table.make_room(player)
    with raises_code(ErrorCode.NOT_HOST):
        table.execute(update_synced_state, room_id=room.id, by=player, secret="", state=b"1")


def test_what_a_room_is_ends_with_it_and_is_forgotten_with_it(played, table):
    played.change(state=b"1")
    table.execute(members.leave, kind=Room, id=played.room, player_id=played.host)
    with raises_code(ErrorCode.ROOM_ENDED):
        played.change(state=b"2")
    assert played.state == 1
    table.execute(delete_expired_lobbies_and_rooms, retention_seconds=0)
    assert played.truth is None


def test_a_command_is_for_all_or_for_one(played, table):
    sent = {"room_id": played.room, "sender": played.guest}
    table.execute(send_command, **sent, name="jump")
    table.execute(send_command, **sent, name="hit", data=b"[1]", to=played.other)
    to_all, to_one = topics.commands(played.room), topics.updates(played.room, played.other)
    game, room, sender = "hosts", played.room, played.guest
    assert table.events(at=to_all) == [CommandSent(game, room, sender, "jump", b"null")]
    assert table.events(at=to_one) == [CommandSent(game, room, sender, "hit", b"[1]")]


def test_a_command_goes_from_member_to_member(played, table):
    with raises_code(ErrorCode.TARGET_NOT_MEMBER):
        table.execute(send_command, room_id=played.room, sender=played.guest, name="x", to=99)
    for command, said in ((send_command, {"name": "x"}), (send_binary, {"data": "AA=="})):
        with raises_code(ErrorCode.NOT_MEMBER):
            table.execute(command, room_id=played.room, sender=99, **said)
        with raises_code(ErrorCode.ROOM_NOT_FOUND):
            table.execute(command, room_id=99, sender=played.guest, **said)


def test_what_is_no_json_is_sent_to_all_others(played, table):
    table.execute(send_binary, room_id=played.room, sender=played.guest, data="AA==")
    expected = BinarySent("hosts", played.room, played.guest, "AA==")
    assert table.events(at=topics.commands(played.room)) == [expected]
