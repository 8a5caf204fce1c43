"""The console of a world: what waits for it, and what its agent is given."""

from coalserver.core.commands.worlds import ping_world, tell_console
from coalserver.core.topics import world as topic
from coalserver.domain.minecraft.events import ConsoleTold
from coalserver.domain.minecraft.world import Ping
from tests.core.worlds import a_world

RUNS, STANDS = Ping(running=True), Ping(running=False)


def given(table, world, after):
    lines = table.do(ping_world, world_id=world.id, ping=RUNS, after=after)
    return [(line.id, line.text) for line in lines]


def test_lines_an_agent_has_taken_are_said_to_be_on_their_way(table):
    world = a_world(table)
    lines = [table.do(tell_console, world_id=world.id, text=text) for text in ("/say a", "/say b")]
    table.do(ping_world, world_id=world.id, ping=STANDS)
    assert table.said(ConsoleTold) == []
    table.do(ping_world, world_id=world.id, ping=RUNS)
    table.do(ping_world, world_id=world.id, ping=RUNS)
    (said,) = table.said(ConsoleTold, topic(world.id))
    assert said.lines == tuple(line.id for line in lines)


def test_an_agent_that_counts_is_given_lines_until_it_has_kept_them(table):
    world = a_world(table)
    one, two = (
        table.do(tell_console, world_id=world.id, text=text).id for text in ("/say a", "/say b")
    )
    both = [(one, "/say a"), (two, "/say b")]
    assert [given(table, world, after=0) for _ in range(2)] == [both, both]
    assert given(table, world, after=one) == both[1:]
    table.do(ping_world, world_id=world.id, ping=STANDS, after=two)
    assert given(table, world, after=two) == []
    assert [said.lines for said in table.said(ConsoleTold, topic(world.id))] == [(one,), (two,)]


def test_what_an_agent_has_kept_of_another_server_s_is_not_ours(table):
    world = a_world(table)
    line = table.do(tell_console, world_id=world.id, text="/say a")
    assert given(table, world, after=line.id + 1) == [(line.id, "/say a")]
    assert given(table, world, after=line.id) == []
