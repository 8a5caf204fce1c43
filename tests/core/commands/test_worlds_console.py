"""Console commands of a world: the queue, and delivery to its agent."""

from coalserver.core.commands.worlds import queue_console_command, record_ping
from coalserver.core.topics import world as topic
from coalserver.domain.minecraft.events import ConsoleCommandsDelivered
from coalserver.domain.minecraft.world import Ping
from tests.core.worlds import make_world

RUNNING, STOPPED = Ping(running=True), Ping(running=False)


def deliver(table, world, after):
    lines = table.execute(record_ping, world_id=world.id, ping=RUNNING, after=after)
    return [(line.id, line.text) for line in lines]


def test_delivery_of_commands_to_an_agent_is_emitted_once(table):
    world = make_world(table)
    lines = [
        table.execute(queue_console_command, world_id=world.id, text=text)
        for text in ("/say a", "/say b")
    ]
    table.execute(record_ping, world_id=world.id, ping=STOPPED)
    assert table.events(ConsoleCommandsDelivered) == []
    table.execute(record_ping, world_id=world.id, ping=RUNNING)
    table.execute(record_ping, world_id=world.id, ping=RUNNING)
    (delivered,) = table.events(ConsoleCommandsDelivered, topic(world.id))
    assert delivered.commands == tuple(line.id for line in lines)


def test_agent_that_confirms_commands_gets_them_until_confirmed(table):
    world = make_world(table)
    one, two = (
        table.execute(queue_console_command, world_id=world.id, text=text).id
        for text in ("/say a", "/say b")
    )
    both = [(one, "/say a"), (two, "/say b")]
    assert [deliver(table, world, after=0) for _ in range(2)] == [both, both]
    assert deliver(table, world, after=one) == both[1:]
    table.execute(record_ping, world_id=world.id, ping=STOPPED, after=two)
    assert deliver(table, world, after=two) == []
    assert [
        event.commands for event in table.events(ConsoleCommandsDelivered, topic(world.id))
    ] == [
        (one,),
        (two,),
    ]


def test_confirmation_above_the_issued_ids_is_ignored(table):
    world = make_world(table)
    line = table.execute(queue_console_command, world_id=world.id, text="/say a")
    assert deliver(table, world, after=line.id + 1) == [(line.id, "/say a")]
    assert deliver(table, world, after=line.id) == []
