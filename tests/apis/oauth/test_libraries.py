"""Authlib and requests-oauthlib, as they come from the package registry, against the server."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2.rfc6749.errors import (
    AccessDeniedError,
    InvalidClientError,
    InvalidGrantError,
)
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.apis.app import TestApp
from tests.apis.browser import Browser
from tests.apis.oauth.libraries import (
    METHODS,
    REDIRECT_URI,
    Registration,
    make_registration,
    open_authorization_url,
)

VERIFIER = "v" * 43
#: PKCE is optional for clients with a secret.
FLOWS = [(method, pkce) for method in METHODS for pkce in (True, False) if pkce or method != "none"]


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the libraries use plain http, which they otherwise refuse."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture(params=FLOWS, ids=lambda flow: f"{flow[0]}{'-pkce' if flow[1] else ''}")
def flow(request: pytest.FixtureRequest) -> tuple[str, bool]:
    return request.param  # type: ignore[no-any-return]


def status_with(registration: Registration, token: str) -> int:
    """Return the status of a request with an access token."""
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(registration.resource, headers=headers, timeout=10).status_code


def is_refused(call: Callable[[], Any], code: str) -> bool:
    """Return whether a call of Authlib fails with an error code of RFC 6749."""
    with pytest.raises(OAuthError) as caught:
        call()
    return bool(caught.value.error == code)


def use_authlib(make: Callable[..., Any], registration: Registration, pkce: bool) -> None:
    """Run the code flow with a session of Authlib."""
    renewed: list[dict[str, Any]] = []
    with make(
        registration.client_id,
        registration.client_secret,
        token_endpoint_auth_method=registration.method,
        token_endpoint=registration.metadata["token_endpoint"],
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256" if pkce else None,
        update_token=lambda token, **_: renewed.append(token),
    ) as client:
        run_authlib(client, registration, {"code_verifier": VERIFIER} if pkce else {}, renewed)


def run_authlib(
    client: Any, registration: Registration, proof: dict[str, str], renewed: list[dict[str, Any]]
) -> None:
    """Get, use, refresh and revoke tokens. The client appends refreshed tokens to `renewed`."""
    metadata = registration.metadata
    url, state = client.create_authorization_url(metadata["authorization_endpoint"], **proof)

    # Programs look for errors in a redirect themselves: Authlib reads the code only.
    assert registration.deny(url) == f"{REDIRECT_URI}?error=access_denied&state={state}"

    back = registration.grant(url)
    token = client.fetch_token(authorization_response=back, state=state, **proof)
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
    assert client.get(registration.resource).status_code == 200
    assert is_refused(
        lambda: client.fetch_token(authorization_response=back, state=state, **proof),
        "invalid_grant",
    )

    # An expired token is refreshed by the next request.
    client.token = {**token, "expires_at": int(time.time()) - 1}
    assert client.get(registration.resource).status_code == 200
    assert len(renewed) == 1 and renewed[0]["access_token"] != token["access_token"]
    assert status_with(registration, token["access_token"]) == 401
    assert is_refused(
        lambda: client.refresh_token(refresh_token=token["refresh_token"]), "invalid_grant"
    )

    live = client.refresh_token()
    response = client.revoke_token(metadata["revocation_endpoint"], live["refresh_token"])
    assert response.status_code == 200
    assert status_with(registration, live["access_token"]) == 401
    assert client.revoke_token(metadata["revocation_endpoint"], "unknown").status_code == 200


@pytest.mark.parametrize("make", [AuthlibSession, OAuth2Client], ids=["requests", "httpx"])
async def test_authlib_runs_the_code_flow(
    test_app: TestApp, ann: Browser, flow: tuple[str, bool], make: Callable[..., Any]
) -> None:
    method, pkce = flow
    registration = await make_registration(test_app, ann, method)
    await asyncio.to_thread(use_authlib, make, registration, pkce)


async def test_authlib_runs_the_code_flow_asynchronously(
    test_app: TestApp, ann: Browser, flow: tuple[str, bool]
) -> None:
    method, pkce = flow
    registration = await make_registration(test_app, ann, method)
    metadata = registration.metadata
    async with AsyncOAuth2Client(
        registration.client_id,
        registration.client_secret,
        token_endpoint_auth_method=method,
        scope="data",
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
    ) as client:
        proof = {"code_verifier": VERIFIER} if pkce else {}
        url, _ = client.create_authorization_url(metadata["authorization_endpoint"], **proof)
        back = await open_authorization_url(test_app, ann, url, "grant")
        token = await client.fetch_token(
            metadata["token_endpoint"], authorization_response=back, **proof
        )
        assert (await client.get(registration.resource)).status_code == 200
        renewed = await client.refresh_token(metadata["token_endpoint"])
        assert renewed["access_token"] != token["access_token"]
        assert (await client.get(registration.resource)).status_code == 200
        await client.revoke_token(metadata["revocation_endpoint"], renewed["access_token"])
        assert (await client.get(registration.resource)).status_code == 401


def use_requests_oauthlib(registration: Registration, pkce: bool) -> None:
    """Run the code flow with a session of requests-oauthlib."""
    client_id, secret = registration.client_id, registration.client_secret
    renewed: list[dict[str, Any]] = []
    with OAuth2Session(
        client_id,
        redirect_uri=REDIRECT_URI,
        pkce="S256" if pkce else None,
        auto_refresh_url=registration.metadata["token_endpoint"],
        auto_refresh_kwargs={"client_id": client_id, "client_secret": secret}
        if secret
        else {"client_id": client_id},
        token_updater=renewed.append,
    ) as session:
        run_requests_oauthlib(session, registration, renewed)


def run_requests_oauthlib(
    session: OAuth2Session, registration: Registration, renewed: list[dict[str, Any]]
) -> None:
    """Get, use, refresh and revoke tokens. The session appends refreshed tokens to `renewed`."""
    metadata, secret = registration.metadata, registration.client_secret
    endpoint = metadata["token_endpoint"]
    in_body = registration.method == "client_secret_post"
    url, _ = session.authorization_url(metadata["authorization_endpoint"])
    with pytest.raises(AccessDeniedError):
        session.fetch_token(endpoint, authorization_response=registration.deny(url))

    url, _ = session.authorization_url(metadata["authorization_endpoint"])
    back = registration.grant(url)
    how: dict[str, Any] = {"include_client_id": True} if in_body else {}
    if secret:
        with pytest.raises(InvalidClientError):
            session.fetch_token(endpoint, authorization_response=back, client_secret="wrong", **how)
        how["client_secret"] = secret
    token = session.fetch_token(endpoint, authorization_response=back, **how)
    assert session.get(registration.resource).status_code == 200
    with pytest.raises(InvalidGrantError):
        session.fetch_token(endpoint, authorization_response=back, **how)

    # An expired token is refreshed by the next request.
    session.token = {**token, "expires_at": time.time() - 1}
    assert session.get(registration.resource).status_code == 200
    assert len(renewed) == 1 and renewed[0]["access_token"] != token["access_token"]
    assert status_with(registration, token["access_token"]) == 401
    auth = HTTPBasicAuth(registration.client_id, secret or "")
    live = session.refresh_token(endpoint, auth=auth)

    # The library prepares revocations, but does not send them.
    uri, headers, body = session._client.prepare_token_revocation_request(
        metadata["revocation_endpoint"], live["access_token"]
    )
    response = requests.post(uri, data=body, headers=headers, auth=auth, timeout=10)
    assert response.status_code == 200
    assert status_with(registration, live["access_token"]) == 401
    with pytest.raises(InvalidGrantError):
        session.refresh_token(endpoint, refresh_token=live["refresh_token"])


async def test_requests_oauthlib_runs_the_code_flow(
    test_app: TestApp, ann: Browser, flow: tuple[str, bool]
) -> None:
    method, pkce = flow
    registration = await make_registration(test_app, ann, method)
    await asyncio.to_thread(use_requests_oauthlib, registration, pkce)
