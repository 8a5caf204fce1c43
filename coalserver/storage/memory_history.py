"""The history of the memory store: plain lists, looked through from end to end."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import floor, inf
from typing import TypeVar

from coalserver.core.ports import (
    About,
    Attendance,
    Batch,
    Counted,
    Lines,
    Place,
    Screenshots,
    Stay,
    Visits,
)
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.domain.minecraft.visits import Mark, Visit
from coalserver.domain.text_search import holds, phrases
from coalserver.storage.visit_updates import closer, marks_of, mend, opener, tagged

T = TypeVar("T")
#: The tag that lines of a list have.
TAGS = {About.CHAT: "chat", About.DEATH: "death", About.ACHIEVEMENT: "achievement"}


class MemoryHistory:
    """Lines, visits and screenshots. Not slow for as many as a test has."""

    def __init__(self) -> None:
        self.lines: dict[int, LogLine] = {}
        self.digests: set[bytes] = set()
        self.stays: dict[int, Stay] = {}
        self.screenshots: dict[int, Screenshot] = {}
        self._marks: dict[int, list[Mark]] = {}

    def write(self, batch: Batch) -> None:
        for line, digest, _ in batch.lines:
            if digest in self.digests:
                raise ValueError("a line is filed twice")
            self.digests.add(digest)
            self.lines[line.id] = line
        for world, mark, now in marks_of(batch):
            mend(_Book(self, world, now, self._marks.setdefault(world, [])), mark)
        for id, screenshot in batch.screenshots.items():
            if screenshot is None:
                self.screenshots.pop(id, None)
            else:
                self.screenshots[id] = screenshot

    def find_lines(self, wanted: Lines, limit: int) -> list[LogLine]:
        sought = None if wanted.words is None else phrases(wanted.words)
        found = (
            line
            for line in self.lines.values()
            if line.world == wanted.world
            and (sought is not None or line.at is not None)
            and (wanted.username is None or line.username == wanted.username != "")
            and (wanted.tag is None or wanted.tag in line.tags)
            and (not wanted.tags or not set(wanted.tags).isdisjoint(line.tags))
            and (wanted.about is About.LINE or TAGS[wanted.about] in line.tags)
            and (sought is None or (sought and holds(_said(line, wanted.about), sought)))
        )
        return _page([((line.at, line.id), line) for line in found], wanted, limit)

    def count_lines(self, wanted: Lines, by: Sequence[str]) -> list[Counted]:
        found = self.find_lines(replace(wanted, words=None), len(self.lines))
        counts = Counter(tuple(str(getattr(line, name)) for name in by) for line in found)
        if not by:
            counts[()] += 0
        return sorted(
            (Counted(parts, lines) for parts, lines in counts.items()),
            key=lambda one: (-one.lines, one.parts),
        )

    def attendance(self, world: int, usernames: Sequence[str]) -> list[Attendance]:
        found: dict[str, list[Visit]] = {}
        for stay in self.stays.values():
            if stay.world == world and stay.visit.username in usernames:
                found.setdefault(stay.visit.username, []).append(stay.visit)
        return [_attended(name, visits) for name, visits in found.items()]

    def find_stays(self, wanted: Visits, limit: int) -> list[Stay]:
        found = (
            stay
            for stay in self.stays.values()
            if stay.world == wanted.world
            and (wanted.username is None or stay.visit.username == wanted.username)
        )
        return _page([((stay.visit.login.at, stay.id), stay) for stay in found], wanted, limit)

    def find_screenshots(self, wanted: Screenshots, limit: int) -> list[Screenshot]:
        found = (
            shot
            for shot in self.screenshots.values()
            if shot.world == wanted.world
            and (wanted.account is None or shot.account == wanted.account)
        )
        return _page([((shot.created, shot.id), shot) for shot in found], wanted, limit)


class _Book:
    """The visits of one world, while a mark is put among its own."""

    def __init__(self, history: MemoryHistory, world: int, now: float, marks: list[Mark]) -> None:
        self._history, self._world, self._now, self._marks = history, world, now, marks

    def present(self, mark: Mark) -> Iterable[str]:
        return {visit.username for visit in self._visits() if visit.before(mark) is not None}

    def there(self, username: str, mark: Mark) -> Visit | None:
        for visit in self._visits():
            if visit.username == username and (then := visit.before(mark)) is not None:
                return then
        return None

    def later(self, username: str, mark: Mark) -> Iterator[Mark]:
        found = (one for one in self._marks if one.username in ("", username) and one > mark)
        return iter(sorted(found))

    def untell(self, visit: Visit) -> None:
        self._tag(opener(visit), "")
        self._tag(closer(visit), "")

    def drop(self, visit: Visit) -> None:
        del self._history.stays[visit.login.line]

    def put(self, visit: Visit) -> None:
        id = visit.login.line
        zone = self._history.lines[id].zone
        self._history.stays[id] = Stay(id, self._world, visit, zone, self._now, self._now)
        self._tell(visit)

    def change(self, visit: Visit) -> None:
        stay = self._history.stays[visit.login.line]
        self._history.stays[stay.id] = stay._replace(visit=visit, updated=self._now)
        self._tell(visit)

    def _tell(self, visit: Visit) -> None:
        self._tag(opener(visit), "login")
        self._tag(closer(visit), "logout")

    def note(self, mark: Mark) -> None:
        self._marks.append(mark)
        if mark.line and mark.username and not self._tells(mark.line):
            self._tag(mark.line, "")

    def _tells(self, line: int) -> bool:
        return any(line in (opener(visit), closer(visit)) for visit in self._visits())

    def _visits(self) -> list[Visit]:
        return [stay.visit for stay in self._history.stays.values() if stay.world == self._world]

    def _tag(self, id: int, tag: str) -> None:
        line = self._history.lines.get(id)
        if line is not None:
            self._history.lines[id] = replace(line, tags=tagged(line.tags, tag))


def _attended(username: str, visits: Sequence[Visit]) -> Attendance:
    ended = (max(0.0, v.logout.order - v.login.order) for v in visits if v.logout is not None)
    there = [visit.login.at for visit in visits if visit.logout is None]
    first = min(visit.login.at for visit in visits)
    return Attendance(username, len(visits), sum(ended), first, max(there, default=None))


def _said(line: LogLine, about: About) -> str:
    """What of a line words are looked for in."""
    return {
        About.LINE: line.line,
        About.CHAT: line.chat,
        About.DEATH: line.message,
        About.ACHIEVEMENT: line.title,
    }[about]


def _page(
    found: Sequence[tuple[tuple[float | None, int], T]],
    wanted: Lines | Visits | Screenshots,
    limit: int,
) -> list[T]:
    """The newest of what was found, from where one was."""
    since = -inf if wanted.since is None else wanted.since
    before = inf if wanted.before is None else wanted.before
    bounded = wanted.since is not None or wanted.before is not None
    rising = isinstance(wanted, Lines) and wanted.rising
    last = _order(wanted.after) if wanted.after else (-inf if rising else inf, 0)
    rows = sorted(((_order(Place(*place)), item) for place, item in found), key=lambda row: row[0])
    fits = [
        item
        for order, item in (rows if rising else reversed(rows))
        if (order > last if rising else order < last)
        and since <= order[0] < before
        and not (bounded and order[0] == -inf)
    ]
    return fits[:limit]


def _order(place: Place) -> tuple[float, int]:
    return (-inf if place.at is None else floor(place.at), place.id)
