"""Accounts that go: signed out everywhere, with a new password, or removed with all that proves them."""

from coalserver.core.commands.account_admin import (
    add_account,
    open_sign_in,
    remove_account,
    set_password,
    sign_out,
)
from coalserver.core.commands.accounts import sign_in
from coalserver.core.commands.claims import open_claim
from coalserver.core.commands.cleanup import forget_guests
from coalserver.core.commands.oauth import (
    add_personal_token,
    allow_client,
    redeem_code,
    register_client,
)
from coalserver.core.queries.accounts import sign_in_shown
from coalserver.core.queries.oauth import personal_tokens
from coalserver.domain.accounts.account import Account, SignIn
from coalserver.domain.accounts.oauth import MOST_TOKENS, Access, Client, Code, Grant
from coalserver.domain.errors import Why
from coalserver.domain.minecraft.visitor import Claim
from coalserver.domain.play.player import Player, Token
from tests.domain.builders import refused

URI = "https://app.example/back"


def an_account(table, email="ann@example.org", **parts):
    return table.do(add_account, email=email, password="hash", active=True, **parts)


def a_grant(table, account):
    client = table.do(register_client, redirect_uris=[URI]).client.id
    asked = {"client": client, "account": account, "scope": "data", "redirect_uri": URI}
    code = table.do(allow_client, **asked)
    table.do(redeem_code, client=client, code=code, redirect_uri=URI)
    table.do(allow_client, **asked)


def test_a_removed_account_leaves_nothing_that_proves_it(table):
    ann, bob = an_account(table), an_account(table, "bob@example.org")
    for account in (ann.id, bob.id):
        a_grant(table, account)
        table.do(open_sign_in, account=account)
        table.do(sign_in, account=account)
        table.do(add_personal_token, account=account, lasts=None)
        table.do(open_claim, account=account)
    table.do(remove_account, account=ann.id)
    for kind in (SignIn, Token, Grant, Code, Claim):
        assert [one.account for one in table.state.all(kind)] == [bob.id], kind
    assert {one.account for one in table.state.all(Access)} == {bob.id}
    assert len(list(table.state.all(Client))) == 2
    assert [one.id for one in table.state.all(Account)] == [bob.id]


def test_its_player_gives_up_every_seat_and_is_forgotten_in_time(table):
    ann = an_account(table)
    lobby = table.a_lobby(table.a_guest("Bob"), ann.player)
    table.do(remove_account, account=ann.id)
    assert ann.player not in table.lobby(lobby.id).roster
    table.now += 86400
    table.do(forget_guests, signs={}, kept=3600)
    assert table.state.get(Player, ann.player) is None


def test_an_admin_is_not_removed(table):
    ann = an_account(table, admin=True)
    with refused(Why.ADMIN_STAYS):
        table.do(remove_account, account=ann.id)
    with refused(Why.ACCOUNT_NOT_FOUND):
        table.do(remove_account, account=99)


def test_who_signs_out_everywhere_keeps_what_programs_have(table):
    ann = an_account(table)
    a_grant(table, ann.id)
    table.do(add_personal_token, account=ann.id, lasts=60, title="Script")
    table.do(sign_in, account=ann.id)
    secrets = [table.do(open_sign_in, account=ann.id) for _ in range(3)]
    here = table.see(sign_in_shown, secret=secrets[0], now=table.now)
    table.do(sign_out, account=ann.id, but=here.id)
    assert list(table.state.all(SignIn)) == [here]
    table.do(sign_out, account=ann.id)
    assert list(table.state.all(SignIn)) == list(table.state.all(Token)) == []
    assert [one.title for one in table.see(personal_tokens, account=ann.id)] == ["Script"]
    assert len(list(table.state.all(Grant))) == 1


def test_a_password_is_not_changed_on_the_proof_of_one_that_is_no_more(table):
    ann = an_account(table)
    table.do(set_password, account=ann.id, password="new", proved="hash")
    with refused(Why.BAD_CREDENTIALS):
        table.do(set_password, account=ann.id, password="newer", proved="hash")
    assert table.state.get(Account, ann.id).password == "new"


def test_an_account_has_so_many_tokens_and_no_more(table):
    ann = an_account(table)
    a_grant(table, ann.id)
    for _ in range(MOST_TOKENS):
        table.do(add_personal_token, account=ann.id, lasts=60)
    with refused(Why.TOO_MANY_TOKENS):
        table.do(add_personal_token, account=ann.id, lasts=60)
