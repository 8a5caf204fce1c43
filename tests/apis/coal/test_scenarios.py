"""A program that knows nothing but COAL's document, the person it acts for, and a world with its agent."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from coalserver.core.commands.agents import rotate_agent_secret
from coalserver.core.commands.claims import create_claim
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.core.queries.worlds import active_worlds
from tests.apis.app import Answer, ApiClient, TestApp
from tests.apis.browser import FORM, Browser, make_account
from tests.apis.coal.log_lines import AT, left, line, logged_in, said
from tests.apis.oauth.clients import App, is_token_pair, make_app, query_of, request_tokens
from tests.media.test_images import make_image

EMAIL = "ann@example.org"


class Program:
    """What has registered, been let in, and renews its token when it has ended."""

    def __init__(self, app: App, pair: dict[str, Any]) -> None:
        self.app, self.pair = app, pair
        self.renewed = 0

    async def request(
        self, method: str, path: str, body: bytes | None = None, media: str = FORM
    ) -> Answer:
        answer = await self._ask(method, path, body, media)
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            self.pair = is_token_pair(await self.app.refresh_tokens(self.pair["refresh_token"]))
            self.renewed += 1
            answer = await self._ask(method, path, body, media)
        return answer

    async def _ask(self, method: str, path: str, body: bytes | None, media: str) -> Answer:
        asker = ApiClient(self.app.test_app, self.pair["access_token"])
        return await asker.request(method, path, body, Content_Type=media)

    async def get(self, path: str) -> Any:
        answer = await self.request("GET", path)
        assert answer.status == 200, answer.raw
        return answer.json

    async def send(self, path: str, /, status: int = 200, **fields: Any) -> Any:
        answer = await self.request("POST", path, urlencode(fields).encode())
        assert answer.status == status, answer.raw
        return answer.json if answer.raw else None


class Agent:
    """Knows its secret, and buys its token with it."""

    def __init__(self, test_app: TestApp, id: str, secret: str) -> None:
        self.test_app, self.id, self.secret = test_app, id, secret
        self.token = ""

    async def send(self, end: str, **fields: Any) -> Answer:
        path, body = f"/api/v1/agents/{end}", urlencode(fields).encode()
        answer = await ApiClient(self.test_app, self.token).request(
            "POST", path, body, Content_Type=FORM
        )
        if answer.status == 401:
            answer = await request_tokens(
                self.test_app,
                {
                    "client_id": self.id,
                    "client_secret": self.secret,
                    "code": self.secret,
                    "scope": "agent",
                    "grant_type": "authorization_code",
                    "redirect_uri": "/",
                },
            )
            self.token = answer.json["access_token"]
            answer = await ApiClient(self.test_app, self.token).request(
                "POST", path, body, Content_Type=FORM
            )
        return answer

    async def pings(self, **fields: Any) -> list[str]:
        """Say that the world runs; gives what its console is told."""
        answer = await self.send(
            "ping", server_name="coal.example.org", is_server_running="true", **fields
        )
        assert answer.status == 200, answer.raw
        return [row["command"] for row in answer.json["commands"]]

    async def logs(self, *lines: str) -> None:
        for one in lines:
            assert (await self.send("logline", line=one, zone="America/Chicago")).status == 201


@pytest.fixture
async def test_app(persistent_test_app: TestApp) -> AsyncIterator[TestApp]:
    # Six in the evening, in Chicago.
    persistent_test_app.clock.now = AT - 6 * 3600
    yield persistent_test_app


@pytest.fixture
async def ann(test_app: TestApp) -> Browser:
    """An admin at her browser."""
    browser = Browser(test_app)
    await make_account(test_app, EMAIL, admin=True)
    assert (await browser.sign_in(EMAIL)).status == 302
    return browser


@pytest.fixture
async def program(test_app: TestApp, ann: Browser) -> Program:
    """It registers, Ann is sent to the page where it asks, and she grants it."""
    app = await make_app(test_app)
    asks = app.asks(state="xyz")
    page = await ann.get(asks)
    assert page.status == 200 and b"My Example Application" in page.raw
    back = query_of(await ann.send(asks, page=asks, grant="Grant"))
    assert back["state"] == "xyz"
    return Program(app, is_token_pair(await app.request_tokens_with_code(code=back["code"])))


async def make_world_with(program: Program) -> tuple[str, Agent]:
    """The program makes a world; whoever runs the box gives its secret to an agent."""
    made = await program.send("/api/v1/servers", 201, name="Brave New World", gce="true")
    test_app = program.app.test_app
    (world,) = test_app.core.query(active_worlds)
    shown = await test_app.core.execute(rotate_agent_secret, world_id=world.id)
    return f"/api/v1/servers/{made['key']}", Agent(test_app, shown.client.code, shown.secret)


async def test_client_creates_configures_and_starts_a_world(program: Program):
    path, agent = await make_world_with(program)
    assert (await program.send(path, name="Not So Brave New World"))[
        "name"
    ] == "Not So Brave New World"
    assert (await program.get("/api/v1/users/self"))["email"] == EMAIL
    told = await program.send(
        path + "/properties", memory="1G", gamemode=1, motd="Maybe not that brave"
    )
    assert await program.get(path + "/properties") == told
    await program.send(path + "/queue/play", 202)
    assert (await program.get(path))["status"] == "QUEUED_START"
    await agent.pings(
        address="1.2.3.4:56789", server_day=15744, server_time=18000, is_raining="true"
    )
    (server,) = (await program.get("/api/v1/servers"))["servers"]
    assert (server["status"], server["address"], server["server_day"]) == (
        "RUNNING",
        "1.2.3.4:56789",
        15744,
    )
    await program.send(path + "/queue/play", 200)
    await program.send(path + "/queue/pause", 202)
    assert (await program.get(path))["status"] == "QUEUED_STOP"


async def test_client_reads_the_history_of_a_world(program: Program):
    path, agent = await make_world_with(program)
    await agent.logs(
        line("17:00:00", "Starting minecraft server version 1.7.4"),
        logged_in("17:10:00", "gumptionthomas"),
        said("17:11:00", "gumptionthomas", "let's find diamonds"),
        line("17:12:00", "gumptionthomas drowned"),
        line("17:13:00", "gumptionthomas has just earned the achievement [The Lie]"),
        left("17:20:00", "gumptionthomas"),
    )
    assert (await program.get(path))["running_version"] == "1.7.4"
    (player,) = (await program.get(path + "/players"))["players"]
    assert player["last_session_duration"] == 600
    mine = f"{path}/players/{player['username']}"
    for name in ("sessions", "chats", "deaths", "achievements"):
        (row,) = (await program.get(f"{path}/{name}"))[name]
        assert row["player_key"] == player["key"]
        assert await program.get(f"{path}/{name}/{row['key']}") == row
        assert (await program.get(f"{mine}/{name}"))[name] == [row]
        if name != "sessions":
            logged = await program.get(f"{path}/loglines/{row['key']}")
            assert logged["line"] == row["line"] and logged["timestamp"] == row["timestamp"]
    assert (await program.get(path + "/chats?q=diamonds"))["chats"]
    assert not (await program.get(path + "/chats?q=emeralds"))["chats"]
    assert len((await program.get(mine + "/loglines?tag=login"))["loglines"]) == 1
    lines, cursor = [], ""
    while True:
        page = await program.get(f"{path}/loglines?size=4&cursor={cursor}")
        lines += [row["timestamp"][11:19] for row in page["loglines"]]
        if "cursor" not in page:
            break
        cursor = page["cursor"]
    assert lines == sorted(lines, reverse=True) and len(lines) == 6


async def test_chat_of_a_client_reaches_the_world_and_its_log(program: Program):
    path, agent = await make_world_with(program)
    test_app = program.app.test_app
    await agent.logs(logged_in("17:10:00", "ann_plays"))
    await program.send(path + "/chats", 202, chat="hello\nstop")
    await program.send(path + "/players/ann_plays/chats", 403, chat="it is me")
    assert await agent.pings() == [f"/say <{EMAIL}> hello stop"]
    me = await program.get("/api/v1/users/self")
    assert me["usernames"] == []
    account = test_app.core.query(get_account_by_email, email=EMAIL)
    claim = await test_app.core.execute(create_claim, account_id=account.id)
    await agent.logs(said("18:00:01", "ann_plays", claim.code))
    assert (await program.get("/api/v1/users/self"))["usernames"] == ["ann_plays"]
    await program.send(path + "/players/ann_plays/chats", 202, chat="it is me")
    assert await agent.pings() == ["/say <ann_plays> it is me"]
    await agent.logs(line("18:00:02", "[Server] <ann_plays> it is me"))
    newest = (await program.get(path + "/chats?size=1"))["chats"][0]
    assert (newest["username"], newest["chat"], newest["user_key"]) == (
        "ann_plays",
        "it is me",
        me["key"],
    )


async def test_client_adds_and_deletes_screenshots(program: Program):
    path, _ = await make_world_with(program)
    picture = make_image(size=(60, 40))
    answer = await program.request("POST", path + "/screenshots", picture, "image/png")
    assert answer.status == 201
    hung = answer.json
    assert (await program.get(path + "/screenshots"))["screenshots"] == [hung]
    assert (await program.get(path + "/users/self/screenshots"))["screenshots"] == [hung]
    # As a page would, without a token.
    shown = "/" + hung["original_url"].split("/", 3)[3]
    assert (await program.app.test_app.anonymous.get(shown)).status == 200
    assert (await program.request("DELETE", f"{path}/screenshots/{hung['key']}")).status == 204
    assert (await program.get(path + "/screenshots"))["screenshots"] == []


async def test_client_refreshes_tokens_until_its_grant_is_revoked(program: Program, ann: Browser):
    path, _ = await make_world_with(program)
    test_app, first = program.app.test_app, program.pair
    before = await program.get(path)
    test_app.clock.advance(3599)
    assert await program.get(path) == before and not program.renewed
    test_app.clock.advance(2)
    assert await program.get(path) == before and program.renewed == 1
    answer = await program.app.refresh_tokens(first["refresh_token"])
    assert (answer.status, answer.error) == (400, "invalid_grant")
    await test_app.restart()
    assert await program.get(path) == before and program.renewed == 1
    # Ann has second thoughts.
    asks = program.app.asks()
    assert (await ann.get(asks)).status == 302
    denied = query_of(await ann.send(asks, page="/oauth/v1/auth", deny="Deny"))
    assert denied == {"error": "access_denied"}
    answer = await ApiClient(test_app, program.pair["access_token"]).get(path)
    assert answer.status == 401
    answer = await program.app.refresh_tokens(program.pair["refresh_token"])
    assert (answer.status, answer.error) == (400, "invalid_grant")


async def test_deleted_client_has_no_access(program: Program):
    app = program.app
    assert (await app.owner.request("DELETE", app.record)).status == 204
    answer = await ApiClient(app.test_app, program.pair["access_token"]).get("/api/v1/users/self")
    assert answer.status == 401 and answer.json["errors"]
