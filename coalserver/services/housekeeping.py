"""Housekeeping: who has gone silent, what nobody needs any longer. Time issues commands like anyone."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coalserver.core.commands.account_admin import forget_sign_ins
from coalserver.core.commands.claims import forget_claims
from coalserver.core.commands.cleanup import (
    abandon_idle_rooms,
    end_old_tokens,
    forget_answered_actions,
    forget_closed,
    forget_ended_bans,
    forget_guests,
)
from coalserver.core.commands.idempotency import forget_receipts
from coalserver.core.commands.oauth import forget_ended
from coalserver.core.commands.pairing import forget_pairings
from coalserver.core.commands.presence import free_silent_seats, mark_away
from coalserver.core.commands.worlds import notice_silence
from coalserver.core.engine import Core
from coalserver.core.ports import StoreFailed
from coalserver.core.queries.seats import hurried_seats, seated

log = logging.getLogger(__name__)

#: How often those who are silent are looked at, and the rest is swept. Seconds.
LOOK = 1.0
SWEEP = 60.0
FORGET = 3600.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long things are kept. Seconds, and a number of events."""

    away_after: float = 60
    closed_kept: float = 86400
    idle_room: float = 7 * 86400
    events_kept: float = 7 * 86400
    events_least: int = 10_000


class Housekeeping:
    """Does its rounds until cancelled. What goes wrong with one item is logged and harms no other."""

    def __init__(self, core: Core, keeping: Keeping) -> None:
        self._core = core
        self._keeping = keeping
        self._swept = core.now
        self._forgot = core.now

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            await self.round()

    async def round(self) -> None:
        """Everything that is due now."""
        now = self._core.now
        for player in self._core.presence.expire(now, self._keeping.away_after):
            await self._each(self._gone_silent, player)
        for player in self._core.presence.silent():
            await self._each(self._still_silent, player)
        for player, grace in self._core.see(hurried_seats):
            if not self._core.presence.online(player, now, grace):
                await self._each(self._still_silent, player)
        if now - self._swept >= SWEEP:
            self._swept = now
            await self._each(self._sweep)
        if now - self._forgot >= FORGET:
            self._forgot = now
            keeping = self._keeping
            await self._core.forget(now - keeping.events_kept, keeping.events_least)
            await self._each(self._forget_guests)

    async def _gone_silent(self, player: int) -> None:
        if not self._core.presence.away(player):
            # He was heard of while the others were marked.
            return
        if self._core.see(seated, player=player):
            await self._core.do(mark_away, player=player)
        else:
            self._core.presence.forget(player)

    async def _still_silent(self, player: int) -> None:
        last = self._core.presence.last(player)
        waiting = await self._core.do(free_silent_seats, player=player, last_sign=last)
        if not self._core.see(seated, player=player):
            self._core.presence.forget(player)
        elif not waiting:
            self._core.presence.settle(player)

    async def _sweep(self) -> None:
        core, keeping = self._core, self._keeping
        await self._all(lambda: core.do(forget_receipts))
        await self._all(lambda: core.do(forget_answered_actions))
        await self._all(lambda: core.do(forget_ended_bans))
        await self._all(lambda: core.do(forget_ended))
        await self._all(lambda: core.do(forget_sign_ins))
        await self._all(lambda: core.do(forget_pairings))
        await self._all(lambda: core.do(forget_closed, kept=keeping.closed_kept))
        await self._all(lambda: core.do(abandon_idle_rooms, idle=keeping.idle_room))
        await self._all(lambda: core.do(notice_silence))
        await self._all(lambda: core.do(forget_claims))
        signs = core.presence.signs()
        await self._all(lambda: core.do(end_old_tokens, signs=signs))

    async def _forget_guests(self) -> None:
        core, kept = self._core, self._keeping.closed_kept
        signs = core.presence.signs()
        await self._all(lambda: core.do(forget_guests, signs=signs, kept=kept))

    async def _all(self, piece: Callable[[], Any]) -> None:
        """Do bounded pieces until there is none, letting others in between."""
        while await piece():
            await asyncio.sleep(0)

    async def _each(self, task: Callable[..., Any], *items: Any) -> None:
        try:
            await task(*items)
        except (StoreFailed, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("Housekeeping of %s has failed.", items or "what is old")
