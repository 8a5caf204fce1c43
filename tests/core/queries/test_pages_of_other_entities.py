"""Pages of accounts, visitors, worlds, bans and audit entries, without a look at all of them or in steps."""

import random
from dataclasses import replace

import pytest

from coalserver.core.queries.accounts import accounts_by_age, inactive_accounts
from coalserver.core.queries.admin import (
    STEP_SIZE,
    active_bans,
    count_active_bans,
    list_audit_entries,
    search_accounts,
)
from coalserver.core.queries.games import games_by_age, listed_games, listed_games_besides
from coalserver.core.queries.hosting import (
    find_versions,
    has_hosted_worlds,
    hosted_worlds,
    some_worlds_with_version,
    worlds_not_at_rest,
    worlds_with_version,
)
from coalserver.core.queries.metrics import world_counts
from coalserver.core.queries.worlds import (
    active_worlds,
    count_online,
    latest_visitors,
    online_visitors,
    visitors_of_world,
    worlds_by_age,
)
from coalserver.core.state import State
from coalserver.core.steps import complete
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import AuditAction, AuditEntry
from coalserver.domain.minecraft.hosting.hosted_world import (
    AT_REST,
    WITH_PROCESS,
    HostedWorld,
    Trouble,
    TroubleCode,
)
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark
from coalserver.domain.minecraft.world import STARTING, World, WorldStatus
from coalserver.domain.play.game import Game
from coalserver.domain.play.player import Ban


def make_account(id, created=1.0, **kwargs):
    return Account(id, f"user{id}@example.org", "", 0, created, **kwargs)


def age(entity):
    return entity.created, entity.id


def read_pages(read, limit, position):
    """Return all rows of a list, read in pages, each after the last row of the one before."""
    rows, after = [], None
    while page := read(after=after, limit=limit):
        rows += page
        after = position(page[-1])
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_accounts_come_by_age_in_pages_after_random_changes_and_a_restart(seed):
    rng, state = random.Random(seed), State()
    for _ in range(200):
        id = rng.randint(1, 60)
        gone = state.get(Account, id) is not None and rng.random() < 0.4
        account = make_account(id, float(rng.randint(1, 20)), active=rng.random() < 0.5)
        state.set(Account, id, None if gone else account)
    for each in (state, State(list(state.all(Account)))):
        expected = sorted(each.all(Account), key=age)
        found = read_pages(
            lambda state=each, **page: accounts_by_age(state, **page), rng.randint(1, 7), age
        )
        assert found == expected
        inactive = [account for account in each.all(Account) if not account.active]
        inactive.sort(key=lambda account: account.id)
        for offset in (0, 3, 100):
            found, total = inactive_accounts(each, limit=3, offset=offset)
            assert (found, total) == (inactive[offset : offset + 3], len(inactive))


@pytest.mark.parametrize("seed", range(5))
def test_visitors_come_by_name_in_pages_after_random_changes_and_a_restart(seed):
    rng, state = random.Random(seed), State()
    names = ("Alex", "alex", "Zoë", "_", "Steve", "steve2", "0")
    held = {}
    for id in range(1, 60):
        key = rng.randint(1, 3), rng.choice(names)
        if key in held and rng.random() < 0.5:
            state.set(Visitor, held.pop(key), None)
        elif key not in held:
            state.set(Visitor, id, Visitor(id, *key, 1.0))
            held[key] = id
    for each in (state, State(list(state.all(Visitor)))):
        for world in (0, 1, 2, 3, 4):
            expected = sorted(
                (visitor for visitor in each.all(Visitor) if visitor.world == world),
                key=lambda visitor: visitor.name,
            )
            assert visitors_of_world(each, world=world) == expected
            found = read_pages(
                lambda state=each, world=world, **page: visitors_of_world(
                    state, world=world, **page
                ),
                2,
                lambda visitor: visitor.name,
            )
            assert found == expected


def test_page_of_accounts_reads_its_own_accounts_only(monkeypatch):
    state, reads = State([make_account(id) for id in range(1, 2000)]), []
    find = State.find
    monkeypatch.setattr(State, "find", lambda self, *args: reads.append(args) or find(self, *args))
    assert [each.id for each in accounts_by_age(state, after=(1.0, 1000), limit=3)] == [
        1001, 1002, 1003,
    ]  # fmt: skip
    assert len(reads) == 3


def test_worlds_come_oldest_first_in_pages():
    times = {1: 5.0, 2: 3.0, 3: 5.0, 4: 1.0}
    state = State([World(id, f"world {id}", created=created) for id, created in times.items()])
    assert [world.id for world in active_worlds(state)] == [4, 2, 1, 3]
    found = read_pages(lambda **page: active_worlds(state, **page), 1, age)
    assert [world.id for world in found] == [4, 2, 1, 3]


def test_page_of_worlds_reads_its_own_worlds_only(monkeypatch):
    worlds = [World(id, f"world {id}", created=1.0) for id in range(1, 2000)]
    state, reads = State(worlds), []
    state.set(World, 1002, replace(worlds[1001], active=False))
    find = State.find
    monkeypatch.setattr(State, "find", lambda self, *args: reads.append(args) or find(self, *args))
    found = active_worlds(state, after=(1.0, 1000), limit=3)
    assert [world.id for world in found] == [1001, 1003, 1004]
    assert len(reads) == 3


@pytest.mark.parametrize("seed", range(5))
def test_numbered_pages_of_worlds_equal_a_scan_after_random_changes_and_a_restart(seed):
    rng, state = random.Random(seed), State()
    for _ in range(200):
        id = rng.randint(1, 40)
        flags = {name: rng.random() < 0.5 for name in ("active", "public", "hosted")}
        stored = b'{"version":"v%d"}' % rng.randint(1, 3)
        world = World(id, f"w{id}", created=float(rng.randint(1, 9)), properties=stored, **flags)
        status = rng.choice(list(WorldStatus))
        state.set(World, id, replace(world, status=status) if rng.random() < 0.8 else None)
    for each in (state, State(list(state.all(World)))):
        worlds = sorted((world for world in each.all(World) if world.active), key=age)
        for public_only in (False, True):
            expected = [world for world in worlds if world.public or not public_only]
            for offset in (0, 2, 7, 50):
                found = worlds_by_age(each, limit=5, offset=offset, public_only=public_only)
                assert found == (expected[offset : offset + 5], len(expected))
        hosted = sorted((world for world in worlds if world.hosted), key=lambda world: world.id)
        assert hosted_worlds(each) == hosted
        assert has_hosted_worlds(each) is bool(hosted)
        up = {world.id for world in hosted if world.status not in AT_REST}
        some, total = worlds_not_at_rest(each, limit=3)
        assert total == len(up)
        assert len({world.id for world in some} & up) == min(3, total)
        for name in ("v1", "v2", "v3", "v4"):
            users = [world for world in hosted if f'"{name}"' in world.properties.decode()]
            assert worlds_with_version(each, name) == users
            found, total = some_worlds_with_version(each, name=name, limit=2)
            assert len(found) == min(2, len(users)) and total == len(users)


@pytest.mark.parametrize("seed", range(5))
def test_counts_of_hosted_worlds_equal_a_scan(seed):
    rng, state = random.Random(seed), State()
    codes = (None, TroubleCode.STOPPED_INSIDE, TroubleCode.DISK)
    expected = {"running": 0, "starting": 0, "stopped": 0, "trouble": 0}
    for id in range(1, 100):
        hosted, active, status = rng.random() < 0.8, rng.random() < 0.8, rng.choice([*WorldStatus])
        code = rng.choice(codes)
        state.set(World, id, World(id, "w", hosted=hosted, active=active, status=status))
        trouble = None if code is None else Trouble(code, 1.0)
        state.set(HostedWorld, id, HostedWorld(id, trouble=trouble))
        if not (hosted and active):
            continue
        is_starting = status in STARTING or status is WorldStatus.QUEUED_RESTART
        is_up = status in WITH_PROCESS
        expected["starting" if is_starting else "running" if is_up else "stopped"] += 1
        expected["trouble"] += code is TroubleCode.DISK
    assert world_counts(state) == expected


def test_online_visitors_are_read_by_their_login_and_counted():
    state, rng = State(), random.Random(2)
    for id in range(1, 60):
        mark = PresenceMark(
            float(rng.randrange(1, 20)), id, MarkKind.LOGGED_IN, float(rng.randrange(20)), f"v{id}"
        )
        visitor = Visitor(id, 1 + id % 2, f"v{id}", 1.0).with_mark(mark)
        if id % 3 == 0:
            visitor = visitor.with_mark(PresenceMark(30.0, id, MarkKind.LEFT, 30.0, visitor.name))
        state.set(Visitor, id, visitor)
    for world in (1, 2, 3):
        online = [each for each in state.all(Visitor) if each.world == world and each.online]
        online.sort(key=lambda each: (each.last_login, each.id), reverse=True)
        assert online_visitors(state, world=world) == online
        assert online_visitors(state, world=world, limit=4) == online[:4]
        assert count_online(state, world=world) == len(online)


def test_listed_games_besides_a_few_come_in_pages():
    games = [Game(id, f"g{id}", "", 1, 2, f"t{id}", "", 1.0, listed=id % 4 > 0) for id in range(40)]
    state = State(games)
    for left_out in ((), ("g1",), ("g1", "g2", "g39", "g4", "unknown"), ("g18", "g17")):
        expected = [game for game in games if game.listed and game.tag not in left_out]
        for offset in (0, 1, 5, 14, 27, 40):
            found = listed_games_besides(state, tags=left_out, limit=5, offset=offset)
            assert found == (expected[offset : offset + 5], len(expected))
    assert games_by_age(state, limit=3, offset=38) == (games[38:], 40)
    assert listed_games(state) == [game for game in games if game.listed]


def test_versions_come_by_name_in_pages():
    names = ["b", "A", "paper-1", "Paper-2", "c"]
    state = State([Version(id, name, VersionKind.COMMAND, 1.0) for id, name in enumerate(names)])
    found, total = find_versions(state, limit=2, offset=1)
    assert ([version.name for version in found], total) == (["Paper-2", "b"], 5)
    found, total = find_versions(state, text="PAPER", limit=5)
    assert ([version.name for version in found], total) == (["Paper-2", "paper-1"], 2)


def test_active_bans_are_counted_without_a_look_at_them():
    untils = (None, 5.0, 7.0, 9.0, None)
    state = State(
        [Ban(id, f"{id}", "free", id, "hour", "", 1.0, until) for id, until in enumerate(untils)]
    )
    assert [count_active_bans(state, now=now) for now in (1.0, 5.0, 8.0, 9.0)] == [5, 4, 3, 2]


def test_search_of_accounts_looks_at_some_in_each_step():
    state = State([make_account(id, nickname="ANN" if id % 3 else "Bob") for id in range(1, 1001)])
    steps = list(search_accounts(state, text=" ann ", limit=2))
    assert len(steps) == 1000 // STEP_SIZE
    found, total = complete(search_accounts(state, text="ann", limit=2, offset=1))
    assert [account.id for account in found] == [2, 4]
    assert total == 667


def test_latest_visitors_are_paged_without_a_look_at_all():
    rng = random.Random(1)
    state, visitors = State(), {}

    def arrive(id):
        at = float(rng.randrange(1, 40))
        mark = PresenceMark(at, id, MarkKind.LOGGED_IN, at, f"v{id}")
        visitors[id] = Visitor(id, 1 + id % 2, f"v{id}", 1.0).with_mark(mark)
        state.set(Visitor, id, visitors[id])

    for id in range(1, 200):
        arrive(id)
        if id % 5 == 0:
            arrive(rng.randrange(1, id))
        if id % 7 == 0:
            state.set(Visitor, id, Visitor(id, 1, f"v{id}", 1.0))
            visitors.pop(id)
    for world in (1, 2, 3):
        expected = [one for one in visitors.values() if one.world == world]
        expected.sort(key=lambda one: (one.last_login, one.id), reverse=True)
        total = len(expected)
        rows, before = [], None
        while page := latest_visitors(state, world=world, before=before, limit=7)[0]:
            rows += page
            before = page[-1].last_login, page[-1].id
        assert rows == expected
        assert latest_visitors(state, world=world, limit=3) == (expected[:3], total)


def test_list_of_all_accounts_takes_no_step():
    state = State([make_account(id) for id in range(1, 1001)])
    assert list(search_accounts(state, text=" ", limit=2)) == []
    found, total = complete(search_accounts(state, text="", limit=2, offset=998))
    assert ([account.id for account in found], total) == ([999, 1000], 1000)


def test_active_bans_come_newest_first_in_steps():
    bans = [
        Ban(id, f"{id:x}", "free", id, "hour", "", 1.0, 5.0 if id % 2 else None)
        for id in range(1, 501)
    ]
    state = State(bans)
    assert len(list(active_bans(state, now=1.0, limit=2))) == 1
    assert len(list(active_bans(state, now=1.0, limit=50, offset=450))) == 500 // STEP_SIZE
    found, total = complete(active_bans(state, now=9.0, limit=2, offset=1))
    assert ([ban.id for ban in found], total) == ([498, 496], 250)


def test_audit_entries_come_newest_first():
    state = State(
        [AuditEntry(id, 1.0, 1, "Ann", AuditAction.GAME_ADDED, "free") for id in range(1, 31)]
    )
    found, total = list_audit_entries(state, limit=3, offset=1)
    assert ([entry.id for entry in found], total) == ([29, 28, 27], 30)
    assert list_audit_entries(state, limit=3, offset=40) == ([], 30)
