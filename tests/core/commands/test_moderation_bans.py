"""Bans: their effects on seats, their end, and unbanning."""

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.commands.moderation import ban, unban
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import (
    LobbyMemberLeft,
    PlayerBanned,
    PlayerUnbanned,
    RoomMemberLeft,
)
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.player import Ban
from tests.domain.builders import failing_rule, make_rules, raises_code


def test_ban_has_duration_reason_and_code(table):
    pat = table.make_player()
    created = table.execute(ban, game="free", player_id=pat, duration="day", reason="rude")
    assert (created.player, created.game, created.duration, created.reason) == (
        pat,
        "free",
        "day",
        "rude",
    )
    assert (created.created_at, created.until, len(created.code)) == (
        table.now,
        table.now + 86400,
        32,
    )


def test_permanent_ban_has_no_end(table):
    pat = table.make_player()
    assert table.execute(ban, game="free", player_id=pat, duration="forever").until is None


def test_banned_player_receives_player_banned(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour", reason="rude")
    expected = [PlayerBanned("free", pat, "rude", table.now + 3600)]
    assert table.events(PlayerBanned, topics.player(pat)) == expected


def test_ban_removes_the_player_from_all_groups_of_the_game(table):
    ann = table.make_guest("Ann")
    lobby = table.make_lobby(table.make_guest(), ann)
    room = table.make_room(table.make_guest(), ann)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert ann not in table.lobby(lobby.id).roster
    assert ann not in table.room(room.id).roster
    assert table.events(LobbyMemberLeft) == [
        LobbyMemberLeft("free", lobby.id, ann, "Ann", "banned")
    ]
    assert table.events(RoomMemberLeft) == [
        RoomMemberLeft("free", room.id, ann, "Ann", 1, "banned")
    ]


def test_ban_removes_a_player_who_cannot_leave(table):
    ann = table.make_guest()
    room = table.make_room(table.make_guest(), ann, can_leave=False)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert ann not in table.room(room.id).roster


def test_ban_keeps_seats_in_other_games(table):
    ann = table.make_guest()
    other_lobby = table.make_lobby(ann, game="noughts")
    table.make_lobby(ann)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert ann in table.lobby(other_lobby.id).roster


def test_lobby_of_a_banned_host_is_closed(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, table.make_guest())
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert table.lobby(lobby.id).close_reason is CloseReason.CLOSED


def test_ban_of_one_of_two_players_decides_the_game(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    table.execute(ban, game="noughts", player_id=bob, duration="hour")
    assert table.room(room.id).outcome == b'{"winner":0}'


def test_failing_rules_do_not_prevent_a_ban(table):
    table.set_rules("free", make_rules(left=failing_rule))
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.execute(ban, game="free", player_id=bob, duration="hour")
    assert (list(table.room(room.id).roster), table.room(room.id).ended) == ([ann], True)


def test_new_ban_replaces_the_previous_one(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="forever")
    newer = table.execute(ban, game="free", player_id=pat, duration="hour")
    assert table.state.find(Ban, "player", ("free", pat)) == [newer]


def test_player_who_has_left_can_be_banned(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=ann)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    with raises_code(ErrorCode.BANNED):
        table.execute(open_lobby, game="free", player_id=ann, name="")


@pytest.mark.parametrize("seat", ["lobby", "joined lobby", "room", "joined room"])
def test_player_with_any_kind_of_seat_can_be_banned(table, seat):
    ann, host = table.make_guest(), table.make_guest()
    members = (host, ann) if seat.startswith("joined") else (ann,)
    (table.make_lobby if seat.endswith("lobby") else table.make_room)(*members)
    table.execute(ban, game="free", player_id=ann, duration="hour")


def test_player_who_never_had_a_seat_is_not_found(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(ban, game="free", player_id=table.make_guest(), duration="hour")


def test_player_of_another_game_cannot_be_banned(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(ban, game="free", player_id=table.make_player("noughts"), duration="hour")


def test_unknown_duration_is_refused(table):
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(ban, game="free", player_id=table.make_player(), duration="fortnight")


def test_unknown_game_raises_game_not_found(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(ban, game="chess", player_id=table.make_player(), duration="hour")


def test_unbanned_player_may_play_and_receives_player_unbanned(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="forever")
    assert table.execute(unban, game="free", player_id=pat) == 1
    assert table.events(PlayerUnbanned, topics.player(pat)) == [PlayerUnbanned("free", pat)]
    table.make_lobby(pat)


def test_unban_of_a_player_without_a_ban_does_nothing(table):
    pat = table.make_player()
    assert table.execute(unban, game="free", player_id=pat) == 0
    assert table.events(PlayerUnbanned) == []


def test_expired_ban_does_not_count(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour")
    table.now += 3600
    assert table.execute(unban, game="free", player_id=pat) == 0


def test_player_of_another_game_cannot_be_unbanned(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(unban, game="free", player_id=table.make_player("noughts"))
