"""The order of Minecraft versions, with and without the list of releases."""

from itertools import pairwise

import pytest

from coalserver.domain.minecraft.hosting.minecraft_versions import (
    NEWEST,
    choose_version,
    compare,
    find_version,
    release_of,
)

#: Oldest first, without a list.
ORDER = (
    "rd-132211",
    "c0.30_01c",
    "inf-20100618",
    "a1.2.6",
    "b1.7.3",
    "b1.8.1",
    "1.0",
    "12w08a",
    "1.2.5",
    "1.6.4",
    "13w36a",
    "1.7-pre1",
    "1.7.2",
    "1.7.10",
    "1.9",
    "1.10.2",
    "1.16.5",
    "23w13a",
    "23w13b",
    "1.20",
    "1.20.4",
    "24w14a",
    "1.20.5-pre1",
    "1.20.5-pre2",
    "1.20.5-rc1",
    "1.20.5",
    "1.21.9",
    "1.21.11",
    "26.1-snapshot-1",
    "26.1-pre-1",
    "26.1-rc-1",
    "26.1",
    "26.1.2",
    "26.2",
    "27.1",
    "My program",
)


@pytest.mark.parametrize(("older", "newer"), tuple(pairwise(ORDER)))
def test_versions_are_ordered_by_their_numbers(older, newer):
    assert compare(older, newer) == -1
    assert compare(newer, older) == 1
    assert compare(older, older) == 0


def test_list_decides_where_it_has_both_versions():
    newest_first = ("1.9", "15w31a", "1.8.9", "1.8")
    assert compare("15w31a", "1.8.9", newest_first) == 1
    assert compare("15w31a", "1.9", newest_first) == -1
    assert compare("1.8.9", "1.8.9", newest_first) == 0


def test_version_that_the_list_lacks_is_compared_by_numbers():
    assert compare("26.9", "26.1", ("26.1", "1.21.11")) == 1


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("paper-1.21.1-119", "1.21.1"),
        ("Fabric 0.16.10 1.21.4", "1.21.4"),
        ("fabric-mc1.20.4", "1.20.4"),
        ("1.20.5 Pre-Release 4", "1.20.5 Pre-Release 4"),
        ("26.1 Snapshot 1", "26.1 Snapshot 1"),
        ("1.19.1 Release Candidate 2", "1.19.1 Release Candidate 2"),
        ("1.21.11 Unobfuscated", "1.21.11"),
        ("20w14infinite", "20w14i"),
        ("b1.7.3", "b1.7.3"),
        ("Velocity 3.3.0", ""),
        ("backup 2024.1.20", ""),
        ("survival 2", ""),
        ("b52 pack", ""),
        ("", ""),
    ],
)
def test_version_is_found_in_a_name(name, version):
    assert find_version(name) == version


def test_first_name_with_a_version_counts():
    assert choose_version("", "unknown", "1.20.4", "My 1.12") == "1.20.4"
    assert choose_version("", "My server") == ""


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("1.21.9-pre1", (1, 21, 9)),
        ("26.1 Snapshot 1", (26, 1, 0)),
        ("13w36a", (1, 7, 0)),
        ("13w26a", (1, 6, 0)),
        ("25w35a", (1, 21, 9)),
        ("b1.7.3", (0, 4, 0)),
        ("My program", NEWEST),
    ],
)
def test_release_of_a_snapshot_is_the_one_it_leads_to(name, release):
    assert release_of(name) == release


def test_release_of_a_weekly_snapshot_comes_from_the_list():
    newest_first = ("1.21", "24w21b", "24w20a", "1.20.6")
    assert release_of("24w20a", newest_first) == (1, 21, 0)
    assert release_of("24w21b", newest_first[1:]) == NEWEST
