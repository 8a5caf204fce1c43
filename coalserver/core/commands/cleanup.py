"""Cleanup commands: deletion of what has expired. Each handles a bounded chunk and returns how many it handled.

`ids` limits a command to these entities, of which some may be deleted meanwhile; None: it looks at all of the class.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TypeVar

from coalserver.core.commands.accounts import revoke_token
from coalserver.core.commands.members import force_close
from coalserver.core.commands.worlds import save_world, suspend_visits
from coalserver.core.unit_of_work import Identified, UnitOfWork
from coalserver.domain.accounts.account import KnownClient, LoginSession
from coalserver.domain.accounts.oauth import (
    AuthorizationCode,
    PairingCode,
    TokenPair,
)
from coalserver.domain.idempotency import IdempotencyRecord
from coalserver.domain.minecraft.visitor import SentChat, UsernameClaim
from coalserver.domain.minecraft.world import PING_SAVE_SECONDS, QUIET_SECONDS, World
from coalserver.domain.play.actions import FINISHED_ACTION_SECONDS, Action
from coalserver.domain.play.game import StorageItem
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import CloseReason, Lobby, LobbyState
from coalserver.domain.play.player import Ban, Player, Token
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState

E = TypeVar("E", bound=Identified)

#: Entities changed by one command: few enough that requests do not have to wait.
CHUNK_SIZE = 500
#: Seconds for which a repeated request is recognized.
RETENTION_SECONDS = 86400
#: Idempotency records that are kept: of more, the oldest are deleted before their time.
MAX_IDEMPOTENCY_RECORDS = 1_000_000
#: Seconds in which a world's log shows a delivered chat message.
ECHO_SECONDS = 900


def delete_expired_rooms(
    uow: UnitOfWork, *, retention_seconds: float, ids: Iterable[int] | None = None
) -> int:
    """Delete rooms that were closed at least `retention_seconds` ago; return their number."""
    expired = (
        room
        for room in _candidates(uow, Room, ids)
        if room.ended and uow.now - (room.closed or 0) >= retention_seconds
    )
    chunk = list(islice(expired, CHUNK_SIZE))
    for room in chunk:
        uow.delete(room)
        synced_state = uow.get(SyncedState, room.id)
        if synced_state is not None:
            uow.delete(synced_state)
    return len(chunk)


def delete_expired_lobbies(
    uow: UnitOfWork, *, retention_seconds: float, ids: Iterable[int] | None = None
) -> int:
    """Delete lobbies without members that were closed at least `retention_seconds` ago; return their number."""
    expired = (
        lobby
        for lobby in _candidates(uow, Lobby, ids)
        if lobby.state is not LobbyState.OPEN
        and not lobby.roster.seats
        and uow.now - (lobby.closed or 0) >= retention_seconds
    )
    chunk = list(islice(expired, CHUNK_SIZE))
    for lobby in chunk:
        uow.delete(lobby)
        for request in uow.find(JoinRequest, "lobby", lobby.id):
            uow.delete(request)
    return len(chunk)


def close_idle_rooms(
    uow: UnitOfWork, *, idle_seconds: float, ids: Iterable[int] | None = None
) -> int:
    """Close rooms without activity for `idle_seconds`; return their number. Emits RoomClosed."""
    idle_rooms = (
        room
        for room in _candidates(uow, Room, ids)
        if not room.ended and uow.now - room.touched >= idle_seconds
    )
    chunk = list(islice(idle_rooms, CHUNK_SIZE))
    for room in chunk:
        force_close(uow, room, CloseReason.EXPIRED)
    return len(chunk)


def revoke_expired_tokens(
    uow: UnitOfWork, *, last_seen: Mapping[int, float], ids: Iterable[int] | None = None
) -> int:
    """Revoke tokens that can no longer be refreshed; return their number.

    Emits what `accounts.revoke_token` emits.
    """
    expired = (
        token
        for token in _candidates(uow, Token, ids)
        if token.is_fully_expired(last_seen.get(token.player, 0.0), uow.now)
    )
    chunk = list(islice(expired, CHUNK_SIZE))
    for token in chunk:
        revoke_token(uow, token_id=token.id)
    return len(chunk)


def delete_expired_guests(
    uow: UnitOfWork,
    *,
    last_seen: Mapping[int, float],
    retention_seconds: float,
    ids: Iterable[int] | None = None,
) -> int:
    """Delete guests without tokens and seats who were inactive for `retention_seconds`, with their data and bans.

    Return their number.
    """
    expired = (
        player
        for player in _candidates(uow, Player, ids)
        if player.guest
        and uow.now - max(last_seen.get(player.id, 0.0), player.created) >= retention_seconds
        and not uow.state.ids(Token, "player", player.id)
        and not uow.state.ids(Lobby, "member", player.id)
        and not uow.state.ids(Room, "member", player.id)
    )
    chunk = list(islice(expired, CHUNK_SIZE))
    for player in chunk:
        uow.delete(player)
        for item in uow.find(StorageItem, "player", player.id):
            uow.delete(item)
        for game in {player.game, *player.other_games}:
            for ban in uow.find(Ban, "player", (game, player.id)):
                uow.delete(ban)
    return len(chunk)


def delete_expired_actions(
    uow: UnitOfWork,
    *,
    retention_seconds: float = FINISHED_ACTION_SECONDS,
    ids: Iterable[int] | None = None,
) -> int:
    """Delete actions that were answered long ago; return their number."""
    expired = (
        action
        for action in _candidates(uow, Action, ids)
        if action.finished_at is not None and uow.now - action.finished_at >= retention_seconds
    )
    return delete_chunk(uow, expired)


def delete_expired_join_requests(
    uow: UnitOfWork, *, retention_seconds: float, ids: Iterable[int] | None = None
) -> int:
    """Delete join requests that ended at least `retention_seconds` ago; return their number."""
    expired = (
        request
        for request in _candidates(uow, JoinRequest, ids)
        if request.answered_at is not None and uow.now - request.answered_at >= retention_seconds
    )
    return delete_chunk(uow, expired)


def delete_expired_bans(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """Delete bans that have expired; return their number."""
    expired = (ban for ban in _candidates(uow, Ban, ids) if not ban.is_active(uow.now))
    return delete_chunk(uow, expired)


def _candidates(uow: UnitOfWork, kind: type[E], ids: Iterable[int] | None) -> Iterable[E]:
    if ids is None:
        return uow.state.all(kind)
    return (entity for id in ids if (entity := uow.get(kind, id)) is not None)


def delete_chunk(uow: UnitOfWork, ended: Iterable[Identified]) -> int:
    """Delete at most CHUNK_SIZE of the entities; return how many."""
    chunk = list(islice(ended, CHUNK_SIZE))
    for entity in chunk:
        uow.delete(entity)
    return len(chunk)


def delete_expired_login_sessions(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """Delete login sessions that have expired; return their number."""
    expired = (one for one in _candidates(uow, LoginSession, ids) if one.is_expired(uow.now))
    return delete_chunk(uow, expired)


def delete_expired_known_clients(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """Delete browsers and addresses without a login for long; return their number."""
    return delete_chunk(
        uow, (one for one in _candidates(uow, KnownClient, ids) if one.is_expired(uow.now))
    )


def delete_expired_pairings(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """Delete pairing codes that have expired; return their number."""
    expired = (one for one in _candidates(uow, PairingCode, ids) if one.is_expired(uow.now))
    return delete_chunk(uow, expired)


def delete_expired_codes(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """Delete authorization codes that have expired; return their number."""
    codes = _candidates(uow, AuthorizationCode, ids)
    return delete_chunk(uow, (one for one in codes if one.is_expired(uow.now)))


def delete_expired_tokens(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """Delete pairs of tokens of which both have expired; return their number."""
    pairs = _candidates(uow, TokenPair, ids)
    return delete_chunk(uow, (one for one in pairs if one.is_fully_expired(uow.now)))


def delete_expired_claims(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """Delete claims that have expired; return their number."""
    claims = _candidates(uow, UsernameClaim, ids)
    return delete_chunk(uow, (one for one in claims if uow.now >= one.until))


def delete_expired_sent_chats(uow: UnitOfWork, *, ids: Iterable[int] | None = None) -> int:
    """Delete delivered chat messages that no log has shown in time; return their number."""
    return delete_chunk(
        uow,
        (one for one in _candidates(uow, SentChat, ids) if uow.now - one.sent_at >= ECHO_SECONDS),
    )


def delete_expired_idempotency_records(uow: UnitOfWork, *, limit: int = 1000) -> int:
    """Delete idempotency records past their retention or their number, oldest first; return how many."""
    expired: list[IdempotencyRecord] = []
    too_many = uow.state.count(IdempotencyRecord) - MAX_IDEMPOTENCY_RECORDS
    for record in uow.state.all(IdempotencyRecord):
        is_kept = uow.now - record.created_at < RETENTION_SECONDS and len(expired) >= too_many
        if is_kept or len(expired) >= limit:
            break
        expired.append(record)
    for record in expired:
        uow.delete(record)
    return len(expired)


def mark_silent_worlds(
    uow: UnitOfWork, *, last_lines: Mapping[int, float] = {}, ids: Iterable[int] | None = None
) -> int:
    """Update the status of worlds whose agents have been silent; return their number.

    Suspends the visits to them, unless lines have come since the last ping. `last_lines` has the time of each
    world's newest line. Emits WorldChanged.
    """
    silent = (
        (world, after)
        for world in _candidates(uow, World, ids)
        if world.active and (after := world.after_silence(uow.now)) is not world
    )
    chunk = list(islice(silent, CHUNK_SIZE))
    for world, after in chunk:
        last_line = last_lines.get(world.id, 0.0)
        # The last ping can be this much later than `last_ping`.
        if last_line <= (world.last_ping or 0.0) + PING_SAVE_SECONDS:
            after = suspend_visits(uow, world, after, last_line)
        save_world(uow, world, after)
    return len(chunk)


def suspend_quiet_visits(uow: UnitOfWork, *, last_lines: Mapping[int, float]) -> None:
    """Suspend the visits to worlds without pings whose newest line is older than QUIET_SECONDS.

    `last_lines` has the times of these lines: the visits end then. Worlds that are pinged meanwhile are left out.
    """
    for id, last_line in last_lines.items():
        world = uow.get(World, id)
        if world is None or world.is_pinged(uow.now) or last_line > uow.now - QUIET_SECONDS:
            continue
        save_world(uow, world, suspend_visits(uow, world, world, last_line))
