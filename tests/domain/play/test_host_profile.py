"""Whom a host lets in."""

import pytest

from coalserver.domain.errors import ErrorCode
from tests.domain.builders import make_host_profile, raises_code

OPEN = {"only_friends": False}


def test_a_new_host_lets_nobody_in_but_himself():
    assert make_host_profile(id=1).admits(1)
    assert not make_host_profile(id=1).admits(2)
    assert not make_host_profile(id=1).admits(None)


def test_friends_are_let_in():
    assert make_host_profile().add_friend(2).admits(2)


def test_a_host_open_to_all_lets_anyone_in():
    assert make_host_profile(**OPEN).admits(2)


def test_who_is_banned_is_not_let_in():
    assert not make_host_profile(**OPEN).ban(2).admits(2)


def test_a_friend_who_is_banned_is_not_let_in():
    assert not make_host_profile().add_friend(2).ban(2).admits(2)


def test_who_has_no_name_is_let_in_where_that_is_allowed():
    assert make_host_profile(allow_nonames=True, **OPEN).admits(None)


def test_who_has_no_name_is_not_let_in_where_it_is_not_allowed():
    assert not make_host_profile(**OPEN).admits(None)


def test_who_has_no_name_is_nobodys_friend():
    assert not make_host_profile(allow_nonames=True, only_friends=True).admits(None)


@pytest.mark.parametrize(("verb", "listed"), [("add_friend", "friends"), ("ban", "banlist")])
def test_saying_it_again_changes_nothing(verb, listed):
    said = getattr(make_host_profile(), verb)(2)
    assert getattr(getattr(said, verb)(2), listed) == (2,)


@pytest.mark.parametrize(("verb", "listed"), [("remove_friend", "friends"), ("unban", "banlist")])
def test_taking_it_back_leaves_the_others(verb, listed):
    welcome = make_host_profile(**{listed: (2, 3)})
    assert getattr(getattr(welcome, verb)(2), listed) == (3,)


@pytest.mark.parametrize("verb", ["remove_friend", "unban"])
def test_what_was_not_said_cannot_be_taken_back(verb):
    with raises_code(ErrorCode.TARGET_NOT_FOUND):
        getattr(make_host_profile(), verb)(2)


@pytest.mark.parametrize("verb", ["add_friend", "ban"])
def test_a_host_says_nothing_of_himself(verb):
    with raises_code(ErrorCode.SELF_NOT_ALLOWED):
        getattr(make_host_profile(id=1), verb)(1)
