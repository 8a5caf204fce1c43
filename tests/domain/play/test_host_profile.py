"""Whom a host lets in."""

import pytest

from coalserver.domain.errors import Why
from tests.domain.builders import a_welcome, refused

OPEN = {"only_friends": False}


def test_a_new_host_lets_nobody_in_but_himself():
    assert a_welcome(id=1).welcomes(1)
    assert not a_welcome(id=1).welcomes(2)
    assert not a_welcome(id=1).welcomes(None)


def test_friends_are_let_in():
    assert a_welcome().befriend(2).welcomes(2)


def test_a_host_open_to_all_lets_anyone_in():
    assert a_welcome(**OPEN).welcomes(2)


def test_who_is_banned_is_not_let_in():
    assert not a_welcome(**OPEN).ban(2).welcomes(2)


def test_a_friend_who_is_banned_is_not_let_in():
    assert not a_welcome().befriend(2).ban(2).welcomes(2)


def test_who_has_no_name_is_let_in_where_that_is_allowed():
    assert a_welcome(allow_nonames=True, **OPEN).welcomes(None)


def test_who_has_no_name_is_not_let_in_where_it_is_not_allowed():
    assert not a_welcome(**OPEN).welcomes(None)


def test_who_has_no_name_is_nobodys_friend():
    assert not a_welcome(allow_nonames=True, only_friends=True).welcomes(None)


@pytest.mark.parametrize(("verb", "listed"), [("befriend", "friends"), ("ban", "banlist")])
def test_saying_it_again_changes_nothing(verb, listed):
    said = getattr(a_welcome(), verb)(2)
    assert getattr(getattr(said, verb)(2), listed) == (2,)


@pytest.mark.parametrize(("verb", "listed"), [("unfriend", "friends"), ("unban", "banlist")])
def test_taking_it_back_leaves_the_others(verb, listed):
    welcome = a_welcome(**{listed: (2, 3)})
    assert getattr(getattr(welcome, verb)(2), listed) == (3,)


@pytest.mark.parametrize("verb", ["unfriend", "unban"])
def test_what_was_not_said_cannot_be_taken_back(verb):
    with refused(Why.OTHER_NOT_FOUND):
        getattr(a_welcome(), verb)(2)


@pytest.mark.parametrize("verb", ["befriend", "ban"])
def test_a_host_says_nothing_of_himself(verb):
    with refused(Why.ONESELF):
        getattr(a_welcome(id=1), verb)(1)
