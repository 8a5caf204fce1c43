"""Login by uuid and by secret, tokens, and the limit on failures."""

import asyncio

import pytest

from coalserver.config import Config
from tests.apis.app import Answer, ApiClient, TestApp, run_test_app
from tests.apis.hosts.clients import NOWHERE, UUID, HostClient, make_host

DAY = 86400


async def login(host: HostClient, secret: str = "") -> Answer:
    return await ApiClient(host.test_app, secret).get(f"{host.path}/access_token")


async def test_new_host_has_the_documented_members_and_a_secret(test_app: TestApp) -> None:
    created = (await test_app.anonymous.post("/hosts")).json
    uuid, secret = created.pop("uuid"), created.pop("secret")
    assert UUID.fullmatch(uuid) and len(secret) == 32
    assert created == {"only_friends": True, "allow_nonames": False, "friends": [], "banlist": []}


async def test_open_login_accepts_the_uuid_repeatedly(test_app: TestApp) -> None:
    host = await make_host(test_app)
    tokens = {(await login(host)).json["token"] for _ in range(5)}
    assert len(tokens) == 5
    for token in (host.token, *tokens):
        assert (await ApiClient(test_app, token).get(host.path)).status == 200


async def test_own_token_at_login_is_ignored(test_app: TestApp) -> None:
    host, other = await make_host(test_app), await make_host(test_app)
    assert (await login(host, host.token)).status == 200
    assert (await login(host, other.token)).status == 404


async def test_login_with_the_secret_disables_login_by_uuid(
    persistent_test_app: TestApp,
) -> None:
    host = await make_host(persistent_test_app)
    assert (await login(host, host.secret)).status == 200
    await persistent_test_app.restart()
    answer = await login(host)
    assert (answer.status, answer.json) == (404, {"message": "not found this"})
    assert (await login(host, host.token)).status == 404
    assert (await login(host, host.secret)).status == 200


async def test_strict_login_accepts_the_uuid_once() -> None:
    async with run_test_app(config=Config(hosts_login="strict")) as test_app:
        host = await make_host(test_app)
        assert (await login(host)).status == 404
        assert (await login(host, host.secret)).status == 200


async def test_concurrent_strict_logins_by_uuid_succeed_once() -> None:
    async with run_test_app(config=Config(hosts_login="strict")) as test_app:
        created = (await test_app.anonymous.post("/hosts")).json
        host = HostClient(test_app, uuid=created["uuid"])
        answers = await asyncio.gather(*(login(host) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 404, 404, 404]


@pytest.mark.parametrize("secret", ["x", "0" * 32, "\xff", "0" * 5000])
async def test_wrong_secret_is_not_found(test_app: TestApp, secret: str) -> None:
    host = await make_host(test_app)
    assert (await login(host, secret)).status == 404
    assert (await login(host)).status == 200


async def test_failed_logins_are_limited_by_address(test_app: TestApp) -> None:
    host = await make_host(test_app)
    attempts = [test_app.anonymous.get(f"/hosts/{NOWHERE}/access_token") for _ in range(6)]
    attempts += [login(host, "0" * 32) for _ in range(6)]
    answers = await asyncio.gather(*attempts)
    assert sorted(answer.status for answer in answers) == [404] * 10 + [429] * 2
    limited = await login(host)
    assert limited.status == 429
    assert 0 < int(limited.headers["Retry-After"]) <= 60
    assert "message" in limited.json
    # Valid tokens are never limited; invalid ones are.
    assert (await host.get(host.path)).status == 200
    assert (await ApiClient(test_app, "0" * 48).get(host.path)).status == 429


async def test_token_expires_after_a_week_of_use(test_app: TestApp) -> None:
    host = await make_host(test_app)
    for _ in range(7):
        assert (await host.get(host.path)).status == 200
        test_app.clock.advance(DAY)
    test_app.clock.advance(1)
    assert (await host.get(host.path)).status == 401


async def test_renewal_leaves_the_old_token_valid(test_app: TestApp) -> None:
    host = await make_host(test_app)
    test_app.clock.advance(5 * DAY)
    renewed = (await host.get("/hosts/access_token/renew")).json["token"]
    for token in (host.token, renewed):
        assert (await ApiClient(test_app, token).get(host.path)).status == 200
    test_app.clock.advance(3 * DAY)
    assert (await host.get(host.path)).status == 401
    assert (await ApiClient(test_app, renewed).get(host.path)).status == 200


@pytest.mark.parametrize(("days", "status"), [(8, 200), (96, 200), (98, 401)])
async def test_expired_token_can_be_renewed_for_ninety_days(
    persistent_test_app: TestApp, days: int, status: int
) -> None:
    host = await make_host(persistent_test_app)
    await persistent_test_app.advance(days * DAY)
    await persistent_test_app.restart()
    answer = await host.get("/hosts/access_token/renew")
    assert answer.status == status
    if status == 200:
        again = ApiClient(persistent_test_app, answer.json["token"])
        assert (await again.get(host.path)).status == 200


async def test_token_of_another_api_is_invalid(test_app: TestApp) -> None:
    ann, host = await test_app.sign_in_guest(), await make_host(test_app)
    assert (await ann.get(host.path)).status == 401
    assert (await ann.get("/hosts/access_token/renew")).status == 401
    assert (await ann.get("/sessions/1")).status == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic eDp5", "bearer  x", "\xff"])
async def test_malformed_authorization_is_401(test_app: TestApp, header: str) -> None:
    host = await make_host(test_app)
    answer = await test_app.anonymous.get(host.path, Authorization=header)
    assert answer.status == 401
    assert set(answer.json) == {"message"}


@pytest.mark.parametrize(
    "text", ["x", "%00", "%FF", "%ED%A0%80", "0" * 32, "{}", "%2F", "0" * 5000, "host", "%C2%B2"]
)
async def test_invalid_uuid_is_not_found(test_app: TestApp, text: str) -> None:
    host = await make_host(test_app)
    assert (await host.get(f"/hosts/{text}/access_token")).status == 404
    for method, path in [("GET", ""), ("POST", "/friends?friend=x"), ("DELETE", "/banlist/x")]:
        answer = await host.request(method, f"/hosts/{text}{path}")
        assert answer.status == 404
    answer = await host.post(f"{host.path}/friends?friend={text}")
    assert (answer.status, answer.json) == (404, {"message": "not found other"})
    answer = await host.request("DELETE", f"{host.path}/banlist/{text}")
    assert answer.status == 404


async def test_uuid_is_accepted_in_any_case_with_or_without_dashes(test_app: TestApp) -> None:
    host = await make_host(test_app)
    for uuid in (host.uuid.lower(), host.uuid.swapcase(), host.uuid.replace("-", "")):
        assert (await host.get(f"/hosts/{uuid}")).json["uuid"] == host.uuid
