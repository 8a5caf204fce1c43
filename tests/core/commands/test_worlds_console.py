"""The console of a world: what waits for it, and what its agent is given."""

from coalserver.core.commands.worlds import queue_console_command, record_ping
from coalserver.core.topics import world as topic
from coalserver.domain.minecraft.events import ConsoleCommandsDelivered
from coalserver.domain.minecraft.world import Ping
from tests.core.worlds import make_world

RUNS, STANDS = Ping(running=True), Ping(running=False)


def given(table, world, after):
    lines = table.execute(record_ping, world_id=world.id, ping=RUNS, after=after)
    return [(line.id, line.text) for line in lines]


def test_lines_an_agent_has_taken_are_said_to_be_on_their_way(table):
    world = make_world(table)
    lines = [
        table.execute(queue_console_command, world_id=world.id, text=text)
        for text in ("/say a", "/say b")
    ]
    table.execute(record_ping, world_id=world.id, ping=STANDS)
    assert table.events(ConsoleCommandsDelivered) == []
    table.execute(record_ping, world_id=world.id, ping=RUNS)
    table.execute(record_ping, world_id=world.id, ping=RUNS)
    (said,) = table.events(ConsoleCommandsDelivered, topic(world.id))
    assert said.commands == tuple(line.id for line in lines)


def test_an_agent_that_counts_is_given_lines_until_it_has_kept_them(table):
    world = make_world(table)
    one, two = (
        table.execute(queue_console_command, world_id=world.id, text=text).id
        for text in ("/say a", "/say b")
    )
    both = [(one, "/say a"), (two, "/say b")]
    assert [given(table, world, after=0) for _ in range(2)] == [both, both]
    assert given(table, world, after=one) == both[1:]
    table.execute(record_ping, world_id=world.id, ping=STANDS, after=two)
    assert given(table, world, after=two) == []
    assert [said.commands for said in table.events(ConsoleCommandsDelivered, topic(world.id))] == [
        (one,),
        (two,),
    ]


def test_what_an_agent_has_kept_of_another_server_s_is_not_ours(table):
    world = make_world(table)
    line = table.execute(queue_console_command, world_id=world.id, text="/say a")
    assert given(table, world, after=line.id + 1) == [(line.id, "/say a")]
    assert given(table, world, after=line.id) == []
