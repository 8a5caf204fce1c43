"""What time does: forgetting what nobody needs, ending what nobody uses."""

import pytest

from coalserver.core.commands.accounts import end_token, sign_in_guest
from coalserver.core.commands.bans import ban
from coalserver.core.commands.cleanup import (
    abandon_idle_rooms,
    end_old_tokens,
    forget_answered_actions,
    forget_closed,
    forget_ended_bans,
    forget_guests,
)
from coalserver.core.commands.hosts import register_host, sign_in_host
from coalserver.core.commands.idempotency import (
    KEPT_SECONDS,
    forget_receipts,
    keep_receipt,
    kept_receipt,
)
from coalserver.core.commands.join_requests import ask_to_join
from coalserver.core.commands.lobbies import close_lobby
from coalserver.core.commands.messages import answer_action, send_action
from coalserver.core.commands.rooms import close_room, take_turn
from coalserver.domain.errors import Why
from coalserver.domain.play.actions import Action, JoinRequest, Progress, Target
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban, Player, Receipt, Token
from coalserver.domain.play.room import Room
from coalserver.domain.play.room_events import RoomClosed
from tests.domain.builders import refused

DAY = 86400


def test_what_closed_long_ago_is_forgotten_with_what_was_asked_there(table):
    ann = table.a_guest()
    lobby, room = table.a_lobby(ann), table.a_room(ann)
    table.do(ask_to_join, lobby_id=lobby.id, player=table.a_guest())
    table.do(close_lobby, lobby_id=lobby.id, by=ann)
    table.do(close_room, room_id=room.id, by=ann)
    table.now += DAY - 1
    assert table.do(forget_closed, kept=DAY) == 0
    table.now += 1
    assert table.do(forget_closed, kept=DAY) == 2
    assert [table.state.count(kind) for kind in (Lobby, Room, JoinRequest)] == [0, 0, 0]


def test_what_is_open_is_never_forgotten(table):
    ann = table.a_guest()
    table.a_lobby(ann)
    table.a_started(ann, game="free")
    table.now += 30 * DAY
    assert table.do(forget_closed, kept=DAY) == 0


def test_a_lobby_that_has_started_is_remembered_from_the_end_of_its_room(table):
    ann = table.a_guest()
    room = table.a_started(ann, game="free")
    table.now += 30 * DAY
    table.do(close_room, room_id=room.id, by=ann)
    assert table.do(forget_closed, kept=DAY) == 0
    table.now += DAY
    assert table.do(forget_closed, kept=DAY) == 2


def test_a_room_in_which_nothing_happens_is_abandoned(table):
    room = table.a_started(table.a_guest(), game="free", keep_seats=True)
    table.now += 7 * DAY - 1
    assert table.do(abandon_idle_rooms, idle=7 * DAY) == 0
    table.now += 1
    assert table.do(abandon_idle_rooms, idle=7 * DAY) == 1
    assert table.said(RoomClosed) == [RoomClosed("free", room.id, "expired")]
    assert table.do(abandon_idle_rooms, idle=7 * DAY) == 0


def test_a_turn_keeps_a_room(table):
    ann = table.a_guest()
    room = table.a_started(ann, game="free", keep_seats=True)
    table.now += 6 * DAY
    table.do(take_turn, room_id=room.id, player=ann, turn={})
    table.now += 6 * DAY
    assert table.do(abandon_idle_rooms, idle=7 * DAY) == 0


def test_a_token_ends_when_its_player_has_been_silent_for_as_long_as_it_lasts(table):
    guest, _ = table.do(sign_in_guest, name="")
    lobby = table.a_lobby(guest.id)
    heard = table.now
    table.now += 30 * DAY
    assert table.do(end_old_tokens, signs={guest.id: heard}) == 0
    table.now += 1
    assert table.do(end_old_tokens, signs={guest.id: heard + 1}) == 0
    assert table.do(end_old_tokens, signs={guest.id: heard}) == 1
    assert (table.state.count(Token), table.lobby(lobby.id).open) == (0, False)


def test_a_token_that_can_still_be_renewed_is_kept(table):
    host, _ = table.do(register_host, game="hosts")
    table.do(sign_in_host, host=host.id)
    table.now += 97 * DAY
    assert table.do(end_old_tokens, signs={}) == 0
    table.now += 1
    assert table.do(end_old_tokens, signs={}) == 1


def test_answers_are_forgotten_after_an_hour_and_what_waits_is_not(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_room(ann, bob)
    asked = {"room_id": room.id, "sender": ann, "target": Target.OTHERS, "type": "move"}
    (done,), (waiting,) = (table.do(send_action, **asked) for _ in range(2))
    table.do(answer_action, code=done.code, by=bob, progress=Progress.COMPLETED)
    table.now += 3599
    assert table.do(forget_answered_actions) == 0
    table.now += 1
    assert table.do(forget_answered_actions) == 1
    assert list(table.state.all(Action)) == [waiting]


def test_bans_that_are_over_are_forgotten(table):
    for duration in ("hour", "forever"):
        table.do(ban, game="free", player=table.a_player(), duration=duration)
    table.now += 3600
    assert table.do(forget_ended_bans) == 1
    assert [one.duration for one in table.state.all(Ban)] == ["forever"]


def test_what_a_request_made_is_remembered(table):
    assert table.do(kept_receipt, key="k", digest="d") is None
    table.do(keep_receipt, key="k", digest="d", made={"id": 7})
    assert table.do(kept_receipt, key="k", digest="d") == ({"id": 7},)


def test_a_request_that_made_nothing_is_remembered_too(table):
    table.do(keep_receipt, key="k", digest="d", made=None)
    assert table.do(kept_receipt, key="k", digest="d") == (None,)


def test_another_request_under_the_same_key_is_refused(table):
    table.do(keep_receipt, key="k", digest="d", made=7)
    with refused(Why.KEY_REUSED):
        table.do(kept_receipt, key="k", digest="other")


@pytest.mark.parametrize(("waited", "left"), [(KEPT_SECONDS - 1, 2), (KEPT_SECONDS, 1)])
def test_receipts_are_forgotten_after_a_day(table, waited, left):
    table.do(keep_receipt, key="old", digest="d", made=1)
    table.now += waited
    table.do(keep_receipt, key="new", digest="d", made=2)
    table.do(forget_receipts)
    assert table.state.count(Receipt) == left


def test_receipts_are_forgotten_in_pieces(table):
    for number in range(3):
        table.do(keep_receipt, key=str(number), digest="d", made=number)
    table.now += KEPT_SECONDS
    assert [table.do(forget_receipts, most=2) for _ in range(3)] == [2, 1, 0]


def test_a_guest_who_cannot_come_back_is_forgotten_after_a_while(table):
    guest, _ = table.do(sign_in_guest, name="Nobody")
    table.do(end_token, token_id=1)
    table.now += 99
    assert table.do(forget_guests, signs={}, kept=100) == 0
    table.now += 1
    assert table.do(forget_guests, signs={}, kept=100) == 1
    assert table.state.get(Player, guest.id) is None


def test_a_guest_with_a_token_is_not_forgotten(table):
    table.do(sign_in_guest, name="Ann")
    table.now += 1000
    assert table.do(forget_guests, signs={}, kept=100) == 0
