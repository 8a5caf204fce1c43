"""Guests, registered accounts and their tokens."""

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


def find_token(table, secret):
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return table.state.first(Token, "digest", digest)


def register_ann(table, **params):
    params = {"email": "ann@example.org", "password": "hash", "name": "Ann", **params}
    return table.execute(register_account, **params)


def test_token_of_a_guest_is_stored_by_its_digest(table):
    guest, secret = table.execute(create_guest, name="Ann")
    assert (guest.name, guest.guest, guest.game) == ("Ann", True, "")
    assert find_token(table, secret).player == guest.id
    assert secret not in str(table.all_entities())


def test_guest_without_a_name_gets_a_default_name(table):
    guest, _ = table.execute(create_guest, name="")
    assert guest.name == f"Guest {guest.id}"


def test_token_of_a_guest_lasts_thirty_days(table):
    _, secret = table.execute(create_guest, name="")
    assert find_token(table, secret).lifetime == 30 * 86400


def test_registered_account_gets_its_own_player(table):
    account = register_ann(table, email=" Ann@Example.org ")
    player = table.state.get(Player, account.player)
    assert (account.email, account.password) == ("ann@example.org", "hash")
    assert (player.name, player.guest) == ("Ann", False)
    assert not account.active


def test_email_of_another_account_is_refused(table):
    register_ann(table)
    with raises_code(ErrorCode.EMAIL_TAKEN):
        register_ann(table, email="ANN@example.org")


def test_invalid_email_is_refused(table):
    with raises_code(ErrorCode.INVALID_EMAIL):
        register_ann(table, email="ann")


def test_log_in_issues_a_token_of_the_account(table):
    account = register_ann(table)
    secret = table.execute(log_in, account_id=account.id)
    found = find_token(table, secret)
    assert (found.player, found.account, found.lifetime) == (account.player, account.id, 90 * 86400)


def test_second_log_in_issues_another_token(table):
    account = register_ann(table)
    first, second = (table.execute(log_in, account_id=account.id) for _ in range(2))
    assert find_token(table, first) != find_token(table, second)


def test_log_in_may_replace_the_password_hash(table):
    account = register_ann(table)
    table.execute(log_in, account_id=account.id, rehashed="better")
    assert table.state.get(Account, account.id).password == "better"


def test_unknown_account_cannot_log_in(table):
    with raises_code(ErrorCode.INVALID_CREDENTIALS):
        table.execute(log_in, account_id=99)


def test_revoked_token_is_deleted_and_emits_token_revoked(table):
    guest, secret = table.execute(create_guest, name="")
    revoked = find_token(table, secret)
    table.execute(revoke_token, token_id=revoked.id)
    assert find_token(table, secret) is None
    expected = [TokenRevoked(guest.id, revoked.id)]
    assert table.events(TokenRevoked, topics.player(guest.id)) == expected


def test_revoking_a_token_twice_changes_nothing(table):
    _, secret = table.execute(create_guest, name="")
    id = find_token(table, secret).id
    table.execute(revoke_token, token_id=id)
    table.clear_events()
    table.execute(revoke_token, token_id=id)
    assert table.entries == []


def test_guest_without_tokens_leaves_all_groups(table):
    guest, secret = table.execute(create_guest, name="")
    lobby = table.make_lobby(table.make_guest(), guest.id)
    room = table.make_started_room(table.make_guest(), guest.id)
    table.execute(revoke_token, token_id=find_token(table, secret).id)
    assert guest.id not in table.lobby(lobby.id).roster
    assert (table.room(room.id).close_reason, table.room(room.id).outcome) == (
        CloseReason.FINISHED,
        b'{"winner":0}',
    )


def test_join_requests_of_a_guest_without_tokens_are_rejected(table):
    guest, secret = table.execute(create_guest, name="")
    lobby = table.make_lobby(table.make_guest())
    request = table.execute(request_to_join, lobby_id=lobby.id, player_id=guest.id)
    table.execute(revoke_token, token_id=find_token(table, secret).id)
    assert table.query(join_request_by_code, code=request.code).approved is False


def test_account_without_tokens_keeps_its_seats(table):
    account = register_ann(table)
    secret = table.execute(log_in, account_id=account.id)
    lobby = table.make_lobby(account.player)
    table.execute(revoke_token, token_id=find_token(table, secret).id)
    assert account.player in table.lobby(lobby.id).roster
