"""A client program written from COAL's document, with its user and a world with an agent."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from coalserver.core.commands.agents import rotate_agent_secret
from coalserver.core.commands.claims import create_claim
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.core.queries.worlds import active_worlds
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.app import Answer, ApiClient, TestApp
from tests.apis.browser import FORM, Browser, make_account
from tests.apis.coal.log_lines import AT, chat_line, log_line, login_line, logout_line
from tests.apis.hosting import Stage, make_startable, set_stage
from tests.apis.oauth.clients import (
    ClientApp,
    make_client_app,
    query_of,
    request_tokens,
    token_pair_of,
)
from tests.media.test_images import make_image

EMAIL = "ann@example.org"


class Program:
    """A client program with a grant that refreshes its tokens on a 401."""

    def __init__(self, app: ClientApp, pair: dict[str, Any]) -> None:
        self.app, self.pair = app, pair
        self.refreshes = 0

    async def request(
        self, method: str, path: str, body: bytes | None = None, media: str = FORM
    ) -> Answer:
        answer = await self._send(method, path, body, media)
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            self.pair = token_pair_of(await self.app.refresh_tokens(self.pair["refresh_token"]))
            self.refreshes += 1
            answer = await self._send(method, path, body, media)
        return answer

    async def _send(self, method: str, path: str, body: bytes | None, media: str) -> Answer:
        client = ApiClient(self.app.test_app, self.pair["access_token"])
        return await client.request(method, path, body, Content_Type=media)

    async def get(self, path: str) -> Any:
        answer = await self.request("GET", path)
        assert answer.status == 200, answer.raw
        return answer.json

    async def send(self, path: str, /, status: int = 200, **fields: Any) -> Any:
        answer = await self.request("POST", path, urlencode(fields).encode())
        assert answer.status == status, answer.raw
        return answer.json if answer.raw else None


class Agent:
    """An agent that gets its tokens with its secret."""

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

    async def ping(self, **fields: Any) -> list[str]:
        """Report that the world runs and return the console commands received."""
        answer = await self.send(
            "ping", server_name="coal.example.org", is_server_running="true", **fields
        )
        assert answer.status == 200, answer.raw
        return [row["command"] for row in answer.json["commands"]]

    async def send_lines(self, *lines: str) -> None:
        for line in lines:
            assert (await self.send("logline", line=line, zone="America/Chicago")).status == 201


@pytest.fixture
async def test_app(persistent_test_app: TestApp) -> AsyncIterator[TestApp]:
    # 18:00 in Chicago.
    persistent_test_app.clock.now = AT - 6 * 3600
    yield persistent_test_app


@pytest.fixture
async def ann(test_app: TestApp) -> Browser:
    """The browser of an admin."""
    browser = Browser(test_app)
    await make_account(test_app, EMAIL, admin=True)
    assert (await browser.sign_in(EMAIL)).status == 302
    return browser


@pytest.fixture
async def program(test_app: TestApp, ann: Browser) -> Program:
    """A registered client program to which Ann has granted access."""
    app = await make_client_app(test_app)
    consent_path = app.consent_path(state="xyz")
    page = await ann.get(consent_path)
    assert page.status == 200 and b"My Example Application" in page.raw
    back = query_of(await ann.send(consent_path, page=consent_path, grant="Grant"))
    assert back["state"] == "xyz"
    return Program(app, token_pair_of(await app.request_tokens_with_code(code=back["code"])))


async def make_world_with(program: Program) -> tuple[str, Agent]:
    """Create a world by the API and an agent with its secret. Return the world's path and the agent."""
    created = await program.send("/api/v1/servers", 201, name="Brave New World", gce="false")
    test_app = program.app.test_app
    (world,) = test_app.core.query(active_worlds)
    shown = await test_app.core.execute(rotate_agent_secret, world_id=world.id)
    return f"/api/v1/servers/{created['key']}", Agent(test_app, shown.client.code, shown.secret)


async def test_client_creates_configures_and_starts_a_world(program: Program):
    created = await program.send("/api/v1/servers", 201, name="Brave New World", gce="true")
    path = f"/api/v1/servers/{created['key']}"
    renamed = await program.send(path, name="Not So Brave New World")
    assert renamed["name"] == "Not So Brave New World"
    assert (await program.get("/api/v1/users/self"))["email"] == EMAIL
    changed = await program.send(
        path + "/properties", memory="1G", gamemode=1, motd="Maybe not that brave"
    )
    assert await program.get(path + "/properties") == changed
    core = program.app.test_app.core
    (world,) = core.query(active_worlds)
    await make_startable(core, world.id)
    await program.send(path + "/queue/play", 202)
    assert (await program.get(path))["status"] == "QUEUED_START"
    await program.send(path + "/queue/play", 200)
    await core.execute(set_stage, world_id=world.id, stage=Stage(WorldStatus.RUNNING))
    (server,) = (await program.get("/api/v1/servers"))["servers"]
    assert (server["status"], server["gce"]) == ("RUNNING", True)
    await program.send(path + "/queue/pause", 202)
    assert (await program.get(path))["status"] == "QUEUED_STOP"


async def test_agent_reports_the_state_of_a_connected_world(program: Program):
    path, agent = await make_world_with(program)
    await agent.ping(
        address="1.2.3.4:56789", server_day=15744, server_time=18000, is_raining="true"
    )
    server = await program.get(path)
    assert (server["status"], server["address"], server["server_day"]) == (
        "RUNNING",
        "1.2.3.4:56789",
        15744,
    )


async def test_client_reads_the_history_of_a_world(program: Program):
    path, agent = await make_world_with(program)
    await agent.send_lines(
        log_line("17:00:00", "Starting minecraft server version 1.7.4"),
        login_line("17:10:00", "gumptionthomas"),
        chat_line("17:11:00", "gumptionthomas", "let's find diamonds"),
        log_line("17:12:00", "gumptionthomas drowned"),
        log_line("17:13:00", "gumptionthomas has just earned the achievement [The Lie]"),
        logout_line("17:20:00", "gumptionthomas"),
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
    await agent.send_lines(login_line("17:10:00", "ann_plays"))
    await program.send(path + "/chats", 202, chat="hello\nstop")
    await program.send(path + "/players/ann_plays/chats", 403, chat="it is me")
    assert await agent.ping() == [f"/say <{EMAIL}> hello stop"]
    me = await program.get("/api/v1/users/self")
    assert me["usernames"] == []
    account = test_app.core.query(get_account_by_email, email=EMAIL)
    claim = await test_app.core.execute(create_claim, account_id=account.id)
    await agent.send_lines(chat_line("18:00:01", "ann_plays", claim.code))
    assert (await program.get("/api/v1/users/self"))["usernames"] == ["ann_plays"]
    await program.send(path + "/players/ann_plays/chats", 202, chat="it is me")
    assert await agent.ping() == ["/say <ann_plays> it is me"]
    await agent.send_lines(log_line("18:00:02", "[Server] <ann_plays> it is me"))
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
    screenshot = answer.json
    assert (await program.get(path + "/screenshots"))["screenshots"] == [screenshot]
    assert (await program.get(path + "/users/self/screenshots"))["screenshots"] == [screenshot]
    # Without a token, as an `img` element requests it.
    shown = "/" + screenshot["original_url"].split("/", 3)[3]
    assert (await program.app.test_app.anonymous.get(shown)).status == 200
    assert (
        await program.request("DELETE", f"{path}/screenshots/{screenshot['key']}")
    ).status == 204
    assert (await program.get(path + "/screenshots"))["screenshots"] == []


async def test_client_refreshes_tokens_until_its_grant_is_revoked(program: Program, ann: Browser):
    path, _ = await make_world_with(program)
    test_app, first = program.app.test_app, program.pair
    before = await program.get(path)
    test_app.clock.advance(3599)
    assert await program.get(path) == before and not program.refreshes
    test_app.clock.advance(2)
    assert await program.get(path) == before and program.refreshes == 1
    answer = await program.app.refresh_tokens(first["refresh_token"])
    assert (answer.status, answer.error) == (400, "invalid_grant")
    await test_app.restart()
    assert await program.get(path) == before and program.refreshes == 1
    # Ann revokes the grant.
    consent_path = program.app.consent_path()
    assert (await ann.get(consent_path)).status == 302
    denied = query_of(await ann.send(consent_path, page="/oauth/v1/auth", deny="Deny"))
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
