"""A Minecraft world for browser tests, whose agent is simulated, and a member."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from playwright.async_api import expect

from tests.browser.servers import Server
from tests.browser.visitors import Visitor

EMAIL, PASSWORD = "ann@example.org", "correct horse"
AGENTS = "/api/v1/agents"
CHATS = "/servers/mill/chats"
#: Opens a page as Ann; see the fixture `member`.
OpenAsMember = Callable[..., Awaitable[Visitor]]
#: Lines that an agent sends in one request.
MAX_LINES = 1000


class MinecraftWorld:
    """The world `mill` with a simulated agent, and the account of the member Ann."""

    def __init__(self, client: aiohttp.ClientSession, server: Server) -> None:
        self._client, self._server = client, server
        self._headers: dict[str, str] = {}
        self._sent = 0

    async def start(self) -> None:
        """Create the account and the world, and send the first ping."""
        self._server.run_command(
            "account", "add", EMAIL, "--password", PASSWORD, "--nickname", "Ann", "--active"
        )
        self._server.run_command("world", "add", "The Mill", "--short-name", "mill")
        agent = self._server.run_json_command("world", "agent", "mill")
        secret = agent["client_secret"]
        form = {
            "grant_type": "authorization_code", "client_id": agent["client_id"], "client_secret": secret,
            "code": secret, "redirect_uri": "/", "scope": "agent",
        }  # fmt: skip
        async with self._client.post("/oauth/v1/token", data=form) as response:
            self._headers = {"Authorization": f"Bearer {(await response.json())['access_token']}"}
        await self.send_ping()

    async def send_ping(self, running: bool = True) -> list[str]:
        """Send a ping of the agent. Return the console commands in the response."""
        body = {"server_name": "here", "is_server_running": str(running).lower()}
        response = await self._post("ping", body)
        return [command["command"] for command in response["commands"]]

    async def send_lines(self, *texts: str, at: float | None = None) -> None:
        """Send log lines, one per second: the first one at `at`, or the last one now."""
        begin = time.time() - len(texts) + 1 if at is None else at
        lines = []
        for number, text in enumerate(texts):
            self._sent += 1
            date = time.gmtime(begin + number)
            line = f"{time.strftime('%Y-%m-%d %H:%M:%S', date)} [INFO] {text}"
            day = time.strftime("%Y-%m-%d", date)
            lines.append({"sequence": self._sent, "line": line, "date": day})
        for start in range(0, len(lines), MAX_LINES):
            chunk = lines[start : start + MAX_LINES]
            await self._post("loglines", {"source": "latest.log", "zone": "UTC", "lines": chunk})

    async def _post(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._client.post(
            f"{AGENTS}/{name}", json=body, headers=self._headers
        ) as response:
            return await response.json()  # type: ignore[no-any-return]


def login(name: str) -> str:
    return f"{name}[/192.0.2.7:5] logged in with entity id 1 at (1.5, 64.0, -2.25)"


async def sign_in(visitor: Visitor, path: str, email: str = EMAIL) -> None:
    """Fill in the login page and wait for the redirect to the path."""
    await expect(visitor.page.get_by_label("Password")).to_be_visible()
    await visitor.page.get_by_label("E-mail").fill(email)
    await visitor.page.get_by_label("Password").fill(PASSWORD)
    await visitor.page.get_by_label("Password").press("Enter")
    await visitor.page.wait_for_url(f"**{path}")
