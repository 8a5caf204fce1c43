"""Visits from marks, in any order of arrival."""

from bisect import insort

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.minecraft.log.dates import FileDates, LiveDates
from coalserver.domain.minecraft.log.parser import parse_lines
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.visits import (
    MarkKind,
    PresenceMark,
    Visit,
    VisitChanges,
    apply_mark,
    build_visits,
    make_mark,
)
from tests.domain.minecraft.log.test_dates import DAY, at
from tests.domain.minecraft.log.test_parser import NOON, TODAY, parse_text_line
from tests.domain.minecraft.marks import IN, JOINED, LEFT, LOST, STARTING, STOPPING


def mark_at(second: float, kind: MarkKind, sequence: int = 0) -> PresenceMark:
    name = "" if kind in (STARTING, STOPPING, MarkKind.SILENT, MarkKind.RESUMED) else "Steve"
    return PresenceMark(second, sequence, kind, second, name)


def visit_times(*steps: tuple[float, MarkKind]) -> list[tuple[float, float | None]]:
    """Return login and logout times of the visits that these marks give."""
    marks = [mark_at(second, kind, sequence) for sequence, (second, kind) in enumerate(steps)]
    return [(visit.login.at, visit.ended_at) for visit in build_visits(marks)]


class SampleStore:
    """A store of marks and visits that updates the visits with each added mark."""

    def __init__(self) -> None:
        self.marks: list[PresenceMark] = []
        self.visits: set[Visit] = set()
        self.marks_read = 0

    def add(self, mark: PresenceMark) -> VisitChanges:
        earlier = (visit for visit in self.visits if visit.login < mark)
        newest = max(earlier, key=lambda visit: visit.login, default=None)
        world_marks = [other for other in self.marks if not other.username]
        open_visit = newest and newest.state_before(mark, world_marks)
        changes = apply_mark(open_visit, mark, self.after(mark))
        assert self.visits >= set(changes.removed)
        self.visits = self.visits - set(changes.removed) | set(changes.added)
        insort(self.marks, mark)
        return changes

    def after(self, mark: PresenceMark):
        for other in self.marks:
            if other > mark:
                self.marks_read += 1
                yield other


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, IN), (60, LOST)], [(0, 60)]),
        ([(0, IN), (0, JOINED), (60, LOST), (60, LEFT)], [(0, 60)]),
        ([(0, JOINED), (0, IN), (60, LEFT), (60, LOST)], [(0, 60)]),
        # Plugins hide or repeat lines.
        ([(0, JOINED), (60, LEFT), (90, IN), (99, LOST)], [(0, 60), (90, 99)]),
        ([(0, JOINED), (0, JOINED), (0, IN), (60, LEFT)], [(0, 60)]),
        ([(0, IN)], [(0, None)]),
        # No visit is open.
        ([(60, LOST)], []),
        ([(60, LEFT), (70, STOPPING)], []),
        # The end of the previous visit is inferred.
        ([(0, IN), (60, IN), (90, LOST)], [(0, 60), (60, 90)]),
        ([(0, IN), (0, JOINED), (5, IN), (5, JOINED)], [(0, 5), (5, None)]),
        ([(0, IN), (60, JOINED)], [(0, 60), (60, None)]),
        ([(0, IN), (60, STARTING), (90, LOST)], [(0, 60)]),
        ([(0, IN), (60, STOPPING), (61, LOST), (61, LEFT)], [(0, 60)]),
        # A visit that silence suspended goes on, or ends with what comes after.
        ([(0, IN), (60, MarkKind.SILENT)], [(0, 60)]),
        ([(0, IN), (60, MarkKind.SILENT), (61, LEFT)], [(0, 61)]),
        ([(0, IN), (60, MarkKind.SILENT), (60, MarkKind.RESUMED)], [(0, None)]),
        ([(0, IN), (60, MarkKind.SILENT), (60, MarkKind.RESUMED), (90, LEFT)], [(0, 90)]),
        ([(0, IN), (60, MarkKind.SILENT), (90, IN), (99, LEFT)], [(0, 60), (90, 99)]),
        ([(0, IN), (60, MarkKind.SILENT), (70, MarkKind.SILENT)], [(0, 60)]),
        ([(60, MarkKind.SILENT), (60, MarkKind.RESUMED)], []),
        ([(0, IN), (60, MarkKind.SILENT), (60 + 86_401, LOST)], [(0, 60)]),
        ([(0, IN), (60, MarkKind.SILENT), (60 + 86_400, LOST)], [(0, 86_460)]),
        ([(0, IN), (60, MarkKind.SILENT), (60 + 86_401, MarkKind.STOPPING)], [(0, 60)]),
        ([(0, IN), (1, LOST), (1, IN), (1, JOINED)], [(0, 1), (1, None)]),
    ],
)
def test_marks_begin_and_end_visits(steps, expected):
    assert visit_times(*steps) == expected


def test_inferred_end_is_flagged():
    by_logout = build_visits([mark_at(0, IN), mark_at(60, LOST)])
    by_stop = build_visits([mark_at(0, IN), mark_at(60, STOPPING)])
    by_login = build_visits([mark_at(0, IN), mark_at(60, IN, 1)])
    assert [visit.has_inferred_end for visit in (*by_logout, *by_stop, *by_login)] == [
        *(False, True, True, False),
    ]


def test_duration_is_never_negative():
    visit = Visit("Steve", mark_at(100, IN), logout=PresenceMark(100, 1, LOST, 40, "Steve"))
    assert (visit.duration(0), visit.ended_at) == (0, 100)
    assert Visit("Steve", mark_at(100, IN)).duration(40) == 0
    assert Visit("Steve", mark_at(100, IN)).duration(160.5) == 60.5


def test_mark_has_player_and_time_of_its_line():
    marks = [
        make_mark(parse_text_line(text), 7, 3)
        for text in ("Steve joined the game", "Steve lost connection: x", "Stopping server")
    ]
    assert [(mark.kind, mark.username, mark.line, mark.sequence) for mark in marks if mark] == [
        *((JOINED, "Steve", 7, 3), (LOST, "Steve", 7, 3), (STOPPING, "", 7, 3)),
    ]
    assert all(mark and mark.at == mark.order == NOON - 5225 for mark in marks)


@pytest.mark.parametrize(
    "text",
    [
        "<Steve> Alex joined the game",
        "Sir Steve III joined the game",
        "x (/1.2.3.4:5) lost connection: y",
    ],
)
def test_other_lines_give_no_mark(text):
    assert make_mark(parse_text_line(text), 1, 1) is None


def test_line_without_a_time_gives_no_mark():
    assert (
        make_mark(parse_text_line("Steve joined the game", "2014-02-30 10:32:55 [INFO] "), 1, 1)
        is None
    )


def test_logout_stays_after_login_at_the_end_of_summer_time():
    lines = ["[01:50:00 INFO]: Steve joined the game", "[01:10:00 INFO]: Steve left the game"]
    marks = []
    newest = float("-inf")
    for number, parsed in enumerate(parse_lines(lines, FileDates("America/Chicago", DAY))[0]):
        mark = make_mark(parsed, number, number, newest)
        assert mark
        marks.append(mark)
        newest = mark.order
    [visit] = build_visits(sorted(marks))
    assert visit.logout
    assert visit.duration(0) == 0
    assert visit.logout.at == visit.login.at - 2400


def test_mark_before_a_larger_step_back_is_older():
    mark = make_mark(
        parse_text_line("Steve joined the game"), 1, 1, newest_order=TODAY.second + NOON
    )
    assert mark and mark.order == mark.at


def test_live_line_reads_no_history():
    store = SampleStore()
    for number, kind in enumerate((IN, JOINED, LOST, LEFT)):
        store.add(mark_at(number, kind, number))
    assert store.marks_read == 0
    assert [visit.duration(9) for visit in store.visits] == [2]


def test_old_line_reads_only_the_history_it_needs():
    store = SampleStore()
    for day in range(100):
        store.add(mark_at(day * 1000, IN))
        store.add(mark_at(day * 1000 + 500, LOST))
    store.marks_read = 0
    changes = store.add(mark_at(50_250, STOPPING))
    assert store.marks_read == 1
    assert [visit.ended_at for visit in changes.added] == [50_250]
    assert len(store.visits) == 100


MARKS = st.lists(
    st.tuples(
        st.integers(0, 60) | st.sampled_from((86_400, 86_430, 90_000, 200_000)),
        st.sampled_from(
            [
                *(IN, IN, JOINED, JOINED, LOST, LEFT, STARTING, STOPPING),
                *(MarkKind.SILENT, MarkKind.RESUMED),
            ]
        ),
    ),
    max_size=14,
)


@given(MARKS, st.randoms(use_true_random=False))
def test_visits_do_not_depend_on_the_order_of_arrival(steps, rnd):
    marks = [mark_at(second, kind, number) for number, (second, kind) in enumerate(steps)]
    store = SampleStore()
    shuffled = marks[:]
    rnd.shuffle(shuffled)
    for mark in shuffled:
        store.add(mark)
    assert store.visits == set(build_visits(sorted(marks)))


@given(MARKS)
def test_visits_of_a_player_never_overlap(steps):
    marks = sorted(mark_at(second, kind, number) for number, (second, kind) in enumerate(steps))
    found = build_visits(marks)
    assert all(visit.duration(99) >= 0 for visit in found)
    assert all(visit.ended_at is not None for visit in found[:-1])
    ends = [(visit.login.at, visit.ended_at) for visit in found]
    assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:], strict=False))


def test_visit_across_midnight_is_one_visit():
    dates = LiveDates.from_time(at("2026-09-26 00:00:05"), "UTC")
    lines = ["[23:59:58 INFO]: Steve joined the game", "[00:00:04 INFO]: Steve left the game"]
    marks = [make_mark(parsed, 1, 1) for parsed in parse_lines(lines, dates)[0]]
    [visit] = build_visits(mark for mark in marks if mark)
    assert visit.duration(0) == 6


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(MarkKind)), max_size=12))
def test_visitor_has_the_newest_of_the_visits(steps):
    """The marks come in their order, some in the same second, some more than a day later."""
    visitor, marks, second = Visitor(1, 1, "Steve", 0.0), [], 0.0
    for sequence, (step, kind) in enumerate(steps):
        second += (0, 1, 11, 90_000)[step]
        marks.append(mark_at(second, kind, sequence))
        was_affected = visitor.is_affected_by(marks[-1])
        before, visitor = visitor, visitor.with_mark(marks[-1])
        visits = build_visits(marks)
        newest = max(visits, key=lambda visit: visit.login, default=None)
        assert visitor.latest_visit == newest
        assert was_affected or visitor.latest_visit == before.latest_visit or marks[-1].is_arrival
