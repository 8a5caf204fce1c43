"""Pairing: a code of an admin's fetches the credentials of an agent, once and not for long."""

import hashlib

import pytest

from coalserver.core.commands.oauth import add_agent
from coalserver.core.commands.pairing import forget_pairings, open_pairing, pair_agent
from coalserver.core.commands.worlds import add_world, end_world
from coalserver.core.queries.oauth import agent_of
from coalserver.domain.accounts.oauth import Pairing
from coalserver.domain.errors import Why
from tests.domain.builders import refused

MINUTES = 60


@pytest.fixture
def world(table):
    return table.do(add_world, name="Overworld").id


def a_code(table, world):
    return table.do(open_pairing, world=world, admin=1)


def test_a_code_gives_the_agent_a_secret_of_its_own(table, world):
    first = table.do(add_agent, world=world)
    paired = table.do(pair_agent, code=a_code(table, world))
    assert (paired.client_id, paired.world.id) == (first.client.code, world)
    assert paired.secret != first.secret
    kept = table.see(agent_of, world=world)
    assert table.setting.safe.opened(kept.secret) == paired.secret


def test_a_world_without_an_agent_gets_one(table, world):
    paired = table.do(pair_agent, code=a_code(table, world))
    assert table.see(agent_of, world=world).code == paired.client_id


def test_a_code_is_good_once(table, world):
    code = a_code(table, world)
    table.do(pair_agent, code=code)
    with refused(Why.BAD_GRANT):
        table.do(pair_agent, code=code)


def test_a_code_is_good_for_a_quarter_of_an_hour(table, world):
    code, late = a_code(table, world), table.now + 15 * MINUTES
    table.now = late - 1
    assert table.do(forget_pairings) == 0
    table.now = late
    with refused(Why.BAD_GRANT):
        table.do(pair_agent, code=code)
    assert table.do(forget_pairings) == 1
    assert list(table.state.all(Pairing)) == []


def test_a_new_code_ends_the_one_before(table, world):
    old, new = a_code(table, world), a_code(table, world)
    with refused(Why.BAD_GRANT):
        table.do(pair_agent, code=old)
    assert table.do(pair_agent, code=new).world.id == world


@pytest.mark.parametrize("code", ["", "guess", "\ud800", "x" * 10_000])
def test_any_other_code_is_refused(table, world, code):
    a_code(table, world)
    with refused(Why.BAD_GRANT):
        table.do(pair_agent, code=code)


def test_a_world_that_is_no_more_is_paired_with_nothing(table, world):
    code = a_code(table, world)
    table.do(end_world, world_id=world)
    with refused(Why.BAD_GRANT):
        table.do(pair_agent, code=code)
    with refused(Why.WORLD_NOT_FOUND):
        a_code(table, world)


def test_only_a_digest_of_the_code_is_kept(table, world):
    code = a_code(table, world)
    [kept] = table.state.all(Pairing)
    assert kept.digest == hashlib.sha256(code.encode()).hexdigest()
    assert code not in str(table.everything())
    assert len(code) == 22
