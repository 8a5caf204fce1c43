"""What time does: forgetting what nobody needs, ending what nobody uses."""

import pytest

from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest, revoke_token
from coalserver.core.commands.cleanup import (
    RETENTION_SECONDS,
    close_idle_rooms,
    delete_expired_actions,
    delete_expired_bans,
    delete_expired_guests,
    delete_expired_idempotency_records,
    delete_expired_lobbies_and_rooms,
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


def test_what_closed_long_ago_is_forgotten_with_what_was_asked_there(table):
    ann = table.make_guest()
    lobby, room = table.make_lobby(ann), table.make_room(ann)
    table.execute(request_to_join, lobby_id=lobby.id, player_id=table.make_guest())
    table.execute(members.close, kind=Lobby, id=lobby.id, by=ann)
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    table.now += DAY - 1
    assert table.execute(delete_expired_lobbies_and_rooms, retention_seconds=DAY) == 0
    table.now += 1
    assert table.execute(delete_expired_lobbies_and_rooms, retention_seconds=DAY) == 2
    assert [table.state.count(kind) for kind in (Lobby, Room, JoinRequest)] == [0, 0, 0]


def test_what_is_open_is_never_forgotten(table):
    ann = table.make_guest()
    table.make_lobby(ann)
    table.make_started_room(ann, game="free")
    table.now += 30 * DAY
    assert table.execute(delete_expired_lobbies_and_rooms, retention_seconds=DAY) == 0


def test_a_lobby_that_has_started_is_remembered_from_the_end_of_its_room(table):
    ann = table.make_guest()
    room = table.make_started_room(ann, game="free")
    table.now += 30 * DAY
    table.execute(members.close, kind=Room, id=room.id, by=ann)
    assert table.execute(delete_expired_lobbies_and_rooms, retention_seconds=DAY) == 0
    table.now += DAY
    assert table.execute(delete_expired_lobbies_and_rooms, retention_seconds=DAY) == 2


def test_a_room_in_which_nothing_happens_is_abandoned(table):
    room = table.make_started_room(table.make_guest(), game="free", keep_seats=True)
    table.now += 7 * DAY - 1
    assert table.execute(close_idle_rooms, idle_seconds=7 * DAY) == 0
    table.now += 1
    assert table.execute(close_idle_rooms, idle_seconds=7 * DAY) == 1
    assert table.events(RoomClosed) == [RoomClosed("free", room.id, "expired")]
    assert table.execute(close_idle_rooms, idle_seconds=7 * DAY) == 0


def test_a_turn_keeps_a_room(table):
    ann = table.make_guest()
    room = table.make_started_room(ann, game="free", keep_seats=True)
    table.now += 6 * DAY
    table.execute(take_turn, room_id=room.id, player_id=ann, turn={})
    table.now += 6 * DAY
    assert table.execute(close_idle_rooms, idle_seconds=7 * DAY) == 0


def test_a_token_ends_when_its_player_has_been_silent_for_as_long_as_it_lasts(table):
    guest, _ = table.execute(create_guest, name="")
    lobby = table.make_lobby(guest.id)
    heard = table.now
    table.now += 30 * DAY
    assert table.execute(revoke_expired_tokens, last_seen={guest.id: heard}) == 0
    table.now += 1
    assert table.execute(revoke_expired_tokens, last_seen={guest.id: heard + 1}) == 0
    assert table.execute(revoke_expired_tokens, last_seen={guest.id: heard}) == 1
    assert (table.state.count(Token), table.lobby(lobby.id).open) == (0, False)


def test_a_token_that_can_still_be_renewed_is_kept(table):
    host, _ = table.execute(register_host, game="hosts")
    table.execute(log_in_host, host_id=host.id)
    table.now += 97 * DAY
    assert table.execute(revoke_expired_tokens, last_seen={}) == 0
    table.now += 1
    assert table.execute(revoke_expired_tokens, last_seen={}) == 1


def test_answers_are_forgotten_after_an_hour_and_what_waits_is_not(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob)
    asked = {"room_id": room.id, "sender": ann, "target": Target.OTHERS, "type": "move"}
    (done,), (waiting,) = (table.execute(send_action, **asked) for _ in range(2))
    table.execute(answer_action, code=done.code, by=bob, status=ActionStatus.COMPLETED)
    table.now += 3599
    assert table.execute(delete_expired_actions) == 0
    table.now += 1
    assert table.execute(delete_expired_actions) == 1
    assert list(table.state.all(Action)) == [waiting]


def test_bans_that_are_over_are_forgotten(table):
    for duration in ("hour", "forever"):
        table.execute(ban, game="free", player_id=table.make_player(), duration=duration)
    table.now += 3600
    assert table.execute(delete_expired_bans) == 1
    assert [one.duration for one in table.state.all(Ban)] == ["forever"]


def test_what_a_request_made_is_remembered(table):
    assert table.execute(find_idempotent_result, key_digest="k", request_digest="d") is None
    table.execute(
        save_idempotency_record, key_digest="k", request_digest="d", created_ids={"id": 7}
    )
    assert table.execute(find_idempotent_result, key_digest="k", request_digest="d") == ({"id": 7},)


def test_a_request_that_made_nothing_is_remembered_too(table):
    table.execute(save_idempotency_record, key_digest="k", request_digest="d", created_ids=None)
    assert table.execute(find_idempotent_result, key_digest="k", request_digest="d") == (None,)


def test_another_request_under_the_same_key_is_refused(table):
    table.execute(save_idempotency_record, key_digest="k", request_digest="d", created_ids=7)
    with raises_code(ErrorCode.IDEMPOTENCY_KEY_REUSED):
        table.execute(find_idempotent_result, key_digest="k", request_digest="other")


@pytest.mark.parametrize(("waited", "left"), [(RETENTION_SECONDS - 1, 2), (RETENTION_SECONDS, 1)])
def test_receipts_are_forgotten_after_a_day(table, waited, left):
    table.execute(save_idempotency_record, key_digest="old", request_digest="d", created_ids=1)
    table.now += waited
    table.execute(save_idempotency_record, key_digest="new", request_digest="d", created_ids=2)
    table.execute(delete_expired_idempotency_records)
    assert table.state.count(IdempotencyRecord) == left


def test_receipts_are_forgotten_in_pieces(table):
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


def test_a_guest_who_cannot_come_back_is_forgotten_after_a_while(table):
    guest, _ = table.execute(create_guest, name="Nobody")
    table.execute(revoke_token, token_id=1)
    table.now += 99
    assert table.execute(delete_expired_guests, last_seen={}, retention_seconds=100) == 0
    table.now += 1
    assert table.execute(delete_expired_guests, last_seen={}, retention_seconds=100) == 1
    assert table.state.get(Player, guest.id) is None


def test_a_guest_with_a_token_is_not_forgotten(table):
    table.execute(create_guest, name="Ann")
    table.now += 1000
    assert table.execute(delete_expired_guests, last_seen={}, retention_seconds=100) == 0
