"""Visits: what opens and closes one, and that it is the same in whatever order lines come."""

from bisect import insort

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.minecraft.log.dates import FileDates, LiveDates
from coalserver.domain.minecraft.log.parser import parse_lines
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
from tests.domain.minecraft.log.test_parser import NOON, TODAY, said

IN, JOINED, LOST, LEFT = (
    MarkKind.LOGGED_IN,
    MarkKind.JOINED,
    MarkKind.CONNECTION_LOST,
    MarkKind.LEFT,
)
STARTING, STOPPING = MarkKind.STARTING, MarkKind.STOPPING


def mark_at(second: float, sign: MarkKind, sequence: int = 0) -> PresenceMark:
    name = "" if sign in (STARTING, STOPPING, MarkKind.SILENT) else "Steve"
    return PresenceMark(second, sequence, sign, second, name)


def stays(*signs: tuple[float, MarkKind]) -> list[tuple[float, float | None]]:
    """Login and logout of the visits that these make."""
    marks = [mark_at(second, sign, sequence) for sequence, (second, sign) in enumerate(signs)]
    return [(visit.login.at, visit.ended_at) for visit in build_visits(marks)]


class Register:
    """One who keeps marks and visits, and mends the visits with each mark that comes."""

    def __init__(self) -> None:
        self.marks: list[PresenceMark] = []
        self.visits: set[Visit] = set()
        self.read = 0

    def add(self, mark: PresenceMark) -> VisitChanges:
        there = next((open for visit in self.visits if (open := visit.open_at(mark))), None)
        mending = apply_mark(there, mark, self.after(mark))
        assert self.visits >= set(mending.removed)
        self.visits = self.visits - set(mending.removed) | set(mending.added)
        insort(self.marks, mark)
        return mending

    def after(self, mark: PresenceMark):
        for other in self.marks:
            if other > mark:
                self.read += 1
                yield other


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ([(0, IN), (60, LOST)], [(0, 60)]),
        ([(0, IN), (0, JOINED), (60, LOST), (60, LEFT)], [(0, 60)]),
        ([(0, JOINED), (0, IN), (60, LEFT), (60, LOST)], [(0, 60)]),
        # Plugins hide lines, or repeat them.
        ([(0, JOINED), (60, LEFT), (90, IN), (99, LOST)], [(0, 60), (90, 99)]),
        ([(0, JOINED), (0, JOINED), (0, IN), (60, LEFT)], [(0, 60)]),
        ([(0, IN)], [(0, None)]),
        # Nobody was there.
        ([(60, LOST)], []),
        ([(60, LEFT), (70, STOPPING)], []),
        # The end of the one before was not told.
        ([(0, IN), (60, IN), (90, LOST)], [(0, 60), (60, 90)]),
        ([(0, IN), (0, JOINED), (5, IN), (5, JOINED)], [(0, 5), (5, None)]),
        ([(0, IN), (60, JOINED)], [(0, 60), (60, None)]),
        ([(0, IN), (60, STARTING), (90, LOST)], [(0, 60)]),
        ([(0, IN), (60, STOPPING), (61, LOST), (61, LEFT)], [(0, 60)]),
        ([(0, IN), (60, MarkKind.SILENT), (61, LEFT)], [(0, 60)]),
        ([(0, IN), (1, LOST), (1, IN), (1, JOINED)], [(0, 1), (1, None)]),
    ],
)
def test_what_opens_and_closes_a_visit(signs, expected):
    assert stays(*signs) == expected


def test_an_end_that_nobody_told_is_marked():
    told = build_visits([mark_at(0, IN), mark_at(60, LOST)])
    by_the_world = build_visits([mark_at(0, IN), mark_at(60, STOPPING)])
    by_the_next = build_visits([mark_at(0, IN), mark_at(60, IN, 1)])
    assert [visit.has_inferred_end for visit in (*told, *by_the_world, *by_the_next)] == [
        *(False, True, True, False),
    ]


def test_a_duration_is_never_negative():
    visit = Visit("Steve", mark_at(100, IN), logout=PresenceMark(100, 1, LOST, 40, "Steve"))
    assert (visit.duration(0), visit.ended_at) == (0, 100)
    assert Visit("Steve", mark_at(100, IN)).duration(40) == 0
    assert Visit("Steve", mark_at(100, IN)).duration(160.5) == 60.5


def test_a_mark_says_who_and_when():
    marks = [
        make_mark(said(text), 7, 3)
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
def test_other_lines_leave_no_mark(text):
    assert make_mark(said(text), 1, 1) is None


def test_a_line_without_a_time_leaves_no_mark():
    assert make_mark(said("Steve joined the game", "2014-02-30 10:32:55 [INFO] "), 1, 1) is None


def test_the_end_of_summer_time_does_not_put_the_logout_before_the_login():
    lines = ["[01:50:00 INFO]: Steve joined the game", "[01:10:00 INFO]: Steve left the game"]
    marks = []
    newest = float("-inf")
    for number, reading in enumerate(parse_lines(lines, FileDates("America/Chicago", DAY))[0]):
        mark = make_mark(reading, number, number, newest)
        assert mark
        marks.append(mark)
        newest = mark.order
    [visit] = build_visits(sorted(marks))
    assert visit.logout
    assert visit.duration(0) == 0
    assert visit.logout.at == visit.login.at - 2400


def test_what_is_older_than_a_clock_may_step_back_is_older():
    mark = make_mark(said("Steve joined the game"), 1, 1, newest_order=TODAY.second + NOON)
    assert mark and mark.order == mark.at


def test_a_live_line_needs_no_history():
    register = Register()
    for number, sign in enumerate((IN, JOINED, LOST, LEFT)):
        register.add(mark_at(number, sign, number))
    assert register.read == 0
    assert [visit.duration(9) for visit in register.visits] == [2]


def test_an_old_line_reads_no_more_history_than_it_needs():
    register = Register()
    for day in range(100):
        register.add(mark_at(day * 1000, IN))
        register.add(mark_at(day * 1000 + 500, LOST))
    register.read = 0
    mending = register.add(mark_at(50_250, STOPPING))
    assert register.read == 1
    assert [visit.ended_at for visit in mending.added] == [50_250]
    assert len(register.visits) == 100


MARKS = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from([IN, IN, JOINED, JOINED, LOST, LEFT, STARTING, STOPPING, MarkKind.SILENT]),
    ),
    max_size=14,
)


@given(MARKS, st.randoms(use_true_random=False))
def test_visits_are_the_same_in_whatever_order_lines_come(signs, rnd):
    marks = [mark_at(second, sign, number) for number, (second, sign) in enumerate(signs)]
    register = Register()
    arriving = marks[:]
    rnd.shuffle(arriving)
    for mark in arriving:
        register.add(mark)
    assert register.visits == set(build_visits(sorted(marks)))


@given(MARKS)
def test_visits_of_one_player_never_overlap(signs):
    marks = sorted(mark_at(second, sign, number) for number, (second, sign) in enumerate(signs))
    found = build_visits(marks)
    assert all(visit.duration(99) >= 0 for visit in found)
    assert all(visit.ended_at is not None for visit in found[:-1])
    ends = [(visit.login.at, visit.ended_at) for visit in found]
    assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:], strict=False))


def test_a_night_over_midnight_is_one_visit():
    calendar = LiveDates.from_time(at("2026-09-26 00:00:05"), "UTC")
    lines = ["[23:59:58 INFO]: Steve joined the game", "[00:00:04 INFO]: Steve left the game"]
    marks = [make_mark(reading, 1, 1) for reading in parse_lines(lines, calendar)[0]]
    [visit] = build_visits(mark for mark in marks if mark)
    assert visit.duration(0) == 6
