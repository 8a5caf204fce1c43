"""Clients, grants, codes and tokens, as values."""

from dataclasses import replace
from typing import Any

import pytest

from coalserver.domain.accounts.oauth import (
    LONGEST_URI,
    MOST_URIS,
    Access,
    Client,
    Code,
    Grant,
    checked_uris,
    leads_away,
    same,
    usable_code,
)
from coalserver.domain.errors import Why
from tests.domain.builders import NOW, refused

HOME = "http://example.com/callback"


def a_client(**parts: Any) -> Client:
    return replace(Client(1, "app", (HOME,), "data", "locked", NOW), **parts)


def a_code(**parts: Any) -> Code:
    return replace(Code(1, "digest", 1, 3, "data", HOME, NOW + 600), **parts)


def an_access(**parts: Any) -> Access:
    return replace(Access(1, "d", 1, 3, "data", NOW, NOW + 3600, "r", NOW + 9000), **parts)


@pytest.mark.parametrize("asked", ["data", "data data", " data "])
def test_a_client_may_ask_for_what_it_is_for(asked):
    assert a_client().scope_for(asked) == "data"


@pytest.mark.parametrize("asked", ["", " ", "agent", "data agent", "DATA"])
def test_a_client_may_not_ask_for_more_or_for_nothing(asked):
    with refused(Why.BAD_SCOPE):
        a_client().scope_for(asked)


def test_a_scope_becomes_less_and_never_more():
    both = a_client(scope="data more")
    assert both.narrowed("data").scope == "data"
    with refused(Why.BAD_SCOPE):
        both.narrowed("data").narrowed("data more")


@pytest.mark.parametrize("uri", [HOME + "/", HOME + "?", HOME.upper(), "http://example.com", ""])
def test_a_redirect_address_fits_to_the_letter(uri):
    assert a_client().leads_to(HOME)
    assert not a_client().leads_to(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "javascript://x/%0aalert(1)",
        "JavaScript://x/",
        "data://text/html,x",
        "file://host/etc",
        "//example.com/",
        "/callback",
        "example.com/callback",
        "http:///callback",
        "http://example.com;script-src/",
        "http://example.com@elsewhere.example/",
        "http://example.com\\@elsewhere.example/",
        "http://[x/",
        "http://example.com/a b",
        "http://example.com/\r\nSet-Cookie: a=b",
        "http://exämple.com/",
        "",
        "http://example.com/" + "x" * LONGEST_URI,
    ],
)
def test_what_leads_nowhere_or_runs_here_is_no_redirect_address(uri):
    assert not leads_away(uri)
    with refused(Why.MALFORMED):
        checked_uris([uri])


@pytest.mark.parametrize(
    "uri", [HOME, "https://a.example/?x=1", "http://127.0.0.1:8000/cb", "org.example.app://cb"]
)
def test_programs_of_any_kind_have_redirect_addresses(uri):
    assert checked_uris([uri, uri]) == (uri,)


def test_there_is_one_redirect_address_at_least_and_no_crowd():
    for uris in ([], [f"{HOME}/{n}" for n in range(MOST_URIS + 1)]):
        with refused(Why.MALFORMED):
            checked_uris(uris)


@pytest.mark.parametrize(
    ("wanted", "usable"),
    [("my_example_app", "my_example_app"), ("My App!", "My-App"), ("../..", ""), ("é/?", "")],
)
def test_a_wanted_id_is_made_fit_for_an_address(wanted, usable):
    assert usable_code(wanted) == usable


def test_a_secret_ends_only_if_it_was_said_to():
    assert not a_client().secret_ended(NOW + 1e9)
    assert a_client(secret_until=NOW).secret_ended(NOW)


def test_a_code_is_good_for_its_client_and_its_address_until_it_ends():
    a_code().redeemed(1, HOME, NOW + 599)
    for client, uri, now in ((2, HOME, NOW), (1, HOME + "/", NOW), (1, HOME, NOW + 600)):
        with refused(Why.BAD_GRANT):
            a_code().redeemed(client, uri, now)


def test_a_refresh_token_outlives_its_access_token():
    pair = an_access()
    assert pair.ended(NOW + 3600) and not pair.spent(NOW + 3600)
    pair.renewed(1, NOW + 3600)
    assert pair.spent(NOW + 9000)
    for client, now in ((2, NOW), (1, NOW + 9000)):
        with refused(Why.BAD_GRANT):
            pair.renewed(client, now)


def test_a_token_without_an_end_has_none():
    forever = an_access(until=None, renewal="")
    assert not forever.ended(NOW + 1e9) and not forever.spent(NOW + 1e9)


def test_a_grant_covers_what_was_granted():
    grant = Grant(1, 3, 1, "data", NOW)
    assert grant.covers("data") and not grant.covers("data more")


def test_secrets_are_the_same_or_not_whatever_they_hold():
    assert same("ä\ud800", "ä\ud800") and not same("a", "ä") and not same("", "a")
