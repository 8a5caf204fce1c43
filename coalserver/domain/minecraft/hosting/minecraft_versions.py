"""Minecraft versions: their order, by the list of releases or by their names, and the release a snapshot leads to.

A name is what lists, jars, logs and administrators write: `1.20.4`, `26.1`, `23w13a`, `1.20.5-pre1`,
`1.20.5 Pre-Release 1`, `26.1 Snapshot 1`, `b1.7.3`, `paper-1.21.1-119`.
A name without a Minecraft version counts as the newest.
"""

import re
from collections.abc import Sequence

#: Major, minor and patch number. Betas and older have 0 as their major number.
Release = tuple[int, int, int]
#: Release, stage (snapshot to release), numbers of the snapshot or pre-release.
_Rank = tuple[Release, int, tuple[int, ...]]

NEWEST: Release = (999, 0, 0)
_WEEKLY, _SNAPSHOT, _PRE_RELEASE, _CANDIDATE, _RELEASED = range(5)
_STAGES = {"s": _SNAPSHOT, "p": _PRE_RELEASE, "r": _CANDIDATE}
_NEWEST_RANK: _Rank = (NEWEST, _RELEASED, ())

_EARLY = re.compile(
    r"(rd-(?=\d{6})|inf-(?=\d{8})|[abc](?=[01]\.\d))(\d[\d.]*)[-_\w.]*", re.IGNORECASE
)
_EARLY_MINORS = {"rd-": 0, "c": 1, "inf-": 2, "a": 3, "b": 4}
_WEEK = re.compile(r"(?<![\da-z])(\d{2})w(\d{2})([a-z~]?)", re.IGNORECASE)
#: Releases are 1.x until 1.21 and named after the year from 26.1 on.
_NUMBERS = re.compile(
    r"(?<![\d.])(1|2[6-9]|[3-9]\d)\.(\d{1,2})(?:\.(\d{1,3}))?(?![\d])"
    r"(?:[-_ ]*(?P<stage>pre|rc|snapshot|release candidate)(?:-?release)?[- ]*(?P<number>\d+))?",
    re.IGNORECASE,
)
#: The last week before a release, as year and week, for snapshots that no list has.
_RELEASE_WEEKS: tuple[tuple[tuple[int, int], Release], ...] = (
    ((12, 1), (1, 1, 0)),
    ((12, 8), (1, 2, 0)),
    ((12, 30), (1, 3, 0)),
    ((12, 42), (1, 4, 0)),
    ((13, 10), (1, 5, 0)),
    ((13, 26), (1, 6, 0)),
    ((13, 43), (1, 7, 0)),
    ((14, 35), (1, 8, 0)),
    ((16, 8), (1, 9, 0)),
    ((16, 22), (1, 10, 0)),
    ((16, 45), (1, 11, 0)),
    ((17, 22), (1, 12, 0)),
    ((18, 28), (1, 13, 0)),
    ((18, 33), (1, 13, 1)),
    ((19, 16), (1, 14, 0)),
    ((19, 49), (1, 15, 0)),
    ((20, 25), (1, 16, 0)),
    ((20, 30), (1, 16, 2)),
    ((21, 22), (1, 17, 0)),
    ((21, 47), (1, 18, 0)),
    ((22, 8), (1, 18, 2)),
    ((22, 22), (1, 19, 0)),
    ((22, 47), (1, 19, 3)),
    ((23, 9), (1, 19, 4)),
    ((23, 22), (1, 20, 0)),
    ((23, 37), (1, 20, 2)),
    ((23, 48), (1, 20, 3)),
    ((24, 16), (1, 20, 5)),
    ((24, 23), (1, 21, 0)),
    ((24, 42), (1, 21, 2)),
    ((24, 48), (1, 21, 4)),
    ((25, 12), (1, 21, 5)),
    ((25, 24), (1, 21, 6)),
    ((25, 39), (1, 21, 9)),
    ((25, 49), (1, 21, 11)),
)


def find_version(name: str) -> str:
    """Return the part of a name that is a Minecraft version, empty if there is none."""
    if match := _EARLY.fullmatch(name.strip()):
        return match[0]
    match = _WEEK.search(name) or _NUMBERS.search(name)
    return match[0] if match else ""


def choose_version(*names: str) -> str:
    """Return the first Minecraft version among names, empty if none has one.

    For a hosted world, what the list says, what the jar says, the version of the last run, and the name of its
    version, in this order (hosting.md 5).
    """
    return next((name for name in names if find_version(name)), "")


def compare(first: str, second: str, newest_first: Sequence[str] = ()) -> int:
    """Return -1, 0 or 1: whether the first version is older than, as old as, or newer than the second.

    `newest_first` are the ids of Mojang's list in its order, which decides if both are there; else numbers do.
    """
    if first in newest_first and second in newest_first:
        places = newest_first.index(second), newest_first.index(first)
    else:
        places = _rank(first), _rank(second)  # type: ignore[assignment]
    return (places[0] > places[1]) - (places[0] < places[1])


def release_of(name: str, newest_first: Sequence[str] = ()) -> Release:
    """Return the release that a version is, or that a snapshot or pre-release leads to; NEWEST if unknown."""
    if _WEEK.search(name) and name in newest_first:
        newer = newest_first[: newest_first.index(name)]
        leads_to = (one for one in reversed(newer) if _rank(one)[1] is _RELEASED)
        return next((_rank(one)[0] for one in leads_to), NEWEST)
    return _rank(name)[0]


def _rank(name: str) -> _Rank:
    text = name.strip()
    if match := _EARLY.fullmatch(text):
        numbers = tuple(int(one) for one in match[2].split(".") if one)
        return (0, _EARLY_MINORS[match[1].lower()], 0), _RELEASED, numbers
    if match := _WEEK.search(text):
        year, week = int(match[1]), int(match[2])
        letter = ord(match[3].lower()) if match[3] else 0
        release = next((one for last, one in _RELEASE_WEEKS if (year, week) <= last), None)
        # Snapshots after the last release in the table belong to releases named after a year.
        return release or (26, 1, 0), _WEEKLY, (year, week, letter)
    if match := _NUMBERS.search(text):
        release = (int(match[1]), int(match[2]), int(match[3] or 0))
        if not match["stage"]:
            return release, _RELEASED, ()
        return release, _STAGES[match["stage"][0].lower()], (int(match["number"]),)
    return _NEWEST_RANK
