"""Signing in and out, with a password or without."""

import hashlib

from coalserver.core import topics
from coalserver.core.commands.accounts import (
    create_guest,
    log_in,
    register_account,
    revoke_token,
)
from coalserver.core.commands.join_requests import request_to_join
from coalserver.core.queries.lobbies import join_request_by_code
from coalserver.domain.accounts.account import Account
from coalserver.domain.accounts.events import TokenRevoked
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import CloseReason
from coalserver.domain.play.player import Player, Token
from tests.domain.builders import raises_code


def token(table, secret):
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return table.state.first(Token, "digest", digest)


def ann_registers(table, **parts):
    parts = {"email": "ann@example.org", "password": "hash", "name": "Ann", **parts}
    return table.execute(register_account, **parts)


def test_a_guest_has_a_token_of_which_only_the_digest_is_kept(table):
    guest, secret = table.execute(create_guest, name="Ann")
    assert (guest.name, guest.guest, guest.game) == ("Ann", True, "")
    assert token(table, secret).player == guest.id
    assert secret not in str(table.all_entities())


def test_a_guest_without_a_name_gets_one(table):
    guest, _ = table.execute(create_guest, name="")
    assert guest.name == f"Guest {guest.id}"


def test_a_guests_token_lasts_thirty_days(table):
    _, secret = table.execute(create_guest, name="")
    assert token(table, secret).lifetime == 30 * 86400


def test_an_account_has_a_player_of_its_own(table):
    account = ann_registers(table, email=" Ann@Example.org ")
    player = table.state.get(Player, account.player)
    assert (account.email, account.password) == ("ann@example.org", "hash")
    assert (player.name, player.guest) == ("Ann", False)
    assert not account.active


def test_an_address_belongs_to_one_account(table):
    ann_registers(table)
    with raises_code(ErrorCode.EMAIL_TAKEN):
        ann_registers(table, email="ANN@example.org")


def test_what_is_no_address_registers_nothing(table):
    with raises_code(ErrorCode.INVALID_EMAIL):
        ann_registers(table, email="ann")


def test_who_signs_in_has_a_token_of_his_account(table):
    account = ann_registers(table)
    secret = table.execute(log_in, account_id=account.id)
    found = token(table, secret)
    assert (found.player, found.account, found.lifetime) == (account.player, account.id, 90 * 86400)


def test_who_signs_in_twice_has_two_tokens(table):
    account = ann_registers(table)
    first, second = (table.execute(log_in, account_id=account.id) for _ in range(2))
    assert token(table, first) != token(table, second)


def test_a_password_may_be_hashed_anew_on_the_way(table):
    account = ann_registers(table)
    table.execute(log_in, account_id=account.id, rehashed="better")
    assert table.state.get(Account, account.id).password == "better"


def test_nobody_does_not_sign_in(table):
    with raises_code(ErrorCode.INVALID_CREDENTIALS):
        table.execute(log_in, account_id=99)


def test_a_token_that_ended_is_no_more_and_its_listeners_are_told(table):
    guest, secret = table.execute(create_guest, name="")
    ended = token(table, secret)
    table.execute(revoke_token, token_id=ended.id)
    assert token(table, secret) is None
    expected = [TokenRevoked(guest.id, ended.id)]
    assert table.events(TokenRevoked, topics.player(guest.id)) == expected


def test_ending_a_token_again_changes_nothing(table):
    _, secret = table.execute(create_guest, name="")
    id = token(table, secret).id
    table.execute(revoke_token, token_id=id)
    table.clear_events()
    table.execute(revoke_token, token_id=id)
    assert table.entries == []


def test_with_the_last_token_a_guest_gives_up_every_seat(table):
    guest, secret = table.execute(create_guest, name="")
    lobby = table.make_lobby(table.make_guest(), guest.id)
    room = table.make_started_room(table.make_guest(), guest.id)
    table.execute(revoke_token, token_id=token(table, secret).id)
    assert guest.id not in table.lobby(lobby.id).roster
    assert (table.room(room.id).close_reason, table.room(room.id).outcome) == (
        CloseReason.FINISHED,
        b'{"winner":0}',
    )


def test_with_the_last_token_a_guest_asks_for_nothing_any_more(table):
    guest, secret = table.execute(create_guest, name="")
    lobby = table.make_lobby(table.make_guest())
    request = table.execute(request_to_join, lobby_id=lobby.id, player_id=guest.id)
    table.execute(revoke_token, token_id=token(table, secret).id)
    assert table.query(join_request_by_code, code=request.code).approved is False


def test_an_account_keeps_its_seats_without_a_token(table):
    account = ann_registers(table)
    secret = table.execute(log_in, account_id=account.id)
    lobby = table.make_lobby(account.player)
    table.execute(revoke_token, token_id=token(table, secret).id)
    assert account.player in table.lobby(lobby.id).roster
