"""Visits: what opens and closes one, and that it is the same in whatever order lines come."""

from bisect import insort

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.minecraft.log.dates import Archive, Live
from coalserver.domain.minecraft.log.parser import read_all
from coalserver.domain.minecraft.visits import Mark, Mending, Sign, Visit, mark_of, mended, visits
from tests.domain.minecraft.log.test_dates import DAY, at
from tests.domain.minecraft.log.test_parser import NOON, TODAY, said

IN, JOINED, LOST, LEFT = Sign.LOGGED_IN, Sign.JOINED, Sign.LOST, Sign.LEFT
STARTING, STOPPING = Sign.STARTING, Sign.STOPPING


def a_mark(second: float, sign: Sign, sequence: int = 0) -> Mark:
    name = "" if sign in (STARTING, STOPPING, Sign.SILENT) else "Steve"
    return Mark(second, sequence, sign, second, name)


def stays(*signs: tuple[float, Sign]) -> list[tuple[float, float | None]]:
    """Login and logout of the visits that these make."""
    marks = [a_mark(second, sign, sequence) for sequence, (second, sign) in enumerate(signs)]
    return [(visit.login.at, visit.ended) for visit in visits(marks)]


class Register:
    """One who keeps marks and visits, and mends the visits with each mark that comes."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self.visits: set[Visit] = set()
        self.read = 0

    def add(self, mark: Mark) -> Mending:
        there = next((open for visit in self.visits if (open := visit.before(mark))), None)
        mending = mended(there, mark, self.after(mark))
        assert self.visits >= set(mending.gone)
        self.visits = self.visits - set(mending.gone) | set(mending.put)
        insort(self.marks, mark)
        return mending

    def after(self, mark: Mark):
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
        ([(0, IN), (60, Sign.SILENT), (61, LEFT)], [(0, 60)]),
        ([(0, IN), (1, LOST), (1, IN), (1, JOINED)], [(0, 1), (1, None)]),
    ],
)
def test_what_opens_and_closes_a_visit(signs, expected):
    assert stays(*signs) == expected


def test_an_end_that_nobody_told_is_marked():
    told = visits([a_mark(0, IN), a_mark(60, LOST)])
    by_the_world = visits([a_mark(0, IN), a_mark(60, STOPPING)])
    by_the_next = visits([a_mark(0, IN), a_mark(60, IN, 1)])
    assert [visit.repaired for visit in (*told, *by_the_world, *by_the_next)] == [
        *(False, True, True, False),
    ]


def test_a_duration_is_never_negative():
    visit = Visit("Steve", a_mark(100, IN), logout=Mark(100, 1, LOST, 40, "Steve"))
    assert (visit.duration(0), visit.ended) == (0, 100)
    assert Visit("Steve", a_mark(100, IN)).duration(40) == 0
    assert Visit("Steve", a_mark(100, IN)).duration(160.5) == 60.5


def test_a_mark_says_who_and_when():
    marks = [
        mark_of(said(text), 7, 3)
        for text in ("Steve joined the game", "Steve lost connection: x", "Stopping server")
    ]
    assert [(mark.sign, mark.username, mark.line, mark.sequence) for mark in marks if mark] == [
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
    assert mark_of(said(text), 1, 1) is None


def test_a_line_without_a_time_leaves_no_mark():
    assert mark_of(said("Steve joined the game", "2014-02-30 10:32:55 [INFO] "), 1, 1) is None


def test_the_end_of_summer_time_does_not_put_the_logout_before_the_login():
    lines = ["[01:50:00 INFO]: Steve joined the game", "[01:10:00 INFO]: Steve left the game"]
    marks = []
    newest = float("-inf")
    for number, reading in enumerate(read_all(lines, Archive("America/Chicago", DAY))[0]):
        mark = mark_of(reading, number, number, newest)
        assert mark
        marks.append(mark)
        newest = mark.order
    [visit] = visits(sorted(marks))
    assert visit.logout
    assert visit.duration(0) == 0
    assert visit.logout.at == visit.login.at - 2400


def test_what_is_older_than_a_clock_may_step_back_is_older():
    mark = mark_of(said("Steve joined the game"), 1, 1, newest=TODAY.second + NOON)
    assert mark and mark.order == mark.at


def test_a_live_line_needs_no_history():
    register = Register()
    for number, sign in enumerate((IN, JOINED, LOST, LEFT)):
        register.add(a_mark(number, sign, number))
    assert register.read == 0
    assert [visit.duration(9) for visit in register.visits] == [2]


def test_an_old_line_reads_no_more_history_than_it_needs():
    register = Register()
    for day in range(100):
        register.add(a_mark(day * 1000, IN))
        register.add(a_mark(day * 1000 + 500, LOST))
    register.read = 0
    mending = register.add(a_mark(50_250, STOPPING))
    assert register.read == 1
    assert [visit.ended for visit in mending.put] == [50_250]
    assert len(register.visits) == 100


MARKS = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from([IN, IN, JOINED, JOINED, LOST, LEFT, STARTING, STOPPING, Sign.SILENT]),
    ),
    max_size=14,
)


@given(MARKS, st.randoms(use_true_random=False))
def test_visits_are_the_same_in_whatever_order_lines_come(signs, rnd):
    marks = [a_mark(second, sign, number) for number, (second, sign) in enumerate(signs)]
    register = Register()
    arriving = marks[:]
    rnd.shuffle(arriving)
    for mark in arriving:
        register.add(mark)
    assert register.visits == set(visits(sorted(marks)))


@given(MARKS)
def test_visits_of_one_player_never_overlap(signs):
    marks = sorted(a_mark(second, sign, number) for number, (second, sign) in enumerate(signs))
    found = visits(marks)
    assert all(visit.duration(99) >= 0 for visit in found)
    assert all(visit.ended is not None for visit in found[:-1])
    ends = [(visit.login.at, visit.ended) for visit in found]
    assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:], strict=False))


def test_a_night_over_midnight_is_one_visit():
    calendar = Live.at(at("2026-09-26 00:00:05"), "UTC")
    lines = ["[23:59:58 INFO]: Steve joined the game", "[00:00:04 INFO]: Steve left the game"]
    marks = [mark_of(reading, 1, 1) for reading in read_all(lines, calendar)[0]]
    [visit] = visits(mark for mark in marks if mark)
    assert visit.duration(0) == 6
