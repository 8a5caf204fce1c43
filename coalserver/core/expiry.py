"""Expiry: everything that ends because time has passed, each thing looked at when it is due (docs/decisions/0069)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from coalserver.core.commands import cleanup
from coalserver.core.commands.join_requests import expire_join_requests
from coalserver.core.due_times import DueTimes
from coalserver.core.engine import Core
from coalserver.core.steps import portions
from coalserver.domain.accounts.account import KNOWN_CLIENT_SECONDS, KnownClient, LoginSession
from coalserver.domain.accounts.oauth import AuthorizationCode, PairingCode, TokenPair
from coalserver.domain.minecraft.visitor import SentChat, UsernameClaim
from coalserver.domain.play.actions import FINISHED_ACTION_SECONDS, Action
from coalserver.domain.play.game import StorageItem
from coalserver.domain.play.join_requests import MAX_PENDING_SECONDS, JoinRequest
from coalserver.domain.play.lobby import Lobby, LobbyState
from coalserver.domain.play.player import Ban, Player, Token
from coalserver.domain.play.room import Room

#: Entities that are read, or looked at, between two pauses: about a millisecond.
READ_SIZE = 1000
#: Work of one command, of an entity that it ends, and of one that is deleted with it, in microseconds or so.
MAX_WORK, WORK, MORE_WORK = 2000, 20, 5
#: Seconds after which a lobby or guest is looked at again that only waits for others to leave.
HELD_SECONDS = 3600.0


class _Step(NamedTuple):
    """One kind of thing that expires, and the command that handles some of them."""

    due_times: DueTimes
    handle: Callable[[list[int]], Awaitable[Any]]
    #: Returns how many entities are deleted with one.
    count_more: Callable[[int], int] = lambda id: 0

    def work_of(self, id: int) -> int:
        return WORK + MORE_WORK * self.count_more(id)


class Expiry:
    """Ends what has expired, of `core`. `closed_seconds`: how long what is closed is kept; `idle_seconds`: rooms."""

    def __init__(self, core: Core, *, closed_seconds: float, idle_seconds: float) -> None:
        self._core = core
        self._closed_seconds = closed_seconds
        self._idle_seconds = idle_seconds
        state, execute = core.state, core.execute

        def step(
            kind: type,
            due: Callable[[Any, float], float | None],
            command: Callable[..., Any],
            count_more: Callable[[int], int] = lambda id: 0,
            **arguments: Any,
        ) -> _Step:
            return _Step(
                DueTimes(state, kind, due),
                lambda ids: execute(command, ids=ids, **arguments),
                count_more,
            )

        kept: dict[str, Any] = {"retention_seconds": closed_seconds}
        #: In the order in which they are handled.
        self._steps = (
            step(Action, _action_due, cleanup.delete_expired_actions),
            step(JoinRequest, _pending_request_due, expire_join_requests),
            step(JoinRequest, self._request_due, cleanup.delete_expired_join_requests, **kept),
            step(Ban, lambda ban, now: ban.until, cleanup.delete_expired_bans),
            step(AuthorizationCode, _until, cleanup.delete_expired_codes),
            step(TokenPair, _token_pair_due, cleanup.delete_expired_tokens),
            step(LoginSession, _until, cleanup.delete_expired_login_sessions),
            step(KnownClient, _known_client_due, cleanup.delete_expired_known_clients),
            step(PairingCode, _until, cleanup.delete_expired_pairings),
            step(Room, self._closed_room_due, cleanup.delete_expired_rooms, **kept),
            step(
                Lobby,
                self._closed_lobby_due,
                cleanup.delete_expired_lobbies,
                lambda id: state.count_under(JoinRequest, "lobby", id),
                **kept,
            ),
            step(
                Room,
                self._idle_room_due,
                cleanup.close_idle_rooms,
                lambda id: state.count_under(Action, "room", id),
                idle_seconds=idle_seconds,
            ),
            step(UsernameClaim, _until, cleanup.delete_expired_claims),
            step(SentChat, _sent_chat_due, cleanup.delete_expired_sent_chats),
            _Step(
                DueTimes(state, Token, self._token_due), self._revoke_tokens, self._count_of_token
            ),
        )
        self._guests = _Step(
            DueTimes(state, Player, self._guest_due),
            self._delete_guests,
            lambda id: state.count_under(StorageItem, "player", id),
        )
        state.watch(Token, self._on_token_change)

    def restart(self) -> None:
        """Read all times anew, after a step of the clock."""
        for step in (*self._steps, self._guests):
            step.due_times.clear()

    async def run_once(self) -> None:
        """Handle everything that is due, except guests."""
        await self._run_batches(cleanup.delete_expired_idempotency_records, limit=MAX_WORK // WORK)
        for step in self._steps:
            await self._run(step)

    async def delete_expired_guests(self) -> None:
        """Delete the guests that are due."""
        await self._run(self._guests)

    async def _run(self, step: _Step) -> None:
        due_times, now = step.due_times, self._core.now
        while due_times.read(now, READ_SIZE):
            await asyncio.sleep(0)
        taken = due_times.take(now)
        # Those that remain, or fall due again, are noted below; nothing is due twice in one run.
        for start in range(0, len(taken), READ_SIZE):
            ids = taken[start : start + READ_SIZE]
            try:
                due = due_times.due_ids(ids, now)
                for some in portions(due, step.work_of, MAX_WORK):
                    await step.handle(some)
            except BaseException:
                due_times.put(taken[start + READ_SIZE :], now)
                raise
            finally:
                due_times.put(ids, now)
            await asyncio.sleep(0)

    async def _run_batches(self, command: Callable[..., int], **arguments: Any) -> None:
        """Run a command until it returns 0; requests are handled between two batches."""
        while await self._core.execute(command, **arguments):
            await asyncio.sleep(0)

    async def _revoke_tokens(self, ids: list[int]) -> None:
        core = self._core
        tokens = (token for id in ids if (token := core.state.get(Token, id)) is not None)
        last_seen = {token.player: core.last_seen_at(token.player) for token in tokens}
        await core.execute(cleanup.revoke_expired_tokens, last_seen=last_seen, ids=ids)

    async def _delete_guests(self, ids: list[int]) -> None:
        core = self._core
        # Nobody has written for long if the times of guests who were silent for that long are not written yet.
        core.writer.forget_last_seen(ids)
        await core.execute(
            cleanup.delete_expired_guests,
            last_seen={id: core.last_seen_at(id) for id in ids},
            retention_seconds=self._closed_seconds,
            ids=ids,
        )
        for id in ids:
            if core.state.get(Player, id) is None:
                core.presence.forget(id)

    def _count_of_token(self, id: int) -> int:
        """Return how many actions and join requests can end with a token: those of the places of its player."""
        state = self._core.state
        token = state.get(Token, id)
        if token is None:
            return 0
        rooms, lobbies = (state.ids(kind, "member", token.player) for kind in (Room, Lobby))
        return sum(state.count_under(Action, "room", room) for room in rooms) + sum(
            state.count_under(JoinRequest, "lobby", lobby) for lobby in lobbies
        )

    def _on_token_change(self, before: Token | None, after: Token | None) -> None:
        """Look at a guest again whose token was revoked: it may have been the last one."""
        if after is None and before is not None:
            self._guests.due_times.put((before.player,), self._core.now)

    def _request_due(self, request: JoinRequest, now: float) -> float | None:
        # One that is pending is answered now at the earliest.
        return (now if request.answered_at is None else request.answered_at) + self._closed_seconds

    def _closed_room_due(self, room: Room, now: float) -> float | None:
        return ((room.closed or 0.0) if room.ended else now) + self._closed_seconds

    def _closed_lobby_due(self, lobby: Lobby, now: float) -> float | None:
        if lobby.state is LobbyState.OPEN:
            return now + self._closed_seconds
        due = (lobby.closed or 0.0) + self._closed_seconds
        # The members of a started lobby leave it when its room ends, which closes it anew.
        return (
            max(due, now + min(HELD_SECONDS, self._closed_seconds)) if lobby.roster.seats else due
        )

    def _idle_room_due(self, room: Room, now: float) -> float | None:
        return None if room.ended else room.touched + self._idle_seconds

    def _token_due(self, token: Token, now: float) -> float | None:
        start = token.created
        if not token.fixed_lifetime:
            start = max(start, self._core.last_seen_at(token.player))
        return start + token.lifetime + token.refresh_seconds

    def _guest_due(self, player: Player, now: float) -> float | None:
        # A guest with a token is noted when it is revoked.
        state = self._core.state
        if not player.guest or state.ids(Token, "player", player.id):
            return None
        due = max(self._core.last_seen_at(player.id), player.created) + self._closed_seconds
        is_held = state.ids(Lobby, "member", player.id) or state.ids(Room, "member", player.id)
        return max(due, now + min(HELD_SECONDS, self._closed_seconds)) if is_held else due


def _until(entity: Any, now: float) -> float | None:
    until: float = entity.until
    return until


def _action_due(action: Action, now: float) -> float | None:
    return (now if action.finished_at is None else action.finished_at) + FINISHED_ACTION_SECONDS


def _pending_request_due(request: JoinRequest, now: float) -> float | None:
    return request.requested_at + MAX_PENDING_SECONDS if request.pending else None


def _token_pair_due(pair: TokenPair, now: float) -> float | None:
    if pair.until is None:
        return None
    return max(pair.until, pair.refresh_expires_at) if pair.refresh else pair.until


def _known_client_due(client: KnownClient, now: float) -> float | None:
    return client.seen_at + KNOWN_CLIENT_SECONDS


def _sent_chat_due(chat: SentChat, now: float) -> float | None:
    return chat.sent_at + cleanup.ECHO_SECONDS
