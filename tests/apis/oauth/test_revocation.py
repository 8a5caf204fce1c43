"""Revocation of tokens (RFC 7009)."""

import asyncio
import base64
from urllib.parse import urlencode

import pytest

from coalserver.core.commands.oauth import create_personal_token
from tests.apis.app import ApiClient
from tests.apis.browser import FORM
from tests.apis.oauth.clients import (
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    is_valid,
    make_agent,
    make_client_app,
    request_tokens,
    token_pair_of,
    without_none,
)

REVOKE = "/oauth/v1/revoke"
KINDS = ["access_token", "refresh_token"]


async def revoke(app, **changed):
    """Send a revocation request of a client; None omits a member."""
    fields = {name: app.registration.get(name) for name in ("client_id", "client_secret")}
    body = urlencode(without_none({**fields, **changed})).encode()
    return await app.test_app.anonymous.post(REVOKE, body, Content_Type=FORM)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hint", [None, *KINDS, "unknown_type"])
async def test_either_token_revokes_the_pair(test_app, ann, app, kind, hint):
    tokens, kept = await app.tokens(ann), await app.tokens(ann)
    for _ in range(2):
        answer = await revoke(app, token=tokens[kind], token_type_hint=hint)
        assert (answer.status, answer.json) == (200, {})
        assert answer.headers["Cache-Control"] == "no-store"
    assert not await is_valid(test_app, tokens["access_token"])
    assert (await app.refresh_tokens(tokens["refresh_token"])).status_and_error == INVALID_GRANT
    assert await is_valid(test_app, kept["access_token"])


@pytest.mark.parametrize("token", ["unknown", "é", "x" * 10_000])
async def test_unknown_token_is_200(app, token):
    assert (await revoke(app, token=token)).status == 200


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": "wrong"}, INVALID_CLIENT),
        ({"client_id": "nobody"}, INVALID_CLIENT),
        ({"client_id": "nobody", "client_secret": None}, INVALID_CLIENT),
        ({"client_secret": None}, INVALID_REQUEST),
        ({"client_id": None}, INVALID_REQUEST),
        ({"token": None}, INVALID_REQUEST),
        ({"token": ""}, INVALID_REQUEST),
    ],
    ids=str,
)
async def test_rejected_revocation_leaves_the_token_valid(test_app, ann, app, changed, error):
    token = (await app.tokens(ann))["access_token"]
    assert (await revoke(app, **{"token": token, **changed})).status_and_error == error
    assert await is_valid(test_app, token)


async def test_token_of_another_client_is_not_revoked(test_app, ann, app):
    other = await make_client_app(test_app)
    tokens = await other.tokens(ann)
    for kind in KINDS:
        assert (await revoke(app, token=tokens[kind])).status_and_error == INVALID_GRANT
    personal = await test_app.core.execute(create_personal_token, account_id=1, lifetime=None)
    assert (await revoke(app, token=personal)).status_and_error == INVALID_GRANT
    for token in (tokens["access_token"], personal):
        assert await is_valid(test_app, token)


async def test_revocation_accepts_http_basic_and_json(test_app, ann, app):
    credentials = f"{app.id}:{app.registration['client_secret']}".encode()
    basic = "Basic " + base64.b64encode(credentials).decode()
    for headers, body in (
        ({"Content_Type": FORM}, "token={}"),
        ({"Content_Type": "application/json"}, '{{"token":"{}"}}'),
    ):
        token = (await app.tokens(ann))["access_token"]
        answer = await test_app.anonymous.post(
            REVOKE, body.format(token).encode(), Authorization=basic, **headers
        )
        assert answer.status == 200
        assert not await is_valid(test_app, token)
    wrong = "Basic " + base64.b64encode(f"{app.id}:wrong".encode()).decode()
    answer = await test_app.anonymous.post(
        REVOKE, b"token=x", Authorization=wrong, Content_Type=FORM
    )
    assert answer.status_and_error == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"] == "Basic"


async def test_public_client_revokes_without_a_secret(test_app, ann, app):
    public = await make_client_app(test_app, token_endpoint_auth_method="none")
    token = (await app.tokens(ann))["access_token"]
    assert (await revoke(public, token=token)).status_and_error == INVALID_GRANT
    assert (await revoke(public, token="unknown")).status == 200


async def test_agent_revokes_its_token(test_app):
    agent = await make_agent(test_app)
    secret = agent.registration["client_secret"]
    fields = {"code": secret, "redirect_uri": "/", "scope": "agent"}
    tokens = token_pair_of(await agent.request_tokens_with_code(**fields), 2_592_000)
    assert (await revoke(agent, token=tokens["access_token"])).status == 200
    answer = await agent.refresh_tokens(tokens["refresh_token"], scope=None)
    assert answer.status_and_error == INVALID_GRANT


async def test_concurrent_revocation_and_refresh_leave_no_token_of_the_old_pair(test_app, ann, app):
    tokens = await app.tokens(ann)
    answers = await asyncio.gather(
        *(revoke(app, token=tokens["refresh_token"]) for _ in range(4)),
        app.refresh_tokens(tokens["refresh_token"]),
    )
    assert {answer.status for answer in answers[:4]} == {200}
    assert answers[4].status in (200, 400)
    assert not await is_valid(test_app, tokens["access_token"])


async def test_revoked_tokens_stay_revoked_after_a_restart(persistent_test_app):
    agent = await make_agent(persistent_test_app)
    secret = agent.registration["client_secret"]
    fields = {"code": secret, "redirect_uri": "/", "scope": "agent"}
    tokens = token_pair_of(await agent.request_tokens_with_code(**fields), 2_592_000)
    await revoke(agent, token=tokens["access_token"])
    await persistent_test_app.restart()
    reporting = ApiClient(persistent_test_app, tokens["access_token"])
    assert (await reporting.get("/api/v1/agents/lastline")).status == 401


async def test_failed_revocations_count_as_failed_token_requests(test_app, app):
    for _ in range(120):
        assert (await revoke(app, client_secret="wrong", token="x")).status == 400
    answer = await revoke(app, token="x")
    assert answer.status_and_error == (429, "temporarily_unavailable")
    assert (await request_tokens(test_app, {})).status == 429
