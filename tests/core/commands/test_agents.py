"""Pairing: a code of an admin's fetches the credentials of an agent, once and not for long."""

import hashlib

import pytest

from coalserver.core.commands.agents import create_pairing_code, pair_agent
from coalserver.core.commands.cleanup import delete_expired_pairings
from coalserver.core.commands.oauth import create_agent_client
from coalserver.core.commands.worlds import archive_world, create_world
from coalserver.core.queries.oauth import agent_of_world
from coalserver.domain.accounts.oauth import PairingCode
from coalserver.domain.errors import ErrorCode
from tests.domain.builders import raises_code

MINUTES = 60


@pytest.fixture
def world(table):
    return table.execute(create_world, name="Overworld").id


def make_code(table, world):
    return table.execute(create_pairing_code, world_id=world, admin_id=1)


def test_a_code_gives_the_agent_a_secret_of_its_own(table, world):
    first = table.execute(create_agent_client, world_id=world)
    paired = table.execute(pair_agent, code=make_code(table, world))
    assert (paired.client_id, paired.world.id) == (first.client.code, world)
    assert paired.secret != first.secret
    kept = table.query(agent_of_world, world=world)
    assert table.context.cipher.decrypt(kept.secret) == paired.secret


def test_a_world_without_an_agent_gets_one(table, world):
    paired = table.execute(pair_agent, code=make_code(table, world))
    assert table.query(agent_of_world, world=world).code == paired.client_id


def test_a_code_is_good_once(table, world):
    code = make_code(table, world)
    table.execute(pair_agent, code=code)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=code)


def test_a_code_is_good_for_a_quarter_of_an_hour(table, world):
    code, late = make_code(table, world), table.now + 15 * MINUTES
    table.now = late - 1
    assert table.execute(delete_expired_pairings) == 0
    table.now = late
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=code)
    assert table.execute(delete_expired_pairings) == 1
    assert list(table.state.all(PairingCode)) == []


def test_a_new_code_ends_the_one_before(table, world):
    old, new = make_code(table, world), make_code(table, world)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=old)
    assert table.execute(pair_agent, code=new).world.id == world


@pytest.mark.parametrize("code", ["", "guess", "\ud800", "x" * 10_000])
def test_any_other_code_is_refused(table, world, code):
    make_code(table, world)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=code)


def test_a_world_that_is_no_more_is_paired_with_nothing(table, world):
    code = make_code(table, world)
    table.execute(archive_world, world_id=world)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(pair_agent, code=code)
    with raises_code(ErrorCode.WORLD_NOT_FOUND):
        make_code(table, world)


def test_only_a_digest_of_the_code_is_kept(table, world):
    code = make_code(table, world)
    [kept] = table.state.all(PairingCode)
    assert kept.digest == hashlib.sha256(code.encode()).hexdigest()
    assert code not in str(table.all_entities())
    assert len(code) == 22
