"""Public clients: registration without a secret, PKCE, and redirects to the user's own machine."""

import base64
import hashlib

import pytest

from coalserver.core.commands import oauth
from tests.apis.browser import FORM
from tests.apis.oauth.clients import (
    HOME,
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    REGISTER,
    TOKEN,
    decide,
    is_valid,
    make_client_app,
    query_of,
    token_pair_of,
    update_of,
)

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
LOOPBACK = "http://127.0.0.1/callback"


@pytest.fixture
async def public(test_app):
    uris = [LOOPBACK, "https://app.example/callback"]
    return await make_client_app(
        test_app, redirect_uris=uris, token_endpoint_auth_method="none", client_id=None
    )


async def grant(ann, public, **params):
    """Grant access in a browser and return the authorization code."""
    return await public.code(ann, **{"redirect_uri": LOOPBACK, **PKCE, **params})


async def request_tokens_with_code(public, code, **changed):
    fields = {"code_verifier": VERIFIER, "redirect_uri": LOOPBACK, "client_secret": None}
    return await public.request_tokens_with_code(code=code, **{**fields, **changed})


async def test_public_client_is_registered_without_a_secret(test_app, public):
    assert public.registration["token_endpoint_auth_method"] == "none"
    assert not {"client_secret", "client_secret_expires_at"} & set(public.registration)
    assert (await public.owner.get(public.record)).json == public.registration


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_registration_returns_the_method_of_a_client_with_a_secret(test_app, method):
    app = await make_client_app(test_app, token_endpoint_auth_method=method)
    assert app.registration["token_endpoint_auth_method"] == method
    assert len(app.registration["client_secret"]) == 40


@pytest.mark.parametrize("method", ["private_key_jwt", "", "None", 5, ["none"], {}])
async def test_unknown_method_is_an_invalid_registration(test_app, method):
    body = {"redirect_uris": [HOME], "token_endpoint_auth_method": method}
    answer = await test_app.anonymous.post(REGISTER, body)
    assert answer.status_and_error == INVALID_REQUEST


async def test_public_client_gets_refreshes_and_uses_tokens(test_app, ann, public):
    code = await grant(ann, public)
    tokens = token_pair_of(await request_tokens_with_code(public, code))
    assert await is_valid(test_app, tokens["access_token"])
    renewed = token_pair_of(
        await public.refresh_tokens(tokens["refresh_token"], client_secret=None)
    )
    assert await is_valid(test_app, renewed["access_token"])
    again = await public.refresh_tokens(tokens["refresh_token"], client_secret=None)
    assert again.status_and_error == INVALID_GRANT


async def test_public_client_may_use_basic_with_an_empty_password(test_app, ann, public):
    code = await grant(ann, public)
    header = "Basic " + base64.b64encode(f"{public.id}:".encode()).decode()
    body = f"grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&redirect_uri={LOOPBACK}"
    token_pair_of(
        await test_app.anonymous.post(TOKEN, body.encode(), Content_Type=FORM, Authorization=header)
    )


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": None}, INVALID_REQUEST),
        ({"code_verifier": "short"}, INVALID_REQUEST),
        ({"code_verifier": "x" * 43}, INVALID_GRANT),
        ({"client_secret": "guess"}, INVALID_CLIENT),
        ({"client_id": "nobody"}, INVALID_CLIENT),
        ({"client_id": None}, INVALID_REQUEST),
        ({"redirect_uri": LOOPBACK.replace("/c", ":8000/c")}, INVALID_GRANT),
    ],
    ids=str,
)
async def test_rejected_request_of_a_public_client_leaves_the_code_valid(
    ann, public, changed, error
):
    code = await grant(ann, public)
    assert (await request_tokens_with_code(public, code, **changed)).status_and_error == error
    token_pair_of(await request_tokens_with_code(public, code))


@pytest.mark.parametrize("params", [{}, {"code_challenge_method": "S256"}])
async def test_public_client_needs_a_challenge(ann, public, params):
    path = public.consent_path(redirect_uri=LOOPBACK, state="s", **params)
    assert b'name="grant"' not in (await ann.get(path)).raw
    assert query_of(await decide(ann, path)) == {"error": "invalid_request", "state": "s"}


async def test_client_with_a_secret_cannot_omit_it(ann, app):
    code = await app.code(ann, **PKCE)
    answer = await app.request_tokens_with_code(
        code=code, code_verifier=VERIFIER, client_secret=None
    )
    assert answer.status_and_error == INVALID_REQUEST


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_loopback_redirect_may_have_any_port(test_app, ann, host):
    public = await make_client_app(
        test_app,
        redirect_uris=[f"http://{host}:1234/callback"],
        token_endpoint_auth_method="none",
    )
    uri = f"http://{host}:50001/callback"
    path = public.consent_path(redirect_uri=uri, **PKCE)
    page = await ann.get(path)
    assert page.status == 200 and f"{host}:50001" in page.raw.decode()
    answer = await decide(ann, path)
    assert answer.headers["Location"].startswith(uri + "?code=")
    code = query_of(answer)["code"]
    token_pair_of(await request_tokens_with_code(public, code, redirect_uri=uri))
    wrong = public.consent_path(redirect_uri=f"http://{host}:50001/other", **PKCE)
    assert (await ann.get(wrong)).status == 400


async def test_only_https_redirect_of_a_public_client_skips_the_consent_page(ann, public):
    await grant(ann, public)
    assert (await ann.get(public.consent_path(redirect_uri=LOOPBACK, **PKCE))).status == 200
    site = public.consent_path(redirect_uri="https://app.example/callback", **PKCE)
    assert (await ann.get(site)).status == 302


async def test_update_makes_a_client_public_and_back(test_app, ann, public):
    uris = {"redirect_uris": [LOOPBACK], "client_id": public.id}
    document = {**uris, "client_name": "Renamed"}
    answer = await public.owner.put(public.record, document)
    assert answer.status == 200 and answer.json["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in answer.json and answer.json["client_name"] == "Renamed"
    wrong = await public.owner.put(public.record, {**document, "client_secret": "x"})
    assert wrong.status_and_error == INVALID_REQUEST
    document["token_endpoint_auth_method"] = "client_secret_basic"
    answer = await public.owner.put(public.record, document)
    secret = answer.json["client_secret"]
    assert len(secret) == 40 and answer.json["client_secret_expires_at"] == 0
    code = await grant(ann, public)
    assert (await request_tokens_with_code(public, code)).status_and_error == INVALID_REQUEST
    token_pair_of(await request_tokens_with_code(public, code, client_secret=secret))
    document |= {"token_endpoint_auth_method": "none", "client_secret": secret}
    answer = await public.owner.put(public.record, document)
    assert "client_secret" not in answer.json
    token_pair_of(await request_tokens_with_code(public, await grant(ann, public)))


async def test_update_keeps_the_method_of_a_client(test_app):
    app = await make_client_app(test_app, token_endpoint_auth_method="client_secret_post")
    answer = await app.owner.put(app.record, update_of(app))
    assert answer.json["token_endpoint_auth_method"] == "client_secret_post"
    assert answer.json["client_secret"] == app.registration["client_secret"]


@pytest.mark.parametrize("at_once", [1, 500])
async def test_deleted_public_client_is_invalid(ann, public, monkeypatch, at_once):
    monkeypatch.setattr(oauth, "MAX_DELETED", at_once)
    token_pair_of(await request_tokens_with_code(public, await grant(ann, public)))
    code = await grant(ann, public)
    assert (await public.owner.request("DELETE", public.record)).status == 204
    assert (await request_tokens_with_code(public, code)).status_and_error == INVALID_CLIENT


async def test_public_client_survives_a_restart(persistent_test_app):
    public = await make_client_app(
        persistent_test_app, redirect_uris=[LOOPBACK], token_endpoint_auth_method="none"
    )
    await persistent_test_app.restart()
    document = (await public.owner.get(public.record)).json
    assert document["token_endpoint_auth_method"] == "none" and "client_secret" not in document


async def test_app_is_redirected_to_a_scheme_of_its_own(test_app, ann):
    uri = "com.example.app:/oauth2redirect"
    app = await make_client_app(
        test_app, redirect_uris=[uri], token_endpoint_auth_method="none", client_id=None
    )
    page = await ann.get(app.consent_path(redirect_uri=uri, **PKCE))
    assert b"com.example.app:" in page.raw
    code = await app.code(ann, redirect_uri=uri, **PKCE)
    answer = await request_tokens_with_code(app, code, redirect_uri=uri)
    assert await is_valid(test_app, token_pair_of(answer)["access_token"])
