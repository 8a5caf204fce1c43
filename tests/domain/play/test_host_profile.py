"""Admission settings of hosts."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.host_profile import MAX_LISTED, HostProfile
from tests.domain.builders import make_host_profile, raises_code

OPEN = {"only_friends": False}


def test_default_profile_admits_only_the_host():
    assert make_host_profile(id=1).admits(1)
    assert not make_host_profile(id=1).admits(2)
    assert not make_host_profile(id=1).admits(None)


def test_friend_is_admitted():
    assert make_host_profile().add_friend(2).admits(2)


def test_open_profile_admits_any_player():
    assert make_host_profile(**OPEN).admits(2)


def test_banned_player_is_not_admitted():
    assert not make_host_profile(**OPEN).ban(2).admits(2)


def test_ban_overrules_friendship():
    assert not make_host_profile().add_friend(2).ban(2).admits(2)


def test_allow_nonames_admits_guest_without_a_name():
    assert make_host_profile(allow_nonames=True, **OPEN).admits(None)


def test_guest_without_a_name_is_not_admitted_by_default():
    assert not make_host_profile(**OPEN).admits(None)


def test_only_friends_excludes_guests_without_a_name():
    assert not make_host_profile(allow_nonames=True, only_friends=True).admits(None)


@pytest.mark.parametrize(("method", "field"), [("add_friend", "friends"), ("ban", "banlist")])
def test_adding_twice_changes_nothing(method, field):
    profile = getattr(make_host_profile(), method)(2)
    assert getattr(getattr(profile, method)(2), field) == (2,)


@pytest.mark.parametrize(("method", "field"), [("remove_friend", "friends"), ("unban", "banlist")])
def test_removing_keeps_other_players(method, field):
    profile = make_host_profile(**{field: (2, 3)})
    assert getattr(getattr(profile, method)(2), field) == (3,)


@pytest.mark.parametrize("method", ["remove_friend", "unban"])
def test_removing_an_absent_player_is_refused(method):
    with raises_code(ErrorCode.TARGET_NOT_FOUND):
        getattr(make_host_profile(), method)(2)


@pytest.mark.parametrize("method", ["add_friend", "ban"])
def test_host_cannot_befriend_or_ban_themselves(method):
    with raises_code(ErrorCode.SELF_NOT_ALLOWED):
        getattr(make_host_profile(id=1), method)(1)


def test_lists_of_a_host_are_limited():
    full = tuple(range(2, 2 + MAX_LISTED))
    profile = HostProfile(1, "code", friends=full, banlist=full)
    for change in (profile.add_friend, profile.ban):
        assert change(2) == profile
        with raises_code(ErrorCode.TOO_MANY_LISTED):
            change(5000)
