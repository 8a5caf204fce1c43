"""Tokens of agents, personal tokens and bearer headers."""

import pytest

from coalserver.core.commands.oauth import create_personal_token
from tests.apis.app import ApiClient
from tests.apis.oauth.clients import (
    HOME,
    INVALID_GRANT,
    ClientApp,
    is_valid,
    make_agent,
    request_tokens,
    token_pair_of,
)

AGENT_ROWS = [
    ({"code": "wrong"}, "invalid_grant"),
    ({"scope": "data"}, "invalid_grant"),
    ({"scope": "agent data"}, "invalid_grant"),
    ({"scope": None}, "invalid_grant"),
    ({"redirect_uri": ""}, "invalid_request"),
    ({"client_secret": "wrong"}, "invalid_client"),
]


def agent_fields(agent: ClientApp, **changed):
    secret = agent.registration["client_secret"]
    return {"code": secret, "redirect_uri": "/", "scope": "agent", **changed}


async def test_agent_gets_tokens_for_its_secret_repeatedly(test_app):
    agent = await make_agent(test_app)
    pairs = [
        token_pair_of(await agent.request_tokens_with_code(**agent_fields(agent)), 2_592_000)
        for _ in range(2)
    ]
    assert pairs[0]["access_token"] != pairs[1]["access_token"]
    token_pair_of(
        await agent.request_tokens_with_code(**agent_fields(agent, redirect_uri="anything")),
        2_592_000,
    )
    refreshed = token_pair_of(
        await agent.refresh_tokens(pairs[0]["refresh_token"], scope="agent"), 2_592_000
    )
    assert refreshed["access_token"] != pairs[0]["access_token"]
    again = await agent.refresh_tokens(pairs[0]["refresh_token"], scope="agent")
    assert again.status_and_error == INVALID_GRANT


@pytest.mark.parametrize(("changed", "error"), AGENT_ROWS, ids=str)
async def test_invalid_agent_token_request_is_rejected(test_app, changed, error):
    agent = await make_agent(test_app)
    assert (
        await agent.request_tokens_with_code(**agent_fields(agent, **changed))
    ).status_and_error == (400, error)


async def test_client_secret_is_not_accepted_as_code(ann, app):
    secret = app.registration["client_secret"]
    for scope in ("agent", "data"):
        assert (
            await app.request_tokens_with_code(code=secret, scope=scope)
        ).status_and_error == INVALID_GRANT


async def test_agent_token_is_not_an_account_token(test_app):
    agent = await make_agent(test_app)
    token = token_pair_of(await agent.request_tokens_with_code(**agent_fields(agent)), 2_592_000)[
        "access_token"
    ]
    assert not await is_valid(test_app, token)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {}x", "Bearer ü"],
)
async def test_token_outside_the_bearer_header_is_rejected(test_app, ann, app, header):
    token = (await app.tokens(ann))["access_token"]
    headers = {} if header is None else {"Authorization": header.format(token)}
    answer = await test_app.anonymous.get(f"/oauth/v1/test?access_token={token}", **headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_scheme_of_an_access_token_is_case_insensitive(test_app, ann, app):
    token = (await app.tokens(ann))["access_token"]
    answer = await test_app.anonymous.get("/oauth/v1/test", Authorization=f"bearer {token}")
    assert answer.status == 200


async def test_personal_token_is_valid_until_it_expires(test_app, ann):
    token = await test_app.core.execute(create_personal_token, account_id=1, lifetime=60)
    assert (await ApiClient(test_app, token).get("/oauth/v1/test")).status == 200
    test_app.clock.advance(60)
    assert not await is_valid(test_app, token)


async def test_failed_token_requests_are_limited(test_app):
    fields = {
        "client_id": "nobody",
        "client_secret": "x",
        "grant_type": "authorization_code",
        "code": "x",
        "redirect_uri": HOME,
        "scope": "data",
    }
    for _ in range(120):
        assert (await request_tokens(test_app, fields)).status == 400
    answer = await request_tokens(test_app, fields)
    assert (
        answer.status_and_error == (429, "temporarily_unavailable")
        and answer.headers["Retry-After"]
    )
