"""Shutting a player out of a game, and letting him in again."""

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
from tests.domain.builders import make_rules, raises_code


def test_a_ban_says_how_long_and_why(table):
    pat = table.make_player()
    made = table.execute(ban, game="free", player_id=pat, duration="day", reason="rude")
    assert (made.player, made.game, made.duration, made.reason) == (pat, "free", "day", "rude")
    assert (made.created_at, made.until, len(made.code)) == (table.now, table.now + 86400, 32)


def test_a_ban_for_ever_has_no_end(table):
    pat = table.make_player()
    assert table.execute(ban, game="free", player_id=pat, duration="forever").until is None


def test_who_is_banned_is_told(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour", reason="rude")
    expected = [PlayerBanned("free", pat, "rude", table.now + 3600)]
    assert table.events(PlayerBanned, topics.player(pat)) == expected


def test_a_ban_frees_every_seat_in_the_game_and_says_why(table):
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


def test_a_ban_frees_a_seat_that_could_not_be_left(table):
    ann = table.make_guest()
    room = table.make_room(table.make_guest(), ann, can_leave=False)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert ann not in table.room(room.id).roster


def test_a_seat_in_another_game_stays(table):
    ann = table.make_guest()
    elsewhere = table.make_lobby(ann, game="noughts")
    table.make_lobby(ann)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert ann in table.lobby(elsewhere.id).roster


def test_without_its_host_a_lobby_is_gone(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann, table.make_guest())
    table.execute(ban, game="free", player_id=ann, duration="hour")
    assert table.lobby(lobby.id).close_reason is CloseReason.HOST_LEFT


def test_a_ban_from_a_game_of_two_decides_it(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    table.execute(ban, game="noughts", player_id=bob, duration="hour")
    assert table.room(room.id).outcome == b'{"winner":0}'


def test_rules_that_fail_keep_nobody_from_being_banned(table):
    def left(state, seat):
        raise ZeroDivisionError

    table.set_rules("free", make_rules(left=left))
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    table.execute(ban, game="free", player_id=bob, duration="hour")
    assert (list(table.room(room.id).roster), table.room(room.id).ended) == ([ann], True)


def test_a_new_ban_takes_the_place_of_the_older(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="forever")
    newer = table.execute(ban, game="free", player_id=pat, duration="hour")
    assert table.state.find(Ban, "player", ("free", pat)) == [newer]


def test_who_once_sat_in_a_game_can_be_banned_from_it(table):
    ann = table.make_guest()
    lobby = table.make_lobby(ann)
    table.execute(members.leave, kind=Lobby, id=lobby.id, player_id=ann)
    table.execute(ban, game="free", player_id=ann, duration="hour")
    with raises_code(ErrorCode.BANNED):
        table.execute(open_lobby, game="free", player_id=ann, name="")


@pytest.mark.parametrize("way", ["lobby", "joined lobby", "room", "joined room"])
def test_every_way_to_a_seat_is_remembered(table, way):
    ann, host = table.make_guest(), table.make_guest()
    members = (host, ann) if way.startswith("joined") else (ann,)
    (table.make_lobby if way.endswith("lobby") else table.make_room)(*members)
    table.execute(ban, game="free", player_id=ann, duration="hour")


def test_who_never_sat_in_a_game_is_not_found_in_it(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(ban, game="free", player_id=table.make_guest(), duration="hour")


def test_a_player_of_another_game_is_not_found(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(ban, game="free", player_id=table.make_player("noughts"), duration="hour")


def test_a_duration_without_a_name_is_refused(table):
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(ban, game="free", player_id=table.make_player(), duration="fortnight")


def test_a_game_nobody_made_bans_nobody(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(ban, game="chess", player_id=table.make_player(), duration="hour")


def test_who_is_let_in_again_may_play_and_is_told(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="forever")
    assert table.execute(unban, game="free", player_id=pat) == 1
    assert table.events(PlayerUnbanned, topics.player(pat)) == [PlayerUnbanned("free", pat)]
    table.make_lobby(pat)


def test_who_was_not_banned_is_let_in_by_nothing(table):
    pat = table.make_player()
    assert table.execute(unban, game="free", player_id=pat) == 0
    assert table.events(PlayerUnbanned) == []


def test_a_ban_that_is_over_does_not_count(table):
    pat = table.make_player()
    table.execute(ban, game="free", player_id=pat, duration="hour")
    table.now += 3600
    assert table.execute(unban, game="free", player_id=pat) == 0


def test_a_player_of_another_game_is_not_let_in(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(unban, game="free", player_id=table.make_player("noughts"))
