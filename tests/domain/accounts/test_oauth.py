"""OAuth clients, grants, authorization codes and token pairs."""

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

REDIRECT_URI = "http://example.com/callback"


def make_client(**parts: Any) -> OAuthClient:
    return replace(OAuthClient(1, "app", (REDIRECT_URI,), "data", "locked", NOW), **parts)


def make_code(**parts: Any) -> AuthorizationCode:
    return replace(AuthorizationCode(1, "digest", 1, 3, "data", REDIRECT_URI, NOW + 600), **parts)


def make_token_pair(**parts: Any) -> TokenPair:
    return replace(TokenPair(1, "d", 1, 3, "data", NOW, NOW + 3600, "r", NOW + 9000), **parts)


@pytest.mark.parametrize("requested", ["data", "data data", " data "])
def test_client_may_request_its_scope(requested):
    assert make_client().validate_scope(requested) == "data"


@pytest.mark.parametrize("requested", ["", " ", "agent", "data agent", "DATA"])
def test_client_may_not_request_other_or_empty_scopes(requested):
    with raises_code(ErrorCode.INVALID_SCOPE):
        make_client().validate_scope(requested)


def test_scope_can_be_reduced_but_not_extended():
    both = make_client(scope="data more")
    assert both.with_scope("data").scope == "data"
    with raises_code(ErrorCode.INVALID_SCOPE):
        both.with_scope("data").with_scope("data more")


@pytest.mark.parametrize(
    "uri", [REDIRECT_URI + "/", REDIRECT_URI + "?", REDIRECT_URI.upper(), "http://example.com", ""]
)
def test_redirect_uri_must_match_exactly(uri):
    assert make_client().allows_redirect(REDIRECT_URI)
    assert not make_client().allows_redirect(uri)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
@pytest.mark.parametrize("registered_port", ["", ":8000"])
@pytest.mark.parametrize("path", ["", "/", "/callback", "/callback?app=1", "?app=1"])
def test_loopback_redirect_allows_any_port(host, registered_port, path):
    client = make_client(redirect_uris=(REDIRECT_URI, f"http://{host}{registered_port}{path}"))
    for port in ("", ":1", ":8000", ":65535"):
        assert client.allows_redirect(f"http://{host}{port}{path}")
    for port in (
        ":0",
        ":65536",
        ":99999",
        ":",
        ":80x",
        ":8000:1",
        "@evil.example",
        ".evil.example",
    ):
        assert not client.allows_redirect(f"http://{host}{port}{path}")
    assert not client.allows_redirect(f"https://{host}:1{path}")
    assert not client.allows_redirect(f"http://{host}:1{path}x")
    assert not client.allows_redirect(f"http://evil.example:1{path}")
    other_host = "localhost" if host != "localhost" else "127.0.0.1"
    assert not client.allows_redirect(f"http://{other_host}:1{path}")


@pytest.mark.parametrize(
    "registered", ["http://example.com/cb", "https://127.0.0.1/cb", "http://127.0.0.2/cb"]
)
def test_other_redirects_allow_no_other_port(registered):
    client = make_client(redirect_uris=(registered,))
    assert not client.allows_redirect(registered.replace("/cb", ":8000/cb"))


def test_default_redirect_uri_is_the_only_one():
    assert make_client().default_redirect_uri == REDIRECT_URI
    assert make_client(redirect_uris=(REDIRECT_URI, "http://b.example/")).default_redirect_uri == ""
    assert make_client(redirect_uris=("/",), world=5).default_redirect_uri == ""


def test_public_client_is_identified_by_https_redirects_only():
    public = make_client(auth_method="none")
    assert public.is_public and not make_client(auth_method="client_secret_post").is_public
    assert public.is_identified_by("https://example.com/cb")
    assert not public.is_identified_by("http://127.0.0.1:8000/cb")
    assert make_client().is_identified_by("http://127.0.0.1:8000/cb")


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
        "http://example.com/#",
        "app:/callback",
        "com.example.app:callback",
        "com.example.app:",
        "mailto:ann@example.com",
    ],
)
def test_unsafe_redirect_uri_is_refused(uri):
    assert not is_safe_redirect_uri(uri)
    with raises_code(ErrorCode.INVALID_REQUEST):
        validate_redirect_uris([uri])


@pytest.mark.parametrize(
    "uri",
    [REDIRECT_URI, "https://a.example/?x=1", "http://127.0.0.1:8000/cb", "org.example.app://cb"],
)
def test_redirect_uri_may_have_any_safe_scheme(uri):
    assert validate_redirect_uris([uri, uri]) == (uri,)


def test_number_of_redirect_uris_is_limited():
    for uris in ([], [f"{REDIRECT_URI}/{n}" for n in range(MAX_REDIRECT_URIS + 1)]):
        with raises_code(ErrorCode.INVALID_REQUEST):
            validate_redirect_uris(uris)


@pytest.mark.parametrize(
    ("requested_id", "expected"),
    [("my_example_app", "my_example_app"), ("My App!", "My-App"), ("../..", ""), ("é/?", "")],
)
def test_client_id_is_slugified(requested_id, expected):
    assert slugify_client_id(requested_id) == expected


def test_secret_expires_only_with_an_expiry():
    assert not make_client().is_secret_expired(NOW + 1e9)
    assert make_client(secret_until=NOW).is_secret_expired(NOW)


def test_code_is_redeemable_by_its_client_and_redirect_uri_until_expiry():
    make_code().check_redeemable(1, REDIRECT_URI, NOW + 599)
    for client, uri, now in (
        (2, REDIRECT_URI, NOW),
        (1, REDIRECT_URI + "/", NOW),
        (1, REDIRECT_URI, NOW + 600),
    ):
        with raises_code(ErrorCode.INVALID_GRANT):
            make_code().check_redeemable(client, uri, now)


def test_refresh_token_outlives_its_access_token():
    pair = make_token_pair()
    assert pair.is_expired(NOW + 3600) and not pair.is_fully_expired(NOW + 3600)
    pair.check_refreshable(1, NOW + 3600)
    assert pair.is_fully_expired(NOW + 9000)
    for client, now in ((2, NOW), (1, NOW + 9000)):
        with raises_code(ErrorCode.INVALID_GRANT):
            pair.check_refreshable(client, now)


def test_token_without_expiry_never_expires():
    permanent = make_token_pair(until=None, refresh="")
    assert not permanent.is_expired(NOW + 1e9) and not permanent.is_fully_expired(NOW + 1e9)


def test_grant_covers_its_scopes():
    grant = Grant(1, 3, 1, "data", NOW)
    assert grant.covers("data") and not grant.covers("data more")


@pytest.mark.parametrize("uri", ["com.example.app:/oauth2redirect", "com.example.app://callback"])
def test_redirect_uri_may_have_a_scheme_of_the_app(uri):
    assert validate_redirect_uris([uri]) == (uri,)
