"""Players of one game: their keys, names and data."""

import hashlib

import pytest

from coalserver.core import topics
from coalserver.core.commands.players import (
    keep_game_data,
    keep_player_data,
    note_login,
    note_logout,
    register_player,
    rename_player,
    rotate_key,
)
from coalserver.domain.accounts.events import SignedOut, TokenEnded
from coalserver.domain.errors import Why
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby_events import MemberAway
from coalserver.domain.play.player import Player
from coalserver.domain.play.room_events import PlayerAway
from tests.domain.builders import refused


def digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def player(table, id):
    return table.state.get(Player, id)


def test_a_player_of_a_game_is_bound_to_it(table):
    made, _ = table.do(register_player, game="free", name="Pat", data=b'{"level":1}')
    assert (made.name, made.game, made.data) == ("Pat", "free", b'{"level":1}')
    assert (made.guest, made.created) == (False, table.now)


def test_a_private_key_has_36_hex_digits_and_only_its_digest_is_kept(table):
    made, secret = table.do(register_player, game="free", name="Pat")
    assert (len(secret), int(secret, 16) > 0) == (36, True)
    assert player(table, made.id).key == digest(secret)


def test_two_players_may_have_one_name(table):
    assert table.a_player(name="Pat") != table.a_player(name="Pat")


def test_a_game_nobody_made_has_no_players(table):
    with refused(Why.GAME_NOT_FOUND):
        table.do(register_player, game="chess", name="Pat")


def test_a_new_key_proves_the_player_and_the_old_one_no_more(table):
    pat = table.a_player()
    old = player(table, pat).key
    secret = table.do(rotate_key, player=pat)
    assert table.state.one(Player, "key", digest(secret)).id == pat
    assert table.state.one(Player, "key", old) is None


def test_who_listens_with_the_old_key_is_told(table):
    pat = table.a_player()
    table.do(rotate_key, player=pat)
    assert table.said(TokenEnded, topics.player(pat)) == [TokenEnded(pat, 0)]


def test_who_has_no_key_gets_none(table):
    with refused(Why.BAD_TOKEN):
        table.do(rotate_key, player=table.a_guest())


def test_a_player_is_renamed(table):
    pat = table.a_player()
    table.now += 5
    table.do(rename_player, player=pat, name="Kim")
    assert (player(table, pat).name, player(table, pat).updated) == ("Kim", table.now)


def test_coming_and_going_is_noted(table):
    pat = table.a_player()
    assert (player(table, pat).last_login, player(table, pat).last_logout) == (None, None)
    table.do(note_login, player=pat)
    table.now += 5
    table.do(note_logout, player=pat)
    seen = player(table, pat)
    assert (seen.last_login, seen.last_logout) == (table.now - 5, table.now)


def test_who_goes_is_away_at_once_wherever_he_sits(table):
    pat = table.a_player()
    room = table.a_room(table.a_guest(), pat)
    lobby = table.a_lobby(table.a_guest(), pat)
    table.do(note_logout, player=pat)
    assert table.room(room.id).roster.of(pat).away
    assert table.lobby(lobby.id).roster.of(pat).away
    assert [event.away for event in table.said(PlayerAway) + table.said(MemberAway)] == [True] * 2


def test_who_goes_keeps_his_seat_and_his_key(table):
    pat = table.a_player()
    room = table.a_room(table.a_guest(), pat)
    key = player(table, pat).key
    table.do(note_logout, player=pat)
    assert pat in table.room(room.id).roster
    assert player(table, pat).key == key


def test_what_he_still_holds_open_is_told(table):
    pat = table.a_player()
    table.do(note_logout, player=pat)
    assert table.said(SignedOut, topics.player(pat)) == [SignedOut(pat)]


def test_what_is_kept_for_a_player_is_replaced(table):
    pat = table.a_player()
    table.do(keep_player_data, player=pat, data=b'{"level":2}')
    assert (player(table, pat).data, player(table, pat).data_version) == (b'{"level":2}', 1)


def test_who_has_seen_an_older_version_does_not_replace_it(table):
    pat = table.a_player()
    table.do(keep_player_data, player=pat, data=b'{"level":2}', expected=0)
    with refused(Why.DATA_CHANGED, version=1):
        table.do(keep_player_data, player=pat, data=b'{"level":3}', expected=0)
    assert player(table, pat).data == b'{"level":2}'


def test_the_shared_data_of_a_game_is_replaced(table):
    table.do(keep_game_data, game="free", data=b'{"text":"hello"}')
    game = table.state.one(Game, "tag", "free")
    assert (game.data, game.data_version, game.data_updated) == (
        b'{"text":"hello"}',
        1,
        table.now,
    )


def test_shared_data_that_has_changed_since_is_not_replaced(table):
    table.do(keep_game_data, game="free", data=b"{}", expected=0)
    with refused(Why.DATA_CHANGED, version=1):
        table.do(keep_game_data, game="free", data=b"[]", expected=0)


def test_a_game_nobody_made_keeps_nothing(table):
    with refused(Why.GAME_NOT_FOUND):
        table.do(keep_game_data, game="chess", data=b"{}")


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (rotate_key, {}),
        (rename_player, {"name": "Kim"}),
        (note_login, {}),
        (note_logout, {}),
        (keep_player_data, {"data": b"{}"}),
    ],
)
def test_nobody_is_not_found(table, command, asked):
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(command, player=99, **asked)
