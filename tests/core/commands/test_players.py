"""Players bound to one game: keys, names, data and presence."""

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


def find_player(table, id):
    return table.state.get(Player, id)


def test_registered_player_is_bound_to_the_game(table):
    player, _ = table.execute(register_player, game="free", name="Pat", data=b'{"level":1}')
    assert (player.name, player.game, player.data) == ("Pat", "free", b'{"level":1}')
    assert (player.guest, player.created) == (False, table.now)


def test_private_key_has_36_hex_digits_and_is_stored_by_its_digest(table):
    player, secret = table.execute(register_player, game="free", name="Pat")
    assert (len(secret), int(secret, 16) > 0) == (36, True)
    assert find_player(table, player.id).secret_digest == digest(secret)


def test_two_players_may_have_the_same_name(table):
    assert table.make_player(name="Pat") != table.make_player(name="Pat")


def test_unknown_game_has_no_players(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(register_player, game="chess", name="Pat")


def test_rotated_key_replaces_the_previous_one(table):
    pat = table.make_player()
    old = find_player(table, pat).secret_digest
    secret = table.execute(rotate_private_key, player_id=pat)
    assert table.state.first(Player, "key", digest(secret)).id == pat
    assert table.state.first(Player, "key", old) is None


def test_rotation_emits_token_revoked(table):
    pat = table.make_player()
    table.execute(rotate_private_key, player_id=pat)
    assert table.events(TokenRevoked, topics.player(pat)) == [TokenRevoked(pat, 0)]


def test_player_without_a_key_cannot_rotate_it(table):
    with raises_code(ErrorCode.INVALID_TOKEN):
        table.execute(rotate_private_key, player_id=table.make_guest())


def test_player_is_renamed(table):
    pat = table.make_player()
    table.now += 5
    table.execute(rename_player, player_id=pat, name="Kim")
    assert (find_player(table, pat).name, find_player(table, pat).updated) == ("Kim", table.now)


def test_login_and_logout_times_are_recorded(table):
    pat = table.make_player()
    assert (find_player(table, pat).last_login, find_player(table, pat).last_logout) == (None, None)
    table.execute(record_login, player_id=pat)
    table.now += 5
    table.execute(record_logout, player_id=pat)
    player = find_player(table, pat)
    assert (player.last_login, player.last_logout) == (table.now - 5, table.now)


def test_logout_marks_the_player_away_everywhere(table):
    pat = table.make_player()
    room = table.make_room(table.make_guest(), pat)
    lobby = table.make_lobby(table.make_guest(), pat)
    table.execute(record_logout, player_id=pat)
    assert table.room(room.id).roster.get_seat(pat).away
    assert table.lobby(lobby.id).roster.get_seat(pat).away
    assert [
        event.away for event in table.events(RoomMemberAway) + table.events(LobbyMemberAway)
    ] == [True] * 2


def test_logout_keeps_seats_and_key(table):
    pat = table.make_player()
    room = table.make_room(table.make_guest(), pat)
    key = find_player(table, pat).secret_digest
    table.execute(record_logout, player_id=pat)
    assert pat in table.room(room.id).roster
    assert find_player(table, pat).secret_digest == key


def test_logout_emits_player_logged_out(table):
    pat = table.make_player()
    table.execute(record_logout, player_id=pat)
    assert table.events(PlayerLoggedOut, topics.player(pat)) == [PlayerLoggedOut(pat)]


def test_player_data_is_replaced(table):
    pat = table.make_player()
    table.execute(save_player_data, player_id=pat, data=b'{"level":2}')
    assert (find_player(table, pat).data, find_player(table, pat).data_version) == (
        b'{"level":2}',
        1,
    )


def test_player_data_with_an_old_version_is_refused(table):
    pat = table.make_player()
    table.execute(save_player_data, player_id=pat, data=b'{"level":2}', expected=0)
    with raises_code(ErrorCode.VERSION_CONFLICT, version=1):
        table.execute(save_player_data, player_id=pat, data=b'{"level":3}', expected=0)
    assert find_player(table, pat).data == b'{"level":2}'


def test_game_data_is_replaced(table):
    table.execute(save_game_data, game="free", data=b'{"text":"hello"}')
    game = table.state.first(Game, "tag", "free")
    assert (game.data, game.data_version, game.data_updated) == (
        b'{"text":"hello"}',
        1,
        table.now,
    )


def test_game_data_with_an_old_version_is_refused(table):
    table.execute(save_game_data, game="free", data=b"{}", expected=0)
    with raises_code(ErrorCode.VERSION_CONFLICT, version=1):
        table.execute(save_game_data, game="free", data=b"[]", expected=0)


def test_data_of_an_unknown_game_cannot_be_saved(table):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        table.execute(save_game_data, game="chess", data=b"{}")


@pytest.mark.parametrize(
    ("command", "kwargs"),
    [
        (rotate_private_key, {}),
        (rename_player, {"name": "Kim"}),
        (record_login, {}),
        (record_logout, {}),
        (save_player_data, {"data": b"{}"}),
    ],
)
def test_unknown_player_is_not_found(table, command, kwargs):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(command, player_id=99, **kwargs)
