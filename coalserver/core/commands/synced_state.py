"""Synced state commands: a room's source of truth changes its state, members send commands and binary data."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from coalserver.core import topics
from coalserver.core.commands.members import touch_room
from coalserver.core.commands.storage_limits import check_game_storage
from coalserver.core.ports import Entry
from coalserver.core.queries.rooms import get_room
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import BinarySent, CommandSent, SyncedStateChanged
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import MAX_PATCH_BYTES, SyncedState
from coalserver.domain.text import constant_time_equals, secret_digest

#: Snapshots made by one command: states may be large.
CHUNK_SIZE = 20
#: Bytes of states of which snapshots are made at once: a few milliseconds.
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class PreparedPatch:
    """A synced state with a patch, or the error, which were computed before the command runs."""

    #: The state that it was computed from; None: there was none.
    before: SyncedState | None
    after: SyncedState | DomainError

    def result(self) -> SyncedState:
        """Return the state with the patch, or raise its error."""
        if isinstance(self.after, DomainError):
            raise self.after
        return self.after


def update_synced_state(
    uow: UnitOfWork,
    *,
    room_id: int,
    by: int,
    secret: str,
    state: bytes | None = None,
    patch: bytes | None = None,
    prepared: PreparedPatch | None = None,
) -> tuple[Entry, int]:
    """Replace a room's synced state (any JSON) or patch it (an object); return the entry and the version.

    Emits SyncedStateChanged. A patch is part of the event and stored only there until the next snapshot. A
    whole state is stored with the entity; subscribers are sent the state as it is when they receive the event.
    `prepared` has the result of a large patch.
    Raises ROOM_NOT_FOUND, ROOM_ENDED, NOT_MEMBER, NOT_HOST for a wrong secret, or INVALID_REQUEST.
    """
    room = _get_room_of_member(uow, room_id, by)
    if not room.authority or not constant_time_equals(secret_digest(secret), room.authority):
        raise DomainError(ErrorCode.NOT_HOST)
    found = uow.get(SyncedState, room.id)
    before = found or SyncedState(room.id)
    if prepared is not None and prepared.before is found:
        after = prepared.result()
    elif patch is not None:
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
    """Emit CommandSent to a member or, with `to` None, to all others.

    Raises ROOM_NOT_FOUND, ROOM_ENDED, NOT_MEMBER or TARGET_NOT_MEMBER.
    """
    room = _get_room_of_member(uow, room_id, sender)
    if to is not None and to not in room.roster:
        raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
    touch_room(uow, room)
    topic = topics.commands(room.id) if to is None else topics.updates(room.id, to)
    return uow.emit(CommandSent(room.game, room.id, sender, name, data), topic)


def send_binary(uow: UnitOfWork, *, room_id: int, sender: int, data: str) -> Entry:
    """Emit BinarySent with base64 data to all other members.

    Raises ROOM_NOT_FOUND, ROOM_ENDED or NOT_MEMBER.
    """
    room = _get_room_of_member(uow, room_id, sender)
    touch_room(uow, room)
    return uow.emit(BinarySent(room.game, room.id, sender, data), topics.commands(room.id))


def snapshot_synced_states(uow: UnitOfWork, *, before: float, ids: Iterable[int]) -> int:
    """Make snapshots of states whose patches are in entries about to be deleted; return their number.

    Looks at these ids only. Handles a bounded number, and stops at CHUNK_BYTES.
    """
    old = (
        synced_state
        for id in ids
        if (synced_state := uow.get(SyncedState, id)) is not None
        and synced_state.patches
        and synced_state.snapshot_at < before
    )
    number = size = 0
    for synced_state in islice(old, CHUNK_SIZE):
        uow.save(synced_state.compact(uow.now))
        number += 1
        size += synced_state.size
        if size >= CHUNK_BYTES:
            break
    return number


def _get_room_of_member(uow: UnitOfWork, room_id: int, player_id: int) -> Room:
    """Return a running room of which the player is a member. Raises also GAME_STORAGE_FULL."""
    room = get_room(uow, room_id)
    room.check_open()
    room.roster.get_seat(player_id)
    check_game_storage(uow, room.game)
    return room
