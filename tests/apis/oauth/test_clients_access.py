"""Access to client configurations."""

from dataclasses import replace

import pytest

from coalserver.core.queries.oauth import client_by_code
from coalserver.domain.accounts.oauth import OAuthClient
from tests.apis.app import ApiClient
from tests.apis.browser import deactivate_account
from tests.apis.oauth.clients import (
    INVALID_CLIENT,
    INVALID_REQUEST,
    is_valid,
    make_agent,
    make_client_app,
    update_of,
)


async def test_deletion_revokes_codes_and_tokens(test_app, ann, app):
    tokens, code = await app.tokens(ann), await app.code(ann)
    answer = await app.owner.request("DELETE", app.record)
    assert (answer.status, answer.raw) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert not await is_valid(test_app, tokens["access_token"])
    for again in (
        app.request_tokens_with_code(code=code),
        app.refresh_tokens(tokens["refresh_token"]),
    ):
        assert (await again).status_and_error == INVALID_CLIENT
    assert (await app.owner.get(app.record)).status == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "credentials", ["nothing", "wrong", "another's", "the secret", "basic", "empty", "odd"]
)
async def test_configuration_requires_its_own_registration_token(
    test_app, app, method, credentials
):
    other = await make_client_app(test_app)
    right = app.registration["registration_access_token"]
    header = {
        "nothing": None,
        "wrong": "Bearer " + "x" * 40,
        "another's": f"Bearer {other.registration['registration_access_token']}",
        "the secret": f"Bearer {app.registration['client_secret']}",
        "basic": f"Basic {right}",
        "empty": "Bearer",
        "odd": "Bearer ü",
    }[credentials]
    headers = {} if header is None else {"Authorization": header}
    body = update_of(app) if method == "PUT" else None
    answer = await test_app.anonymous.request(method, app.record, body, **headers)
    assert (answer.status, answer.raw) == (401, b"")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert (await app.owner.get(app.record)).json == app.registration


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_unknown_client_is_401(test_app, app, method):
    body = update_of(app, client_id="nobody") if method == "PUT" else None
    for id in ("nobody", "%2e%2e", "%00", "%ff"):
        answer = await app.owner.request(method, f"/oauth/v1/clients/{id}", body)
        assert (answer.status, answer.raw) == (401, b"")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_scheme_of_a_registration_token_is_case_insensitive(test_app, app):
    header = f"bearer {app.registration['registration_access_token']}"
    assert (await test_app.anonymous.get(app.record, Authorization=header)).json == app.registration


async def test_incomplete_update_is_rejected_before_authentication(test_app):
    answer = await test_app.anonymous.put("/oauth/v1/clients/nobody", {"client_id": "nobody"})
    assert answer.status_and_error == INVALID_REQUEST


async def test_agent_has_no_configuration(test_app):
    agent = await make_agent(test_app)
    for header in ("Bearer ", "Bearer", f"Bearer {agent.registration['client_secret']}"):
        answer = await test_app.anonymous.get(f"/oauth/v1/clients/{agent.id}", Authorization=header)
        assert answer.status == 401


async def test_expired_secret_is_replaced_when_the_configuration_is_read(test_app, ann, app):
    code = await app.code(ann)
    client = test_app.core.query(client_by_code, code=app.id)
    test_app.core.state.set(
        OAuthClient, client.id, replace(client, secret_until=test_app.clock.now)
    )
    assert (await app.request_tokens_with_code(code=code)).status_and_error == INVALID_CLIENT
    assert (await app.owner.put(app.record, update_of(app))).status_and_error == INVALID_REQUEST
    document = (await app.owner.get(app.record)).json
    assert document["client_secret"] != app.registration["client_secret"]
    assert document["client_secret_expires_at"] == 0
    assert document["registration_access_token"] == app.registration["registration_access_token"]
    assert (
        await app.request_tokens_with_code(code=code, client_secret=document["client_secret"])
    ).status == 200


async def test_token_of_an_inactive_account_is_403(test_app, ann, app):
    tokens = await app.tokens(ann)
    holder = ApiClient(test_app, tokens["access_token"])
    assert (await holder.get("/oauth/v1/test")).status == 200
    await deactivate_account(test_app)
    assert (await holder.get("/oauth/v1/test")).status == 403
