"""World commands: make one and change it, hear from its agent, speak to its console."""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from coalserver.core import topics
from coalserver.core.commands.pieces import PIECE
from coalserver.core.unit_of_work import Unit
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.events import ConsoleTold, WorldAdded, WorldChanged
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.server_properties import PORT, Value, changed, in_force
from coalserver.domain.minecraft.visitor import ConsoleLine, Visitor, one_line, said_as
from coalserver.domain.minecraft.visits import Mark, Sign
from coalserver.domain.minecraft.world import COMING, GOING, IN_USE, Ping, Status, World

SHORT_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST_SHORT_NAME = 50
#: Console lines that wait for one world. An agent that is away for long must not be sent a day's talk.
MOST_WAITING = 1000
#: In the game a name stands in such brackets.
_BRACKETS = str.maketrans("<>", "‹›")
#: Joiners and marks of direction: a name that has them may look like another's.
_UNSEEN = dict.fromkeys([*range(0x200C, 0x2010), *range(0xFE00, 0xFE10)])


def add_world(unit: Unit, *, name: str, hosted: bool = False, short_name: str = "") -> World:
    """Make a world; nothing is known of it yet."""
    world = World(unit.new_id(World), _named(name), hosted, created=unit.now, updated=unit.now)
    world = unit.put(replace(world, short_name=_short(unit, world, short_name)))
    unit.say(WorldAdded(world.id, world.name), topics.world(world.id), topics.worlds())
    return world


def change_world(
    unit: Unit,
    *,
    world_id: int,
    name: str | None = None,
    short_name: str | None = None,
    public: bool | None = None,
) -> World:
    """Change what is given; an empty short name frees the one it has."""
    world = the_world(unit, world_id)
    after = world
    if name is not None:
        after = replace(after, name=_named(name))
    if short_name is not None:
        after = replace(after, short_name=_short(unit, world, short_name))
    if public is not None:
        after = replace(after, public=public)
    return keep_world(unit, world, after)


def change_properties(unit: Unit, *, world_id: int, given: Mapping[str, Value]) -> World:
    """Say anew how a hosted world is to be run, as far as it is given; the rest stays."""
    world = _hosted(unit, world_id)
    port = given.get(PORT)
    others = (one for one in unit.find(World, "active", "") if one.id != world.id)
    if port is not None and any(in_force(one.properties)[PORT] == port for one in others):
        raise Refusal(Why.MALFORMED, fields={PORT: "taken"})
    return keep_world(unit, world, replace(world, properties=changed(world.properties, given)))


def end_world(unit: Unit, *, world_id: int) -> World:
    """A world is no more one of ours. Its history stays, its short name is free."""
    world = the_world(unit, world_id)
    for line in unit.find(ConsoleLine, "world", world.id):
        unit.drop(line)
    status = world.silent(float("inf")).status
    return keep_world(unit, world, replace(world, active=False, short_name="", status=status))


def play_world(unit: Unit, *, world_id: int) -> bool:
    """Ask for a hosted world to run. False where it does already, or is on its way."""
    world = _hosted(unit, world_id)
    if world.status is Status.RUNNING or world.status in COMING:
        return False
    keep_world(unit, world, world.asked(Status.QUEUED_START, unit.now))
    return True


def pause_world(unit: Unit, *, world_id: int) -> bool:
    """Ask for a hosted world to be stopped and put away. False where it is, or is on its way."""
    world = _hosted(unit, world_id)
    if world.status is Status.STOPPED or world.status in GOING:
        return False
    keep_world(unit, world, world.asked(Status.QUEUED_STOP, unit.now))
    return True


def ping_world(
    unit: Unit, *, world_id: int, ping: Ping, after: int | None = None
) -> list[ConsoleLine]:
    """An agent says how its world is; gives the console lines that are now its to write, oldest first.

    Only a world that runs is given any: the others wait. `after` is the id of the last line the agent has kept:
    those later ones are given, and given again until they are kept as well. An agent that says none is given
    each line once.
    """
    world = the_world(unit, world_id)
    keep_world(unit, world, world.ping(ping, unit.now))
    waiting = unit.find(ConsoleLine, "world", world.id)
    # An agent that has kept a line which nobody has asked for yet means another server's.
    newest = unit.state.counters.get(ConsoleLine, 1) - 1
    kept = 0 if after is None or after > newest else after
    given = [line for line in waiting if line.id > kept] if ping.running else []
    taken = given if after is None else [line for line in waiting if line.id <= kept]
    for line in taken:
        unit.drop(line)
    if taken:
        unit.say(ConsoleTold(world.id, tuple(line.id for line in taken)), topics.world(world.id))
    return given


def world_on_its_way(
    unit: Unit, *, world_id: int, status: Status, percent: int | None = None
) -> World:
    """What hosts a world has come so far with starting or stopping it."""
    world = the_world(unit, world_id)
    return keep_world(unit, world, world.asked(status, unit.now, percent))


def world_put_away(unit: Unit, *, world_id: int) -> World:
    """What hosts a world has stopped and saved it; nobody is in it any more."""
    world = the_world(unit, world_id)
    mark = Mark(unit.now, unit.state.counters.get(LogLine, 1), Sign.SAVED, unit.now)
    empty(unit, world.id, mark)
    unit.sight(world.id, mark)
    return keep_world(unit, world, replace(world.saved(), emptied=mark))


def notice_silence(unit: Unit) -> int:
    """Worlds not heard of for long are in a state that nobody knows; gives how many."""
    silent = (
        (world, after)
        for world in unit.state.find(World, "active", "")
        if (after := world.silent(unit.now)) != world
    )
    done = list(islice(silent, PIECE))
    for world, after in done:
        keep_world(unit, world, after)
    return len(done)


def tell_console(unit: Unit, *, world_id: int, text: str, username: str = "") -> ConsoleLine | None:
    """Queue a line for a world's console; None where there is nothing in it."""
    world = the_world(unit, world_id)
    line = ConsoleLine(unit.new_id(ConsoleLine), world.id, text, unit.now, username)
    if not line.text:
        return None
    waiting = unit.find(ConsoleLine, "world", world.id)
    for old in waiting[: max(0, len(waiting) + 1 - MOST_WAITING)]:
        unit.drop(old)
    return unit.put(line)


def say_in_world(
    unit: Unit, *, world_id: int, account: int, text: str, username: str | None = None
) -> ConsoleLine | None:
    """Say something in a world, under the account's name there or under one of its names.

    `username` must be a visitor's and claimed by the account.
    """
    world = the_world(unit, world_id)
    speaker = unit.get(Account, account)
    if username is None:
        name = "" if speaker is None else name_in_world(unit, world.id, speaker)
    else:
        the_visitor(unit, world.id, username)
        if speaker is None or username not in speaker.usernames:
            raise Refusal(Why.NOT_YOURS)
        name = username
    # Blank once it is one line, not before.
    blank = not ConsoleLine(0, world.id, text, unit.now).text
    if blank:
        return None
    return tell_console(unit, world_id=world.id, text=said_as(name, text), username=name)


def name_in_world(unit: Unit, world: int, account: Account) -> str:
    """What an account is called there: a claimed name that has played, its nickname, or its address.

    None ends before it is over: what followed would be read as said by somebody else.
    """
    for username in account.usernames:
        if unit.one(Visitor, "name", (world, username)):
            return username
    nickname = account.nickname.translate(_BRACKETS)
    others = {nickname, nickname.translate(_UNSEEN).strip()}
    if nickname and not any(unit.one(Visitor, "name", (world, other)) for other in others):
        return nickname
    return account.email.translate(_BRACKETS)


def empty(unit: Unit, world: int, mark: Mark) -> None:
    """Everybody who was in a world when a mark was made has gone home."""
    for visitor in unit.find(Visitor, "world", world):
        if visitor.concerned(mark):
            unit.put(visitor.seen(mark))


def keep_world(unit: Unit, before: World, after: World) -> World:
    """Put a world that has changed, and say so where others see it."""
    if after == before:
        return after
    after = unit.put(replace(after, updated=unit.now))
    if _shown(after) != _shown(before):
        changed = WorldChanged(after.id, *_shown(after))
        unit.say(changed, topics.world(after.id), topics.worlds())
    return after


def the_world(unit: Unit, id: int) -> World:
    """A world that is one of ours."""
    world = unit.get(World, id)
    if world is None or not world.active:
        raise Refusal(Why.WORLD_NOT_FOUND)
    return world


def the_visitor(unit: Unit, world: int, username: str) -> Visitor:
    visitor = unit.one(Visitor, "name", (world, username))
    if visitor is None:
        raise Refusal(Why.VISITOR_NOT_FOUND)
    return visitor


def _hosted(unit: Unit, id: int) -> World:
    world = the_world(unit, id)
    if not world.hosted:
        raise Refusal(Why.WORLD_NOT_FOUND)
    return world


def _named(name: str) -> str:
    name = one_line(name).strip()
    if not name:
        raise Refusal(Why.MALFORMED, fields={"name": "blank"})
    return name


def _short(unit: Unit, world: World, name: str) -> str:
    """A short name as it is kept; none that another world has, or that leads elsewhere."""
    if not name:
        return ""
    if len(name) > LONGEST_SHORT_NAME or not SHORT_NAME.fullmatch(name):
        raise Refusal(Why.MALFORMED, fields={"short_name": "not_a_slug"})
    if name in IN_USE:
        raise Refusal(Why.SHORT_NAME_RESERVED)
    other = unit.one(World, "short_name", name)
    if other is not None and other.id != world.id:
        raise Refusal(Why.SHORT_NAME_TAKEN)
    return name


def _shown(world: World) -> tuple[str, str, str, str, bool, bool]:
    status = str(world.status)
    return world.name, status, world.version, world.address, world.active, world.public
