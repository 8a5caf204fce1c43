"""Limits of storage: keys and bytes of a player, players and bytes of a game, actions of a room."""

from dataclasses import replace

import pytest

from coalserver.core.commands import storage_limits
from coalserver.core.commands.accounts import (
    MAX_LOGIN_SESSIONS,
    MAX_PLAYER_TOKENS,
    create_account,
    create_guest,
    create_login_session,
    log_in,
)
from coalserver.core.commands.games import add_game, save_storage_item
from coalserver.core.commands.hosts import register_host
from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.commands.members import leave
from coalserver.core.commands.messages import send_action, send_update
from coalserver.core.commands.players import register_player, save_player_data
from coalserver.core.commands.rooms import join_room, open_room
from coalserver.domain.accounts.account import LoginSession
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.actions import Target
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Token
from tests.core.table import Table
from tests.domain.builders import raises_code


@pytest.fixture
def table() -> Table:
    return Table()


def limit(table: Table, **limits: int) -> None:
    table.context.limits = replace(table.context.limits, **limits)


def make_guest(table: Table) -> int:
    return table.execute(create_guest, name="Ann")[0].id


def save(table: Table, player: int, storage_key: str, size: int = 1, game: str = "free") -> None:
    """Store a JSON text of some bytes."""
    value = b'"' + b"x" * (size - 2) + b'"'
    table.execute(
        save_storage_item, game=game, player_id=player, by=player, storage_key=storage_key, value=value
    )  # fmt: skip


def test_number_of_keys_of_a_player_and_game_is_limited(table: Table) -> None:
    player = make_guest(table)
    for number in range(100):
        save(table, player, f"key{number}", 2)
    with raises_code(ErrorCode.TOO_MANY_STORAGE_KEYS):
        save(table, player, "another", 2)
    # A key that is there can still be replaced, and another player and game have their own.
    save(table, player, "key7", 9)
    save(table, make_guest(table), "another", 2)
    table.execute(add_game, tag="go")
    save(table, player, "another", 2, game="go")


def test_bytes_of_a_player_and_game_are_limited(table: Table) -> None:
    limit(table, player_bytes=1000)
    player = make_guest(table)
    save(table, player, "a", 600)
    save(table, player, "b", 400)
    with raises_code(ErrorCode.PLAYER_STORAGE_FULL):
        save(table, player, "c", 2)
    with raises_code(ErrorCode.PLAYER_STORAGE_FULL):
        save(table, player, "b", 401)
    save(table, player, "a", 500)
    save(table, player, "c", 100)


def test_data_of_a_registered_player_is_limited(table: Table) -> None:
    limit(table, player_bytes=20)
    player = table.execute(register_player, game="free", name="Pat")[0].id
    table.execute(save_player_data, player_id=player, data=b'{"x": 1}')
    with raises_code(ErrorCode.PLAYER_STORAGE_FULL):
        table.execute(save_player_data, player_id=player, data=b'{"x": "1234567890123"}')


def test_players_of_a_game_are_limited(table: Table) -> None:
    limit(table, game_players=2)
    table.execute(register_player, game="free", name="Pat")
    table.execute(register_player, game="free", name="Sam")
    with raises_code(ErrorCode.GAME_FULL):
        table.execute(register_player, game="free", name="Kim")
    table.execute(register_player, game="noughts", name="Kim")
    table.execute(register_host, game="hosts")
    table.execute(register_host, game="hosts")
    with raises_code(ErrorCode.GAME_FULL):
        table.execute(register_host, game="hosts")


def test_guests_are_limited(table: Table) -> None:
    limit(table, game_players=2)
    make_guest(table)
    make_guest(table)
    with raises_code(ErrorCode.GAME_FULL):
        make_guest(table)


def test_full_game_takes_nothing_more_but_can_be_left(table: Table) -> None:
    ann, bob = make_guest(table), make_guest(table)
    pat = table.execute(register_player, game="free", name="Pat")[0].id
    lobby = table.execute(open_lobby, game="free", player_id=ann, name="x")
    room = table.execute(open_room, game="free", player_id=ann, name="x", capacity=4)
    table.execute(join_room, room_id=room.id, player_id=bob)
    table.state.game_bytes = {"free": 4 << 30}
    message = {"room_id": room.id, "sender": ann, "target": Target.ALL, "type": "move"}
    for command, kwargs in (
        (open_lobby, {"game": "free", "player_id": bob, "name": "y"}),
        (join_lobby, {"lobby_id": lobby.id, "player_id": bob}),
        (send_update, message),
        (send_action, message),
        (register_player, {"game": "free", "name": "Sam"}),
        (save_player_data, {"player_id": pat, "data": b"{}"}),
    ):
        with raises_code(ErrorCode.GAME_STORAGE_FULL):
            table.execute(command, **kwargs)
    with raises_code(ErrorCode.GAME_STORAGE_FULL):
        save(table, ann, "key", 2)
    table.execute(leave, kind=Lobby, id=lobby.id, player_id=ann)
    limit(table, game_bytes=0)
    table.execute(send_update, **message)


def test_actions_of_a_room_are_limited(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = make_guest(table), make_guest(table)
    room = table.execute(open_room, game="free", player_id=ann, name="x", capacity=4)
    table.execute(join_room, room_id=room.id, player_id=bob)
    message = {"room_id": room.id, "sender": ann, "target": Target.OTHERS, "type": "move"}
    large = b'"' + b"x" * 60_000 + b'"'
    sent = 0
    with raises_code(ErrorCode.TOO_MANY_ACTIONS):
        while sent < 1000:
            table.execute(send_action, **message, request=large)
            sent += 1
    assert 60 < sent < 100
    monkeypatch.setattr(storage_limits, "MAX_ROOM_ACTIONS", sent)
    with raises_code(ErrorCode.TOO_MANY_ACTIONS):
        table.execute(send_action, **message)


def test_oldest_tokens_of_a_player_end(table: Table) -> None:
    account = table.execute(create_account, email="ann@example.org", password="x", active=True)
    for _ in range(MAX_PLAYER_TOKENS + 5):
        table.execute(log_in, account_id=account.id)
    tokens = table.state.find(Token, "player", account.player)
    assert len(tokens) == MAX_PLAYER_TOKENS
    assert min(token.id for token in tokens) == 6


def test_oldest_login_sessions_of_an_account_end(table: Table) -> None:
    account = table.execute(create_account, email="ann@example.org", password="x", active=True)
    for _ in range(MAX_LOGIN_SESSIONS + 5):
        table.execute(create_login_session, account_id=account.id)
    assert len(table.state.find(LoginSession, "account", account.id)) == MAX_LOGIN_SESSIONS
