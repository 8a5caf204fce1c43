"""Visits and screenshots in every store: marks in any order, lists and pages."""

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coalserver.core.ports import Batch, LineQuery, PageKey, ScreenshotQuery, VisitQuery, WorldMark
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark, build_visits
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite import visits
from coalserver.storage.sqlite.store import SqliteStore
from tests.domain.minecraft.marks import IN, JOINED, LEFT, LOST, STARTING, STOPPING
from tests.storage.lines import NOON, ids, line_of_mark, make_mark, make_screenshot


async def write(store, *marks, world=1):
    await store.write(Batch(lines=[line_of_mark(mark, world) for mark in marks]))


async def tags(store, *lines):
    found = [await store.line(id) for id in lines]
    return [line.tags[-1] for line in found]


async def test_visit_survives_a_restart(place):
    marks = [make_mark(1, IN, NOON), make_mark(2, JOINED, NOON), make_mark(3, LOST, NOON + 60)]
    await write(place.store, *marks)
    await place.restart()
    (stored,) = await place.store.visits(VisitQuery(1), 10)
    assert [stored.visit] == build_visits(marks)
    assert (stored.id, stored.world, stored.zone) == (1, 1, "UTC")
    assert await place.store.visit(1) == stored
    assert await place.store.visit(2) is None


async def test_playtime_is_computed_for_each_player(store):
    await write(store, make_mark(1, IN, NOON), make_mark(2, LOST, NOON + 60))
    await write(store, make_mark(3, IN, NOON + 100), make_mark(4, IN, NOON + 100, "Bob"))
    await write(
        store, make_mark(5, LOST, NOON + 130, "Bob"), make_mark(6, IN, NOON, "Eve"), world=1
    )
    found = sorted(await store.playtime(1, ["Ada", "Bob", "Nobody"]))
    assert found == [("Ada", 2, 60.0, NOON, NOON + 100), ("Bob", 1, 30.0, NOON + 100, None)]
    assert await store.playtime(2, ["Ada"]) == []
    assert await store.playtime(1, []) == []


async def test_first_lines_of_a_visit_have_its_tags(store):
    await write(store, make_mark(1, JOINED, NOON), make_mark(2, IN, NOON))
    await write(store, make_mark(3, LOST, NOON + 60), make_mark(4, LEFT, NOON + 60))
    assert await tags(store, 1, 2, 3, 4) == ["login", "connection", "logout", "connection"]
    assert ids(await store.lines(LineQuery(1, tag="login"), 9)) == [1]


async def test_late_logout_ends_its_own_visit(store):
    await write(store, make_mark(1, IN, NOON), make_mark(2, IN, NOON + 600))
    await write(store, make_mark(3, LEFT, NOON + 300))
    newer, older = await store.visits(VisitQuery(1), 10)
    assert (older.visit.logout.line, newer.visit.logout) == (3, None)
    assert await tags(store, 3) == ["logout"]


async def test_late_login_replaces_its_duplicate(store):
    await write(store, make_mark(2, JOINED, NOON + 1))
    assert await tags(store, 2) == ["login"]
    await write(store, make_mark(3, IN, NOON))
    assert ids(await store.visits(VisitQuery(1), 10)) == [3]
    assert await tags(store, 2, 3) == ["connection", "login"]


async def test_stop_of_the_world_ends_all_visits(store):
    await write(store, make_mark(1, IN, NOON), make_mark(2, IN, NOON + 1, "Bob"))
    await write(store, make_mark(3, STOPPING, NOON + 60, ""))
    await write(store, make_mark(4, IN, NOON + 90, "Bob"))
    assert [stored.visit.ended_at for stored in await store.visits(VisitQuery(1), 9)] == [
        None, NOON + 60, NOON + 60,
    ]  # fmt: skip


async def test_saved_world_ends_visits_without_a_line(store):
    await write(store, make_mark(1, IN, NOON))
    saved = PresenceMark(NOON + 60, 2, MarkKind.SAVED, NOON + 60)
    await store.write(Batch(world_marks=[WorldMark(1, saved)]))
    (stored,) = await store.visits(VisitQuery(1), 9)
    assert (stored.visit.logout, stored.updated) == (saved, NOON + 60)


async def test_visits_of_other_worlds_are_not_affected(store):
    await write(store, make_mark(1, IN, NOON))
    await write(store, make_mark(2, STOPPING, NOON + 60, ""), world=2)
    assert (await store.visits(VisitQuery(1), 9))[0].visit.logout is None
    assert await store.visits(VisitQuery(2), 9) == []


async def test_visits_are_filtered_and_paged(store):
    for id in range(1, 9):
        await write(store, make_mark(id, IN, NOON + 60 * id, "Ada" if id % 2 else "Bob"))
    assert ids(await store.visits(VisitQuery(1), 3)) == [8, 7, 6]
    assert ids(await store.visits(VisitQuery(1, after=PageKey(NOON + 360, 6)), 2)) == [5, 4]
    assert ids(await store.visits(VisitQuery(1, username="Ada"), 9)) == [7, 5, 3, 1]
    assert ids(await store.visits(VisitQuery(1, since=NOON + 120, before=NOON + 240), 9)) == [3, 2]


some_marks = some.lists(
    some.tuples(
        some.sampled_from([IN, JOINED, LOST, LEFT, IN, LEFT, STARTING, STOPPING]),
        some.integers(0, 40),
        some.sampled_from(["Ada", "Bob"]),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=80)
@given(some_marks, some.randoms(use_true_random=False), some.integers(1, 5))
async def test_marks_in_any_order_give_the_same_visits(tmp_path_factory, steps, rng, size):
    marks = [
        make_mark(id, kind, NOON + 4.001 * at, "" if kind in (STARTING, STOPPING) else name)
        for id, (kind, at, name) in enumerate(steps, 1)
    ]
    sqlite = SqliteStore(tmp_path_factory.mktemp("visits") / "store.sqlite3")
    stores = [MemoryStore(), sqlite]
    await sqlite.open()
    try:
        shuffled = list(marks)
        rng.shuffle(shuffled)
        for start in range(0, len(shuffled), size):
            for store in stores:
                await write(store, *shuffled[start : start + size])
        for store in stores:
            found = await store.visits(VisitQuery(1), 100)
            for name in ("Ada", "Bob"):
                own = [one.visit for one in found if one.visit.username == name]
                relevant = sorted(mark for mark in marks if mark.username in ("", name))
                assert sorted(own, key=lambda visit: visit.login) == build_visits(relevant)
        for mark in marks:
            assert await stores[0].line(mark.line) == await sqlite.line(mark.line)
    finally:
        await sqlite.close()


def count_steps(path, mark):
    """Return the steps of SQLite's machine that a mark about a world takes, which is then not stored."""
    steps = []
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("BEGIN")
        db.set_progress_handler(lambda: steps.append(1), 1)
        visits.write(db, Batch(world_marks=[WorldMark(1, mark)]))
        db.set_progress_handler(None, 0)
        db.execute("ROLLBACK")
    finally:
        db.close()
    return len(steps)


@pytest.mark.parametrize("end", ["left", "stopped", "crashed", "left in the second of the mark"])
@pytest.mark.parametrize("kind", [STARTING, STOPPING, MarkKind.SILENT])
async def test_mark_about_a_world_reads_no_visits_that_have_ended(tmp_path, end, kind):
    steps = []
    for visitors in (5, 200):
        path = tmp_path / f"{visitors}.sqlite3"
        store = SqliteStore(path)
        await store.open()
        names = [f"P{number}" for number in range(visitors)]
        marks = [make_mark(1 + number, IN, NOON, name) for number, name in enumerate(names)]
        at = NOON + 3600 if end.endswith("mark") else NOON + 60
        if end.startswith("left"):
            marks += [make_mark(1001 + number, LEFT, at, name) for number, name in enumerate(names)]
        else:
            mark = make_mark(1001, STOPPING if end == "stopped" else STARTING, at, "")
            marks.append(replace(mark, at=at - 30) if end == "crashed" else mark)
        await write(store, *marks)
        assert len(await store.visits(VisitQuery(1), 1000)) == visitors
        await store.close()
        steps.append(count_steps(path, PresenceMark(NOON + 3600, 5000, kind, NOON + 3600)))
    assert steps[1] < steps[0] + 100


async def test_deleted_screenshot_is_gone_after_a_restart(place):
    one, other = make_screenshot(1), make_screenshot(2, NOON + 1)
    await place.store.write(Batch(screenshots={1: one, 2: other}))
    await place.store.write(Batch(screenshots={2: None, 1: replace(one, blurred=True)}))
    await place.restart()
    assert await place.store.screenshot(1) == replace(one, blurred=True)
    assert await place.store.screenshot(2) is None
    assert await place.store.screenshots(ScreenshotQuery(1), 9) == [replace(one, blurred=True)]


async def test_screenshots_are_filtered_and_paged(store):
    shots = {
        id: make_screenshot(id, NOON + id // 2, world=1 if id < 6 else 2, account=id % 2)
        for id in range(1, 8)
    }
    await store.write(Batch(screenshots=dict(shots)))
    assert ids(await store.screenshots(ScreenshotQuery(1), 3)) == [5, 4, 3]
    assert ids(await store.screenshots(ScreenshotQuery(1, after=PageKey(NOON + 2, 4)), 9)) == [
        3,
        2,
        1,
    ]
    assert ids(await store.screenshots(ScreenshotQuery(1, ascending=True), 3)) == [1, 2, 3]
    after = ScreenshotQuery(1, after=PageKey(NOON + 1, 2), ascending=True)
    assert ids(await store.screenshots(after, 9)) == [3, 4, 5]
    assert ids(await store.screenshots(ScreenshotQuery(1, account=1), 9)) == [5, 3, 1]
    assert ids(await store.screenshots(ScreenshotQuery(1, since=NOON + 1, before=NOON + 2), 9)) == [
        3,
        2,
    ]
