"""Audited commands: the change and its audit entry are saved together, or neither is."""

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


def make_admin(table, email="ann@example.org", **kwargs):
    kwargs = {"admin": True, **kwargs}
    return table.execute(create_account, email=email, password="hash", **kwargs)


def audit_rows(table):
    return [
        (one.actor_name, one.action, one.subject, one.detail)
        for one in table.query(list_audit_entries, limit=100)[0]
    ]


def add_audited_game(table, actor, tag="chess"):
    return table.execute(
        execute_audited,
        actor=actor,
        action=AuditAction.GAME_ADDED,
        subject=tag,
        command=add_game,
        tag=tag,
    )


def revoke_admin(table, actor, other):
    audit = {"actor": actor, "action": AuditAction.ADMIN_REVOKED, "subject": "x"}
    table.execute(execute_audited, **audit, command=update_account, account_id=other, admin=False)


def test_audited_command_is_stored_with_its_actor(table):
    ann = make_admin(table, nickname="Ann")
    table.now += 7
    assert add_audited_game(table, ann.id)["tag"] == "chess"
    [entry], total = table.query(list_audit_entries, limit=5)
    assert (entry.actor, entry.actor_name, entry.action, entry.subject) == (
        ann.id,
        "Ann",
        AuditAction.GAME_ADDED,
        "chess",
    )
    assert (entry.at, total) == (table.now, 1)


def test_command_line_needs_no_account(table):
    add_audited_game(table, COMMAND_LINE)
    assert audit_rows(table) == [("", AuditAction.GAME_ADDED, "chess", "")]


def test_refused_command_is_not_audited(table):
    ann = make_admin(table)
    add_audited_game(table, ann.id)
    with raises_code(ErrorCode.GAME_EXISTS):
        add_audited_game(table, ann.id)
    assert len(audit_rows(table)) == 1


@pytest.mark.parametrize("kwargs", [{"admin": False, "active": True}, {"admin": False}])
def test_account_that_is_not_an_active_admin_is_refused(table, kwargs):
    eve = make_admin(table, **kwargs)
    for actor in (eve.id, 99):
        with raises_code(ErrorCode.ADMIN_REQUIRED):
            add_audited_game(table, actor)
    assert table.state.first(Game, "tag", "chess") is None and audit_rows(table) == []


def test_second_of_two_mutual_revocations_is_refused(table):
    ann, bob = make_admin(table), make_admin(table, "bob@example.org")
    revoke_admin(table, ann.id, bob.id)
    with raises_code(ErrorCode.ADMIN_REQUIRED):
        revoke_admin(table, bob.id, ann.id)
    with raises_code(ErrorCode.LAST_ADMIN):
        revoke_admin(table, ann.id, ann.id)
    assert [one.admin for one in table.state.all(Account)] == [True, False]


def test_audit_entries_are_listed_newest_first_in_pages(table):
    for number in range(5):
        table.execute(
            record_audit_entry,
            actor=COMMAND_LINE,
            action=AuditAction.BACKUP_CREATED,
            subject=str(number),
        )
    page, total = table.query(list_audit_entries, limit=2, offset=2)
    assert ([one.subject for one in page], total) == (["2", "1"], 5)


def test_first_admin_and_paired_agent_are_audited(table):
    ann = table.execute(sign_up, email="ann@example.org", password="hash", first=True)
    world = table.execute(create_world, name="Overworld").id
    table.execute(
        pair_agent, code=table.execute(create_pairing_code, world_id=world, admin_id=ann.id)
    )
    assert audit_rows(table) == [
        ("ann@example.org", AuditAction.AGENT_PAIRED, "Overworld", ""),
        ("ann@example.org", AuditAction.FIRST_ADMIN_CREATED, "ann@example.org", ""),
    ]


def test_long_detail_is_truncated(table):
    table.execute(
        record_audit_entry,
        actor=COMMAND_LINE,
        action=AuditAction.CONSOLE_COMMAND_SENT,
        subject="w",
        detail="x" * 1000,
    )
    assert len(audit_rows(table)[0][3]) == 300


def test_audited_batch_is_atomic(table):
    ann = make_admin(table)
    games = [
        AuditedCommand(AuditAction.GAME_ADDED, tag, add_game, {"tag": tag})
        for tag in ("chess", "go", "chess")
    ]
    with raises_code(ErrorCode.GAME_EXISTS):
        table.execute(execute_audited_batch, actor=ann.id, commands=games)
    assert audit_rows(table) == [] and table.state.first(Game, "tag", "go") is None
    table.execute(execute_audited_batch, actor=ann.id, commands=games[:2])
    assert [subject for _, _, subject, _ in audit_rows(table)] == ["go", "chess"]
