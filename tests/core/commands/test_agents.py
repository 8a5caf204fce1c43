"""Pairing: an admin's code is exchanged for the credentials of an agent, once."""

import hashlib

import pytest

from coalserver.core.commands.agents import (
    create_pairing_code,
    pair_agent,
    rotate_agent_secret,
)
from coalserver.core.commands.cleanup import delete_expired_pairings
from coalserver.core.commands.oauth import create_agent_client, issue_agent_tokens
from coalserver.core.commands.worlds import archive_world, create_world
from coalserver.core.queries.oauth import agent_of_world
from coalserver.domain.accounts.oauth import PairingCode, TokenPair
from coalserver.domain.errors import ErrorCode
from coalserver.domain.text import secret_digest
from tests.domain.builders import raises_code

MINUTES = 60


@pytest.fixture
def world(table):
    return table.execute(create_world, name="Overworld").id


def make_code(table, world):
    return table.execute(create_pairing_code, world_id=world, admin_id=1)


def test_pairing_gives_the_agent_a_new_secret(table, world):
    first = table.execute(create_agent_client, world_id=world)
    paired = table.execute(pair_agent, code=make_code(table, world))
    assert (paired.client_id, paired.world.id) == (first.client.code, world)
    assert paired.secret != first.secret
    agent = table.query(agent_of_world, world=world)
    assert table.context.cipher.decrypt(agent.secret) == paired.secret


@pytest.mark.parametrize("rotated_by", ["pairing", "admin"])
def test_new_secret_revokes_the_tokens_of_the_old_one(table, world, rotated_by):
    client = table.execute(create_agent_client, world_id=world).client.id
    other = table.execute(create_agent_client, world_id=world + 1).client.id
    for _ in range(3):
        table.execute(issue_agent_tokens, client=client)
    kept = table.execute(issue_agent_tokens, client=other)
    if rotated_by == "pairing":
        table.execute(pair_agent, code=make_code(table, world))
    else:
        table.execute(rotate_agent_secret, world_id=world)
    [left] = table.state.all(TokenPair)
    assert left.digest == secret_digest(kept.access)
    table.execute(issue_agent_tokens, client=client)
    assert len(table.state.find(TokenPair, "client", client)) == 1


def test_pairing_creates_a_missing_agent(table, world):
    paired = table.execute(pair_agent, code=make_code(table, world))
    assert table.query(agent_of_world, world=world).code == paired.client_id


def test_pairing_code_is_valid_once(table, world):
    code = make_code(table, world)
    table.execute(pair_agent, code=code)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=code)


def test_pairing_code_expires_after_fifteen_minutes(table, world):
    code, expiry = make_code(table, world), table.now + 15 * MINUTES
    table.now = expiry - 1
    assert table.execute(delete_expired_pairings) == 0
    table.now = expiry
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=code)
    assert table.execute(delete_expired_pairings) == 1
    assert list(table.state.all(PairingCode)) == []


def test_new_pairing_code_replaces_the_previous_one(table, world):
    old, new = make_code(table, world), make_code(table, world)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=old)
    assert table.execute(pair_agent, code=new).world.id == world


@pytest.mark.parametrize("code", ["", "guess", "\ud800", "x" * 10_000])
def test_unknown_pairing_code_is_refused(table, world, code):
    make_code(table, world)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=code)


def test_archived_world_cannot_be_paired(table, world):
    code = make_code(table, world)
    table.execute(archive_world, world_id=world)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=code)
    with raises_code(ErrorCode.WORLD_NOT_FOUND):
        make_code(table, world)


def test_pairing_code_is_stored_by_its_digest(table, world):
    code = make_code(table, world)
    [stored] = table.state.all(PairingCode)
    assert stored.digest == hashlib.sha256(code.encode()).hexdigest()
    assert code not in str(table.all_entities())
    assert len(code) == 22
