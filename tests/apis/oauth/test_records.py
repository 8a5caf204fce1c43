"""Who may see, change and remove a client, and who may not."""

from dataclasses import replace

import pytest

from coalserver.core.queries.oauth import client_known
from coalserver.domain.accounts.oauth import Client
from tests.apis.app import Asker
from tests.apis.browser import put_on_hold
from tests.apis.oauth.parties import an_agent, an_app, good, update


async def test_the_document_removes_a_client(house, ann, app):
    tokens, code = await app.tokens(ann), await app.code(ann)
    answer = await app.owner.ask("DELETE", app.record)
    assert (answer.status, answer.raw) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert not await good(house, tokens["access_token"])
    for again in (app.buys(code=code), app.renews(tokens["refresh_token"])):
        assert (await again).refused == (400, "invalid_client")
    assert (await app.owner.get(app.record)).status == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "shown", ["nothing", "wrong", "bearer", "another's", "the secret", "basic", "empty", "odd"]
)
async def test_only_its_own_registration_token_opens_a_clients_record(house, app, method, shown):
    other = await an_app(house)
    right = app.told["registration_access_token"]
    header = {
        "nothing": None,
        "wrong": "Bearer " + "x" * 40,
        "bearer": f"bearer {right}",
        "another's": f"Bearer {other.told['registration_access_token']}",
        "the secret": f"Bearer {app.told['client_secret']}",
        "basic": f"Basic {right}",
        "empty": "Bearer",
        "odd": "Bearer ü",
    }[shown]
    headers = {} if header is None else {"Authorization": header}
    body = update(app) if method == "PUT" else None
    answer = await house.stranger.ask(method, app.record, body, **headers)
    assert (answer.status, answer.raw) == (401, b"")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert (await app.owner.get(app.record)).json == app.told


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_client_that_is_not_there_is_a_401(house, app, method):
    body = update(app, client_id="nobody") if method == "PUT" else None
    for id in ("nobody", "%2e%2e", "%00", "%ff"):
        answer = await app.owner.ask(method, f"/oauth/v1/clients/{id}", body)
        assert (answer.status, answer.raw) == (401, b"")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_an_update_without_its_members_is_refused_before_anybody_is_asked_who_he_is(house):
    answer = await house.stranger.put("/oauth/v1/clients/nobody", {"client_id": "nobody"})
    assert answer.refused == (400, "invalid_request")


async def test_an_agent_has_no_record(house):
    agent = await an_agent(house)
    for header in ("Bearer ", "Bearer", f"Bearer {agent.told['client_secret']}"):
        answer = await house.stranger.get(f"/oauth/v1/clients/{agent.id}", Authorization=header)
        assert answer.status == 401


async def test_a_secret_that_has_ended_buys_nothing_and_is_another_when_it_is_read(house, ann, app):
    code = await app.code(ann)
    client = house.core.see(client_known, code=app.id)
    house.core.state.set(Client, client.id, replace(client, secret_until=house.clock.now))
    assert (await app.buys(code=code)).refused == (400, "invalid_client")
    assert (await app.owner.put(app.record, update(app))).refused == (400, "invalid_request")
    said = (await app.owner.get(app.record)).json
    assert said["client_secret"] != app.told["client_secret"]
    assert said["client_secret_expires_at"] == 0
    assert said["registration_access_token"] == app.told["registration_access_token"]
    assert (await app.buys(code=code, client_secret=said["client_secret"])).status == 200


async def test_a_good_token_of_an_account_on_hold_is_a_403(house, ann, app):
    tokens = await app.tokens(ann)
    holder = Asker(house, tokens["access_token"])
    assert (await holder.get("/oauth/v1/test")).status == 200
    await put_on_hold(house)
    assert (await holder.get("/oauth/v1/test")).status == 403
