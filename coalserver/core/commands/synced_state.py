"""Truth commands: the source of truth changes a room's state, members send commands to one another."""

from dataclasses import replace
from itertools import islice

from coalserver.core import topics
from coalserver.core.commands.finding import the_room
from coalserver.core.commands.games import digest
from coalserver.core.commands.rooms import touch
from coalserver.core.ports import Entry
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import same
from coalserver.domain.play.message_events import CommandSent, FrameSent, StateChanged
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import LARGEST_PATCH, Truth

#: Whole states may be large: few at once.
PIECE = 20


def change_truth(
    unit: Unit,
    *,
    room_id: int,
    by: int,
    secret: str,
    state: bytes | None = None,
    patch: bytes | None = None,
) -> tuple[Entry, int]:
    """Replace the state (any JSON) or patch it (an object); gives the entry and the version.

    A patch is said and, until the next snapshot, only said. A whole state is only kept: whoever hears that
    there is one is told what it is by then.
    """
    room = _member_of(unit, room_id, by)
    if not room.authority or not same(digest(secret), room.authority):
        raise Refusal(Why.NOT_HOST)
    before = unit.get(Truth, room.id) or Truth(room.id)
    if patch is not None:
        after = before.patched(patch, unit.now)
    else:
        after = before.replaced(b"null" if state is None else state, unit.now)
    told = None if patch is None or len(patch) > LARGEST_PATCH else patch
    changed = StateChanged(room.game, room.id, by, after.version, told)
    entry = unit.say(changed, topics.truth(room.id))
    after = replace(after, entry=entry.id)
    if after.patches and before.version:
        unit.derive(after)
    else:
        unit.put(after)
    touch(unit, room)
    return entry, after.version


def send_command(
    unit: Unit,
    *,
    room_id: int,
    sender: int,
    name: str,
    data: bytes = b"null",
    to: int | None = None,
) -> Entry:
    """Send a command to another member, or to all others."""
    room = _member_of(unit, room_id, sender)
    if to is not None and to not in room.roster:
        raise Refusal(Why.TARGET_NOT_HERE)
    touch(unit, room)
    where = topics.commands(room.id) if to is None else topics.updates(room.id, to)
    return unit.say(CommandSent(room.game, room.id, sender, name, data), where)


def send_frame(unit: Unit, *, room_id: int, sender: int, data: str) -> Entry:
    """Send all other members what is no JSON; here it is base64."""
    room = _member_of(unit, room_id, sender)
    touch(unit, room)
    return unit.say(FrameSent(room.game, room.id, sender, data), topics.commands(room.id))


def keep_truths(unit: Unit, *, before: float) -> int:
    """Make snapshots of states that lean on entries which are about to be forgotten; gives how many."""
    old = (truth for truth in unit.state.all(Truth) if truth.patches and truth.at < before)
    done = list(islice(old, PIECE))
    for truth in done:
        unit.put(truth.folded(unit.now))
    return len(done)


def _member_of(unit: Unit, room_id: int, player: int) -> Room:
    """A running room in which the player sits."""
    room = the_room(unit, room_id)
    room.running()
    room.roster.of(player)
    return room
