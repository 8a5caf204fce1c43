"""The steady time beside a wall clock that steps, and the expiry of tokens by it."""

import asyncio

import pytest

from coalserver.core.caller import is_token_expired
from coalserver.core.clocks import HOLD_SECONDS, Clocks
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.engine import Core
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.unit_of_work import CoreContext, Limits
from coalserver.domain.play.player import Token
from coalserver.services.housekeeping import Housekeeping, RetentionPolicy
from coalserver.storage.memory import MemoryStore
from tests.core.stepped_clock import SteppedClock

DAY = 86400


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def clocks(clock: SteppedClock) -> Clocks:
    return Clocks(clock.wall, clock.steady)


@pytest.mark.parametrize("step", [-DAY, DAY])
def test_steady_time_ignores_a_step(clock: SteppedClock, clocks: Clocks, step: float) -> None:
    before = clocks.steady()
    clock.offset += step
    clock.monotonic += 5
    assert clocks.steady() == before + 5
    assert clocks.check()
    assert not clocks.check()


def test_slow_adjustment_is_no_step(clock: SteppedClock, clocks: Clocks) -> None:
    for _ in range(100):
        clock.monotonic += 1
        clock.offset += 0.1
        assert not clocks.check()
    assert clocks.expiry_time() == clock.wall()


def test_tokens_expire_by_a_new_time_after_it_has_held_for_an_hour(
    clock: SteppedClock, clocks: Clocks
) -> None:
    before = clock.wall()
    clock.offset += 40 * DAY
    assert clocks.expiry_time() == before
    clocks.check()
    clock.monotonic += HOLD_SECONDS - 1
    clocks.check()
    assert (clocks.in_doubt, clocks.expiry_time()) == (True, before + HOLD_SECONDS - 1)
    clock.monotonic += 1
    clocks.check()
    assert (clocks.in_doubt, clocks.expiry_time()) == (False, clock.wall())


def test_corrected_step_leaves_no_doubt(clock: SteppedClock, clocks: Clocks) -> None:
    clock.offset += 40 * DAY
    clocks.check()
    clock.offset -= 40 * DAY
    clocks.check()
    assert (clocks.in_doubt, clocks.expiry_time()) == (False, clock.wall())


def test_step_back_is_followed_at_once(clock: SteppedClock, clocks: Clocks) -> None:
    clock.offset -= DAY
    assert clocks.expiry_time() == clock.wall()


def test_time_of_activity_follows_the_wall_clock(clock: SteppedClock, clocks: Clocks) -> None:
    seen = clocks.steady()
    clock.offset += DAY
    clock.monotonic += 10
    clocks.check()
    assert clocks.to_wall(seen) == clock.wall() - 10
    assert clocks.to_wall(clocks.started - 1) == clocks.started - 1


async def test_step_of_the_clock_frees_no_seat_and_ends_no_token(clock: SteppedClock) -> None:
    context = CoreContext(clock.wall, limits=Limits(), monotonic=clock.steady)
    core = await Core.recover(MemoryStore(), context)
    writing = asyncio.create_task(core.writer.run())
    housekeeping = Housekeeping(core, RetentionPolicy())
    await core.execute(add_game, tag="free")
    players = [(await core.execute(create_guest, name=""))[0].id for _ in range(2)]
    for player in players:
        core.record_activity(player)
    ann, bob = players
    await core.execute(open_lobby, game="free", player_id=ann, name="x")
    await core.execute(join_lobby, lobby_id=1, player_id=bob)
    clock.offset += 400 * DAY
    for _ in range(70):
        clock.monotonic += 1
        await housekeeping.run_once()
    lobby = core.query(get_lobby, id=1)
    assert lobby.open
    assert [seat.away for seat in lobby.roster.seats] == [False, False]
    tokens = list(core.state.all(Token))
    assert [is_token_expired(core, token) for token in tokens] == [False, False]
    assert core.last_seen_at(ann) > clock.wall() - 100
    core.writer.close()
    await writing
