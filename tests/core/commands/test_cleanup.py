"""Expiry of tokens, guests, groups, actions, bans and idempotency records."""

import pytest

from coalserver.core.commands import cleanup, members
from coalserver.core.commands.accounts import create_guest, revoke_token
from coalserver.core.commands.cleanup import (
    RETENTION_SECONDS,
    close_idle_rooms,
    delete_expired_actions,
    delete_expired_bans,
    delete_expired_guests,
    delete_expired_idempotency_records,
    delete_expired_lobbies,
    delete_expired_rooms,
    revoke_expired_tokens,
)
from coalserver.core.commands.hosts import log_in_host, register_host
from coalserver.core.commands.idempotency import find_idempotent_result, save_idempotency_record
from coalserver.core.commands.join_requests import request_to_join
from coalserver.core.commands.messages import answer_action, send_action
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.rooms import take_turn
from coalserver.domain.errors import ErrorCode
from coalserver.domain.idempotency import IdempotencyRecord
from coalserver.domain.play.actions import Action, ActionStatus, Target
from coalserver.domain.play.events import RoomClosed
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban, Player, Token
from coalserver.domain.play.room import Room
from tests.domain.builders import raises_code

DAY = 86400


def delete_expired_groups(table):
    """Delete the lobbies and rooms that were closed a day ago; return their number."""
    return sum(
        table.execute(delete, retention_seconds=DAY)
        for delete in (delete_expired_rooms, delete_expired_lobbies)
    )


def test_closed_groups_expire_with_their_join_requests(table):
    ann = table.make_guest()
    lobby, room = table.make_lobby(ann), table.make_room(ann)
    table.execute(request_to_join, lobby_id=lobby.id, player_id=table.make_guest())
    table.execute(members.close, kind=Lobby, id=lobby.id, by=ann)
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    table.now += DAY - 1
    assert delete_expired_groups(table) == 0
    table.now += 1
    assert delete_expired_groups(table) == 2
    assert [table.state.count(kind) for kind in (Lobby, Room, JoinRequest)] == [0, 0, 0]


def test_open_groups_never_expire(table):
    ann = table.make_guest()
    table.make_lobby(ann)
    table.make_started_room(ann, game="free")
    table.now += 30 * DAY
    assert delete_expired_groups(table) == 0


def test_started_lobby_expires_after_the_end_of_its_room(table):
    ann = table.make_guest()
    room = table.make_started_room(ann, game="free")
    table.now += 30 * DAY
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    assert delete_expired_groups(table) == 0
    table.now += DAY
    assert delete_expired_groups(table) == 2


def test_idle_room_is_closed(table):
    room = table.make_started_room(table.make_guest(), game="free", keep_seats=True)
    table.now += 7 * DAY - 1
    assert table.execute(close_idle_rooms, idle_seconds=7 * DAY) == 0
    table.now += 1
    assert table.execute(close_idle_rooms, idle_seconds=7 * DAY) == 1
    assert table.events(RoomClosed) == [RoomClosed("free", room.id, "expired")]
    assert table.execute(close_idle_rooms, idle_seconds=7 * DAY) == 0


def test_turn_keeps_a_room_from_being_idle(table):
    ann = table.make_guest()
    room = table.make_started_room(ann, game="free", keep_seats=True)
    table.now += 6 * DAY
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={})
    table.now += 6 * DAY
    assert table.execute(close_idle_rooms, idle_seconds=7 * DAY) == 0


def test_token_expires_when_its_player_is_silent_for_its_lifetime(table):
    guest, _ = table.execute(create_guest, name="")
    lobby = table.make_lobby(guest.id)
    last_seen = table.now
    table.now += 30 * DAY
    assert table.execute(revoke_expired_tokens, last_seen={guest.id: last_seen}) == 0
    table.now += 1
    assert table.execute(revoke_expired_tokens, last_seen={guest.id: last_seen + 1}) == 0
    assert table.execute(revoke_expired_tokens, last_seen={guest.id: last_seen}) == 1
    assert (table.state.count(Token), table.lobby(lobby.id).open) == (0, False)


def test_refreshable_token_is_kept(table):
    host, _ = table.execute(register_host, game="hosts")
    table.execute(log_in_host, host_id=host.id)
    table.now += 97 * DAY
    assert table.execute(revoke_expired_tokens, last_seen={}) == 0
    table.now += 1
    assert table.execute(revoke_expired_tokens, last_seen={}) == 1


def test_finished_actions_expire_after_an_hour_and_pending_ones_do_not(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob)
    action = {"room_id": room.id, "sender": ann, "target": Target.OTHERS, "type": "move"}
    (finished,), (pending,) = (table.execute(send_action, **action) for _ in range(2))
    table.execute(answer_action, code=finished.code, by=bob, status=ActionStatus.COMPLETED)
    table.now += 3599
    assert table.execute(delete_expired_actions) == 0
    table.now += 1
    assert table.execute(delete_expired_actions) == 1
    assert list(table.state.all(Action)) == [pending]


def test_expired_bans_are_deleted(table):
    for duration in ("hour", "forever"):
        table.execute(ban, game="free", player_id=table.make_player(), duration=duration)
    table.now += 3600
    assert table.execute(delete_expired_bans) == 1
    assert [one.duration for one in table.state.all(Ban)] == ["forever"]


def test_idempotent_result_is_found_again(table):
    assert table.execute(find_idempotent_result, key_digest="k", request_digest="d") is None
    table.execute(
        save_idempotency_record, key_digest="k", request_digest="d", created_ids={"id": 7}
    )
    assert table.execute(find_idempotent_result, key_digest="k", request_digest="d") == ({"id": 7},)


def test_idempotent_result_may_be_empty(table):
    table.execute(save_idempotency_record, key_digest="k", request_digest="d", created_ids=None)
    assert table.execute(find_idempotent_result, key_digest="k", request_digest="d") == (None,)


def test_other_request_with_the_same_key_is_refused(table):
    table.execute(save_idempotency_record, key_digest="k", request_digest="d", created_ids=7)
    with raises_code(ErrorCode.IDEMPOTENCY_KEY_REUSED):
        table.execute(find_idempotent_result, key_digest="k", request_digest="other")


@pytest.mark.parametrize(("age", "left"), [(RETENTION_SECONDS - 1, 2), (RETENTION_SECONDS, 1)])
def test_idempotency_records_expire_after_a_day(table, age, left):
    table.execute(save_idempotency_record, key_digest="old", request_digest="d", created_ids=1)
    table.now += age
    table.execute(save_idempotency_record, key_digest="new", request_digest="d", created_ids=2)
    table.execute(delete_expired_idempotency_records)
    assert table.state.count(IdempotencyRecord) == left


def test_idempotency_records_are_deleted_in_batches(table):
    for number in range(3):
        table.execute(
            save_idempotency_record, key_digest=str(number), request_digest="d", created_ids=number
        )
    table.now += RETENTION_SECONDS
    assert [table.execute(delete_expired_idempotency_records, limit=2) for _ in range(3)] == [
        2,
        1,
        0,
    ]


def test_number_of_idempotency_records_is_limited(table, monkeypatch):
    monkeypatch.setattr(cleanup, "MAX_IDEMPOTENCY_RECORDS", 3)
    for number in range(5):
        table.execute(
            save_idempotency_record, key_digest=str(number), request_digest="d", created_ids=number
        )
    assert table.execute(delete_expired_idempotency_records) == 2
    assert min(record.id for record in table.state.all(IdempotencyRecord)) == 3


def test_guest_without_tokens_expires(table):
    guest, _ = table.execute(create_guest, name="Ann")
    table.execute(revoke_token, token_id=1)
    table.now += 99
    assert table.execute(delete_expired_guests, last_seen={}, retention_seconds=100) == 0
    table.now += 1
    assert table.execute(delete_expired_guests, last_seen={}, retention_seconds=100) == 1
    assert table.state.get(Player, guest.id) is None


def test_guest_with_a_token_does_not_expire(table):
    table.execute(create_guest, name="Ann")
    table.now += 1000
    assert table.execute(delete_expired_guests, last_seen={}, retention_seconds=100) == 0
