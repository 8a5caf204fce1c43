"""Deeds: what an admin does is done and kept together, or neither."""

import pytest

from coalserver.core.commands.accounts import create_account, sign_up, update_account
from coalserver.core.commands.agents import create_pairing_code, pair_agent
from coalserver.core.commands.audit import (
    AuditedCommand,
    execute_audited,
    execute_audited_batch,
    record_audit_entry,
)
from coalserver.core.commands.games import add_game
from coalserver.core.commands.worlds import create_world
from coalserver.core.queries.admin import list_audit_entries
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import COMMAND_LINE, AuditAction
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.game import Game
from tests.domain.builders import raises_code


def make_admin(table, email="ann@example.org", **parts):
    parts = {"admin": True, **parts}
    return table.execute(create_account, email=email, password="hash", **parts)


def done(table):
    return [
        (one.actor_name, one.action, one.subject, one.detail)
        for one in table.query(list_audit_entries, limit=100)[0]
    ]


def adds_a_game(table, by, tag="chess"):
    return table.execute(
        execute_audited,
        actor=by,
        action=AuditAction.GAME_ADDED,
        subject=tag,
        command=add_game,
        tag=tag,
    )


def unmakes(table, by, other):
    about = {"actor": by, "action": AuditAction.ADMIN_REVOKED, "subject": "x"}
    table.execute(execute_audited, **about, command=update_account, account_id=other, admin=False)


def test_what_an_admin_does_is_kept_with_his_name(table):
    ann = make_admin(table, nickname="Ann")
    table.now += 7
    assert adds_a_game(table, ann.id)["tag"] == "chess"
    [deed], total = table.query(list_audit_entries, limit=5)
    assert (deed.actor, deed.actor_name, deed.action, deed.subject) == (
        ann.id,
        "Ann",
        AuditAction.GAME_ADDED,
        "chess",
    )
    assert (deed.at, total) == (table.now, 1)


def test_the_command_line_needs_no_account(table):
    adds_a_game(table, COMMAND_LINE)
    assert done(table) == [("", AuditAction.GAME_ADDED, "chess", "")]


def test_what_was_refused_is_not_kept(table):
    ann = make_admin(table)
    adds_a_game(table, ann.id)
    with raises_code(ErrorCode.GAME_EXISTS):
        adds_a_game(table, ann.id)
    assert len(done(table)) == 1


@pytest.mark.parametrize("parts", [{"admin": False, "active": True}, {"admin": False}])
def test_who_is_no_admin_does_nothing(table, parts):
    eve = make_admin(table, **parts)
    for by in (eve.id, 99):
        with raises_code(ErrorCode.ADMIN_REQUIRED):
            adds_a_game(table, by)
    assert table.state.first(Game, "tag", "chess") is None and done(table) == []


def test_of_two_admins_who_unmake_each_other_the_first_stays(table):
    ann, bob = make_admin(table), make_admin(table, "bob@example.org")
    unmakes(table, ann.id, bob.id)
    with raises_code(ErrorCode.ADMIN_REQUIRED):
        unmakes(table, bob.id, ann.id)
    with raises_code(ErrorCode.LAST_ADMIN):
        unmakes(table, ann.id, ann.id)
    assert [one.admin for one in table.state.all(Account)] == [True, False]


def test_the_newest_comes_first_and_the_rest_on_other_pages(table):
    for number in range(5):
        table.execute(
            record_audit_entry,
            actor=COMMAND_LINE,
            action=AuditAction.BACKUP_CREATED,
            subject=str(number),
        )
    page, total = table.query(list_audit_entries, limit=2, offset=2)
    assert ([one.subject for one in page], total) == (["2", "1"], 5)


def test_the_first_admin_and_a_paired_agent_are_kept_too(table):
    ann = table.execute(sign_up, email="ann@example.org", password="hash", first=True)
    world = table.execute(create_world, name="Overworld").id
    table.execute(
        pair_agent, code=table.execute(create_pairing_code, world_id=world, admin_id=ann.id)
    )
    assert done(table) == [
        ("ann@example.org", AuditAction.AGENT_PAIRED, "Overworld", ""),
        ("ann@example.org", AuditAction.FIRST_ADMIN_CREATED, "ann@example.org", ""),
    ]


def test_a_long_text_is_cut(table):
    table.execute(
        record_audit_entry,
        actor=COMMAND_LINE,
        action=AuditAction.CONSOLE_COMMAND_SENT,
        subject="w",
        detail="x" * 1000,
    )
    assert len(done(table)[0][3]) == 300


def test_of_several_deeds_all_are_done_or_none(table):
    ann = make_admin(table)
    games = [
        AuditedCommand(AuditAction.GAME_ADDED, tag, add_game, {"tag": tag})
        for tag in ("chess", "go", "chess")
    ]
    with raises_code(ErrorCode.GAME_EXISTS):
        table.execute(execute_audited_batch, actor=ann.id, commands=games)
    assert done(table) == [] and table.state.first(Game, "tag", "go") is None
    table.execute(execute_audited_batch, actor=ann.id, commands=games[:2])
    assert [about for _, _, about, _ in done(table)] == ["go", "chess"]
