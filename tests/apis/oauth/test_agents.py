"""Agents and their bootstrap; and what tokens of any kind prove."""

import pytest

from coalserver.core.commands.oauth import add_personal_token
from tests.apis.app import Asker
from tests.apis.oauth.parties import HOME, App, an_agent, bought, good, is_a_pair

AGENT_ROWS = [
    ({"code": "wrong"}, "invalid_grant"),
    ({"scope": "data"}, "invalid_grant"),
    ({"scope": "agent data"}, "invalid_grant"),
    ({"scope": None}, "invalid_grant"),
    ({"redirect_uri": ""}, "invalid_request"),
    ({"client_secret": "wrong"}, "invalid_client"),
]


def of_agent(agent: App, **changed):
    secret = agent.told["client_secret"]
    return {"code": secret, "redirect_uri": "/", "scope": "agent", **changed}


async def test_an_agent_buys_with_its_secret_as_often_as_it_likes(house):
    agent = await an_agent(house)
    pairs = [is_a_pair(await agent.buys(**of_agent(agent)), 2_592_000) for _ in range(2)]
    assert pairs[0]["access_token"] != pairs[1]["access_token"]
    is_a_pair(await agent.buys(**of_agent(agent, redirect_uri="anything")), 2_592_000)
    renewed = is_a_pair(await agent.renews(pairs[0]["refresh_token"], scope="agent"), 2_592_000)
    assert renewed["access_token"] != pairs[0]["access_token"]
    again = await agent.renews(pairs[0]["refresh_token"], scope="agent")
    assert again.refused == (400, "invalid_grant")


@pytest.mark.parametrize(("changed", "error"), AGENT_ROWS, ids=str)
async def test_what_an_agent_does_not_get(house, changed, error):
    agent = await an_agent(house)
    assert (await agent.buys(**of_agent(agent, **changed))).refused == (400, error)


async def test_only_an_agent_has_a_secret_for_a_code(ann, app):
    secret = app.told["client_secret"]
    for scope in ("agent", "data"):
        assert (await app.buys(code=secret, scope=scope)).refused == (400, "invalid_grant")


async def test_an_agents_token_is_no_accounts(house):
    agent = await an_agent(house)
    token = is_a_pair(await agent.buys(**of_agent(agent)), 2_592_000)["access_token"]
    assert not await good(house, token)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "bearer {}", "Basic {}", "{}", "Bearer {}x", "Bearer ü"],
)
async def test_a_token_is_read_from_its_header_only(house, ann, app, header):
    token = (await app.tokens(ann))["access_token"]
    headers = {} if header is None else {"Authorization": header.format(token)}
    answer = await house.stranger.get(f"/oauth/v1/test?access_token={token}", **headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_a_personal_token_is_as_good_as_a_clients(house, ann):
    token = await house.core.do(add_personal_token, account=1, lasts=60)
    assert (await Asker(house, token).get("/oauth/v1/test")).status == 200
    house.clock.forward(60)
    assert not await good(house, token)


async def test_guessing_is_slowed_down(house):
    said = {
        "client_id": "nobody",
        "client_secret": "x",
        "grant_type": "authorization_code",
        "code": "x",
        "redirect_uri": HOME,
        "scope": "data",
    }
    for _ in range(120):
        assert (await bought(house, said)).status == 400
    answer = await bought(house, said)
    assert answer.refused == (429, "temporarily_unavailable") and answer.headers["Retry-After"]
