"""Truth commands: the source of truth changes a room's state, members send commands to one another."""

from dataclasses import replace
from itertools import islice

from coalserver.core import topics
from coalserver.core.commands.members import touch_room
from coalserver.core.ports import Entry
from coalserver.core.queries.rooms import get_room
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import BinarySent, CommandSent, SyncedStateChanged
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import MAX_PATCH_BYTES, SyncedState
from coalserver.domain.text import constant_time_equals, secret_digest

#: Whole states may be large: few at once.
CHUNK_SIZE = 20


def update_synced_state(
    uow: UnitOfWork,
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
    room = _get_room_of_member(uow, room_id, by)
    if not room.authority or not constant_time_equals(secret_digest(secret), room.authority):
        raise DomainError(ErrorCode.NOT_HOST)
    before = uow.get(SyncedState, room.id) or SyncedState(room.id)
    if patch is not None:
        after = before.apply_patch(patch, uow.now)
    else:
        after = before.with_state(b"null" if state is None else state, uow.now)
    event_patch = None if patch is None or len(patch) > MAX_PATCH_BYTES else patch
    event = SyncedStateChanged(room.game, room.id, by, after.version, event_patch)
    entry = uow.emit(event, topics.synced_state(room.id))
    after = replace(after, entry=entry.id)
    if after.patches and before.version:
        uow.save_derived(after)
    else:
        uow.save(after)
    touch_room(uow, room)
    return entry, after.version


def send_command(
    uow: UnitOfWork,
    *,
    room_id: int,
    sender: int,
    name: str,
    data: bytes = b"null",
    to: int | None = None,
) -> Entry:
    """Send a command to another member, or to all others."""
    room = _get_room_of_member(uow, room_id, sender)
    if to is not None and to not in room.roster:
        raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
    touch_room(uow, room)
    topic = topics.commands(room.id) if to is None else topics.updates(room.id, to)
    return uow.emit(CommandSent(room.game, room.id, sender, name, data), topic)


def send_binary(uow: UnitOfWork, *, room_id: int, sender: int, data: str) -> Entry:
    """Send all other members what is no JSON; here it is base64."""
    room = _get_room_of_member(uow, room_id, sender)
    touch_room(uow, room)
    return uow.emit(BinarySent(room.game, room.id, sender, data), topics.commands(room.id))


def snapshot_synced_states(uow: UnitOfWork, *, before: float) -> int:
    """Make snapshots of states that lean on entries which are about to be forgotten; gives how many."""
    old = (
        synced_state
        for synced_state in uow.state.all(SyncedState)
        if synced_state.patches and synced_state.snapshot_at < before
    )
    chunk = list(islice(old, CHUNK_SIZE))
    for truth in chunk:
        uow.save(truth.compact(uow.now))
    return len(chunk)


def _get_room_of_member(uow: UnitOfWork, room_id: int, player_id: int) -> Room:
    """A running room in which the player sits."""
    room = get_room(uow, room_id)
    room.check_open()
    room.roster.get_seat(player_id)
    return room
