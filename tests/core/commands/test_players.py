"""Players of one game: their keys, names and data."""

import hashlib

import pytest

from coalserver.core import topics
from coalserver.core.commands.players import (
    record_login,
    record_logout,
    register_player,
    rename_player,
    rotate_private_key,
    save_game_data,
    save_player_data,
)
from coalserver.domain.accounts.events import PlayerLoggedOut, TokenRevoked
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.events import LobbyMemberAway, RoomMemberAway
from coalserver.domain.play.game import Game
from coalserver.domain.play.player import Player
from tests.domain.builders import raises_code


def digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def player(table, id):
    return table.state.get(Player, id)


def test_a_player_of_a_game_is_bound_to_it(table):
    made, _ = table.execute(register_player, game="free", name="Pat", data=b'{"level":1}')
    assert (made.name, made.game, made.data) == ("Pat", "free", b'{"level":1}')
    assert (made.guest, made.created) == (False, table.now)


def test_a_private_key_has_36_hex_digits_and_only_its_digest_is_kept(table):
    made, secret = table.execute(register_player, game="free", name="Pat")
    assert (len(secret), int(secret, 16) > 0) == (36, True)
    assert player(table, made.id).secret_digest == digest(secret)


def test_two_players_may_have_one_name(table):
    assert table.make_player(name="Pat") != table.make_player(name="Pat")


def test_a_game_nobody_made_has_no_players(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(register_player, game="chess", name="Pat")


def test_a_new_key_proves_the_player_and_the_old_one_no_more(table):
    pat = table.make_player()
    old = player(table, pat).secret_digest
    secret = table.execute(rotate_private_key, player_id=pat)
    assert table.state.first(Player, "key", digest(secret)).id == pat
    assert table.state.first(Player, "key", old) is None


def test_who_listens_with_the_old_key_is_told(table):
    pat = table.make_player()
    table.execute(rotate_private_key, player_id=pat)
    assert table.events(TokenRevoked, topics.player(pat)) == [TokenRevoked(pat, 0)]


def test_who_has_no_key_gets_none(table):
    with raises_code(ErrorCode.INVALID_TOKEN):
        table.execute(rotate_private_key, player_id=table.make_guest())


def test_a_player_is_renamed(table):
    pat = table.make_player()
    table.now += 5
    table.execute(rename_player, player_id=pat, name="Kim")
    assert (player(table, pat).name, player(table, pat).updated) == ("Kim", table.now)


def test_coming_and_going_is_noted(table):
    pat = table.make_player()
    assert (player(table, pat).last_login, player(table, pat).last_logout) == (None, None)
    table.execute(record_login, player_id=pat)
    table.now += 5
    table.execute(record_logout, player_id=pat)
    seen = player(table, pat)
    assert (seen.last_login, seen.last_logout) == (table.now - 5, table.now)


def test_who_goes_is_away_at_once_wherever_he_sits(table):
    pat = table.make_player()
    room = table.make_room(table.make_guest(), pat)
    lobby = table.make_lobby(table.make_guest(), pat)
    table.execute(record_logout, player_id=pat)
    assert table.room(room.id).roster.get_seat(pat).away
    assert table.lobby(lobby.id).roster.get_seat(pat).away
    assert [
        event.away for event in table.events(RoomMemberAway) + table.events(LobbyMemberAway)
    ] == [True] * 2


def test_who_goes_keeps_his_seat_and_his_key(table):
    pat = table.make_player()
    room = table.make_room(table.make_guest(), pat)
    key = player(table, pat).secret_digest
    table.execute(record_logout, player_id=pat)
    assert pat in table.room(room.id).roster
    assert player(table, pat).secret_digest == key


def test_what_he_still_holds_open_is_told(table):
    pat = table.make_player()
    table.execute(record_logout, player_id=pat)
    assert table.events(PlayerLoggedOut, topics.player(pat)) == [PlayerLoggedOut(pat)]


def test_what_is_kept_for_a_player_is_replaced(table):
    pat = table.make_player()
    table.execute(save_player_data, player_id=pat, data=b'{"level":2}')
    assert (player(table, pat).data, player(table, pat).data_version) == (b'{"level":2}', 1)


def test_who_has_seen_an_older_version_does_not_replace_it(table):
    pat = table.make_player()
    table.execute(save_player_data, player_id=pat, data=b'{"level":2}', expected=0)
    with raises_code(ErrorCode.VERSION_CONFLICT, version=1):
        table.execute(save_player_data, player_id=pat, data=b'{"level":3}', expected=0)
    assert player(table, pat).data == b'{"level":2}'


def test_the_shared_data_of_a_game_is_replaced(table):
    table.execute(save_game_data, game="free", data=b'{"text":"hello"}')
    game = table.state.first(Game, "tag", "free")
    assert (game.data, game.data_version, game.data_updated) == (
        b'{"text":"hello"}',
        1,
        table.now,
    )


def test_shared_data_that_has_changed_since_is_not_replaced(table):
    table.execute(save_game_data, game="free", data=b"{}", expected=0)
    with raises_code(ErrorCode.VERSION_CONFLICT, version=1):
        table.execute(save_game_data, game="free", data=b"[]", expected=0)


def test_a_game_nobody_made_keeps_nothing(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(save_game_data, game="chess", data=b"{}")


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (rotate_private_key, {}),
        (rename_player, {"name": "Kim"}),
        (record_login, {}),
        (record_logout, {}),
        (save_player_data, {"data": b"{}"}),
    ],
)
def test_nobody_is_not_found(table, command, asked):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(command, player_id=99, **asked)
