"""Shutting a player out of a game, and letting him in again."""

import pytest

from coalserver.core import topics
from coalserver.core.commands.bans import ban, unban
from coalserver.core.commands.lobbies import leave_lobby, open_lobby
from coalserver.domain.accounts.events import PlayerBanned, PlayerUnbanned
from coalserver.domain.errors import Why
from coalserver.domain.play.lobby import Ending
from coalserver.domain.play.lobby_events import MemberLeft
from coalserver.domain.play.player import Ban
from coalserver.domain.play.room_events import PlayerLeft
from tests.domain.builders import refused, some_rules


def test_a_ban_says_how_long_and_why(table):
    pat = table.a_player()
    made = table.do(ban, game="free", player=pat, duration="day", reason="rude")
    assert (made.player, made.game, made.duration, made.reason) == (pat, "free", "day", "rude")
    assert (made.since, made.until, len(made.code)) == (table.now, table.now + 86400, 32)


def test_a_ban_for_ever_has_no_end(table):
    pat = table.a_player()
    assert table.do(ban, game="free", player=pat, duration="forever").until is None


def test_who_is_banned_is_told(table):
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="hour", reason="rude")
    expected = [PlayerBanned("free", pat, "rude", table.now + 3600)]
    assert table.said(PlayerBanned, topics.player(pat)) == expected


def test_a_ban_frees_every_seat_in_the_game_and_says_why(table):
    ann = table.a_guest("Ann")
    lobby = table.a_lobby(table.a_guest(), ann)
    room = table.a_room(table.a_guest(), ann)
    table.do(ban, game="free", player=ann, duration="hour")
    assert ann not in table.lobby(lobby.id).roster
    assert ann not in table.room(room.id).roster
    assert table.said(MemberLeft) == [MemberLeft("free", lobby.id, ann, "Ann", "banned")]
    assert table.said(PlayerLeft) == [PlayerLeft("free", room.id, ann, "Ann", 1, "banned")]


def test_a_ban_frees_a_seat_that_could_not_be_left(table):
    ann = table.a_guest()
    room = table.a_room(table.a_guest(), ann, can_leave=False)
    table.do(ban, game="free", player=ann, duration="hour")
    assert ann not in table.room(room.id).roster


def test_a_seat_in_another_game_stays(table):
    ann = table.a_guest()
    elsewhere = table.a_lobby(ann, game="noughts")
    table.a_lobby(ann)
    table.do(ban, game="free", player=ann, duration="hour")
    assert ann in table.lobby(elsewhere.id).roster


def test_without_its_host_a_lobby_is_gone(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann, table.a_guest())
    table.do(ban, game="free", player=ann, duration="hour")
    assert table.lobby(lobby.id).ending is Ending.HOST_LEFT


def test_a_ban_from_a_game_of_two_decides_it(table):
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob)
    table.do(ban, game="noughts", player=bob, duration="hour")
    assert table.room(room.id).outcome == b'{"winner":0}'


def test_rules_that_fail_keep_nobody_from_being_banned(table):
    def left(state, seat):
        raise ZeroDivisionError

    table.teach("free", some_rules(left=left))
    ann, bob = table.a_guest(), table.a_guest()
    room = table.a_started(ann, bob, game="free")
    table.do(ban, game="free", player=bob, duration="hour")
    assert (list(table.room(room.id).roster), table.room(room.id).over) == ([ann], True)


def test_a_new_ban_takes_the_place_of_the_older(table):
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="forever")
    newer = table.do(ban, game="free", player=pat, duration="hour")
    assert table.state.find(Ban, "player", ("free", pat)) == [newer]


def test_who_once_sat_in_a_game_can_be_banned_from_it(table):
    ann = table.a_guest()
    lobby = table.a_lobby(ann)
    table.do(leave_lobby, lobby_id=lobby.id, player=ann)
    table.do(ban, game="free", player=ann, duration="hour")
    with refused(Why.BANNED):
        table.do(open_lobby, game="free", player=ann, name="")


@pytest.mark.parametrize("way", ["lobby", "joined lobby", "room", "joined room"])
def test_every_way_to_a_seat_is_remembered(table, way):
    ann, host = table.a_guest(), table.a_guest()
    members = (host, ann) if way.startswith("joined") else (ann,)
    (table.a_lobby if way.endswith("lobby") else table.a_room)(*members)
    table.do(ban, game="free", player=ann, duration="hour")


def test_who_never_sat_in_a_game_is_not_found_in_it(table):
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(ban, game="free", player=table.a_guest(), duration="hour")


def test_a_player_of_another_game_is_not_found(table):
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(ban, game="free", player=table.a_player("noughts"), duration="hour")


def test_a_duration_without_a_name_is_refused(table):
    with refused(Why.MALFORMED):
        table.do(ban, game="free", player=table.a_player(), duration="fortnight")


def test_a_game_nobody_made_bans_nobody(table):
    with refused(Why.GAME_NOT_FOUND):
        table.do(ban, game="chess", player=table.a_player(), duration="hour")


def test_who_is_let_in_again_may_play_and_is_told(table):
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="forever")
    assert table.do(unban, game="free", player=pat) == 1
    assert table.said(PlayerUnbanned, topics.player(pat)) == [PlayerUnbanned("free", pat)]
    table.a_lobby(pat)


def test_who_was_not_banned_is_let_in_by_nothing(table):
    pat = table.a_player()
    assert table.do(unban, game="free", player=pat) == 0
    assert table.said(PlayerUnbanned) == []


def test_a_ban_that_is_over_does_not_count(table):
    pat = table.a_player()
    table.do(ban, game="free", player=pat, duration="hour")
    table.now += 3600
    assert table.do(unban, game="free", player=pat) == 0


def test_a_player_of_another_game_is_not_let_in(table):
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(unban, game="free", player=table.a_player("noughts"))
