"""Clients, grants, codes and tokens, as values."""

from dataclasses import replace
from typing import Any

import pytest

from coalserver.domain.accounts.oauth import (
    MAX_REDIRECT_URIS,
    MAX_URI_LENGTH,
    AuthorizationCode,
    Grant,
    OAuthClient,
    TokenPair,
    is_safe_redirect_uri,
    slugify_client_id,
    validate_redirect_uris,
)
from coalserver.domain.errors import ErrorCode
from tests.domain.builders import NOW, raises_code

HOME = "http://example.com/callback"


def make_client(**parts: Any) -> OAuthClient:
    return replace(OAuthClient(1, "app", (HOME,), "data", "locked", NOW), **parts)


def make_code(**parts: Any) -> AuthorizationCode:
    return replace(AuthorizationCode(1, "digest", 1, 3, "data", HOME, NOW + 600), **parts)


def make_access(**parts: Any) -> TokenPair:
    return replace(TokenPair(1, "d", 1, 3, "data", NOW, NOW + 3600, "r", NOW + 9000), **parts)


@pytest.mark.parametrize("asked", ["data", "data data", " data "])
def test_a_client_may_ask_for_what_it_is_for(asked):
    assert make_client().validate_scope(asked) == "data"


@pytest.mark.parametrize("asked", ["", " ", "agent", "data agent", "DATA"])
def test_a_client_may_not_ask_for_more_or_for_nothing(asked):
    with raises_code(ErrorCode.INVALID_SCOPE):
        make_client().validate_scope(asked)


def test_a_scope_becomes_less_and_never_more():
    both = make_client(scope="data more")
    assert both.with_scope("data").scope == "data"
    with raises_code(ErrorCode.INVALID_SCOPE):
        both.with_scope("data").with_scope("data more")


@pytest.mark.parametrize("uri", [HOME + "/", HOME + "?", HOME.upper(), "http://example.com", ""])
def test_a_redirect_address_fits_to_the_letter(uri):
    assert make_client().allows_redirect(HOME)
    assert not make_client().allows_redirect(uri)


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
        "http://example.com/" + "x" * MAX_URI_LENGTH,
    ],
)
def test_what_leads_nowhere_or_runs_here_is_no_redirect_address(uri):
    assert not is_safe_redirect_uri(uri)
    with raises_code(ErrorCode.INVALID_REQUEST):
        validate_redirect_uris([uri])


@pytest.mark.parametrize(
    "uri", [HOME, "https://a.example/?x=1", "http://127.0.0.1:8000/cb", "org.example.app://cb"]
)
def test_programs_of_any_kind_have_redirect_addresses(uri):
    assert validate_redirect_uris([uri, uri]) == (uri,)


def test_there_is_one_redirect_address_at_least_and_no_crowd():
    for uris in ([], [f"{HOME}/{n}" for n in range(MAX_REDIRECT_URIS + 1)]):
        with raises_code(ErrorCode.INVALID_REQUEST):
            validate_redirect_uris(uris)


@pytest.mark.parametrize(
    ("wanted", "usable"),
    [("my_example_app", "my_example_app"), ("My App!", "My-App"), ("../..", ""), ("é/?", "")],
)
def test_a_wanted_id_is_made_fit_for_an_address(wanted, usable):
    assert slugify_client_id(wanted) == usable


def test_a_secret_ends_only_if_it_was_said_to():
    assert not make_client().is_secret_expired(NOW + 1e9)
    assert make_client(secret_until=NOW).is_secret_expired(NOW)


def test_a_code_is_good_for_its_client_and_its_address_until_it_ends():
    make_code().check_redeemable(1, HOME, NOW + 599)
    for client, uri, now in ((2, HOME, NOW), (1, HOME + "/", NOW), (1, HOME, NOW + 600)):
        with raises_code(ErrorCode.INVALID_GRANT):
            make_code().check_redeemable(client, uri, now)


def test_a_refresh_token_outlives_its_access_token():
    pair = make_access()
    assert pair.is_expired(NOW + 3600) and not pair.is_fully_expired(NOW + 3600)
    pair.check_refreshable(1, NOW + 3600)
    assert pair.is_fully_expired(NOW + 9000)
    for client, now in ((2, NOW), (1, NOW + 9000)):
        with raises_code(ErrorCode.INVALID_GRANT):
            pair.check_refreshable(client, now)


def test_a_token_without_an_end_has_none():
    forever = make_access(until=None, refresh="")
    assert not forever.is_expired(NOW + 1e9) and not forever.is_fully_expired(NOW + 1e9)


def test_a_grant_covers_what_was_granted():
    grant = Grant(1, 3, 1, "data", NOW)
    assert grant.covers("data") and not grant.covers("data more")
