"""A model of the original agent of 2014: one POST per line, authentication with its secret, regular pings."""

import re
from dataclasses import dataclass, field
from typing import Any

from coalserver.core.commands.agents import rotate_agent_secret
from tests.apis.app import Answer, TestApp
from tests.apis.coal.clients import User, WorldFixture

API = "/api/v1/agents"
PING_SECONDS = 5
#: Seconds until the agent repeats a rejected line.
RETRY_SECONDS = 10
#: Lines that the agent does not send.
MOVED_WRONGLY = re.compile(r"\S+ \S+ \[WARN\w*\] .* moved wrongly!")
OVERLOADED = re.compile(
    r"\S+ \S+ \[WARN\w*\] Can't keep up! .*Running (\d+)ms behind, skipping (\d+) tick"
)


@dataclass
class OriginalAgent:
    """An agent that reads `log`, which may grow; `fifo` has the bytes that it wrote to the console."""

    test_app: TestApp
    client_id: str
    secret: str
    log: list[bytes]
    zone: str = "America/Chicago"
    running: bool = True
    fifo: list[bytes] = field(default_factory=list)
    #: The status of each sent line, and the numbers of pings and token requests.
    sent: list[int] = field(default_factory=list)
    pings: int = 0
    bootstraps: int = 0
    refreshes: int = 0
    access: str = ""
    refresh: str = ""
    position: int = 0
    _pinged: float = 0.0
    _overloads: list[tuple[int, int]] = field(default_factory=list)

    async def start(self, *, history: bool = False, everything: bool = False) -> None:
        """Request the last line and choose the position in the log to start from."""
        answer = await self._call("GET", "/lastline")
        assert answer.status == 200, answer.raw
        last, end = answer.json["lastline"], len(self.log)
        if not history:
            self.position = end
        elif everything or last is None:
            self.position = 0
        else:
            texts = [self._text(line) for line in self.log]
            self.position = texts.index(last) + 1 if last in texts else end

    async def follow(self) -> None:
        """Send the rest of the log with pings in between, then ping once more if that is due."""
        while self.position < len(self.log):
            text = self._text(self.log[self.position])
            overload = OVERLOADED.match(text)
            if overload:
                self._overloads.append((int(overload[1]), int(overload[2])))
            elif not MOVED_WRONGLY.match(text):
                await self._post(text)
            self.position += 1
            await self._ping_if_due()
        self.test_app.clock.advance(1)
        await self._ping_if_due()

    async def stop(self) -> None:
        """Send the last ping."""
        await self._ping()

    @staticmethod
    def _text(line: bytes) -> str:
        return line.decode("iso-8859-2").strip()

    async def _post(self, text: str) -> None:
        """Send a line until it is accepted. The original retries forever; here a test fails after 50 tries."""
        for _ in range(50):
            answer = await self._call("POST", "/logline", line=text, zone=self.zone)
            if answer.status in (200, 201):
                self.sent.append(answer.status)
                return
            self.test_app.clock.advance(RETRY_SECONDS)
        raise AssertionError(f"blocked by {text!r}: {answer.status} {answer.raw!r}")

    async def _ping_if_due(self) -> None:
        if self.test_app.clock() - self._pinged > PING_SECONDS:
            await self._ping()

    async def _ping(self) -> None:
        self._pinged = self.test_app.clock()
        answer = await self._call(
            "POST", "/ping", server_name="coal.example.org", is_server_running=self.running,
            server_day=12, server_time=6000, is_raining=False, is_thundering=False,
            num_overloads=len(self._overloads), ms_behind=sum(ms for ms, _ in self._overloads),
            skipped_ticks=sum(ticks for _, ticks in self._overloads), address="203.0.113.5",
            timestamp="2023-11-14 22:13:20",
        )  # fmt: skip
        assert answer.status == 200, answer.raw
        self.pings += 1
        for command in answer.json["commands"]:
            self.fifo.append(command["command"].encode("iso-8859-2", "ignore") + b"\n")

    async def _call(self, method: str, path: str, **fields: Any) -> Answer:
        """Send a request. If the token is missing or invalid, repeat it once with a new token."""
        answer = await self._request(method, path, fields)
        if answer.status == 401:
            await self._replace_token()
            answer = await self._request(method, path, fields)
        return answer

    async def _request(self, method: str, path: str, fields: dict[str, Any]) -> Answer:
        user = User(self.test_app, self.access)
        return await (user.send(API + path, **fields) if method == "POST" else user.get(API + path))

    async def _replace_token(self) -> None:
        """Get tokens with the refresh token, or with the secret if there is none. A failed refresh discards it."""
        if self.refresh:
            answer = await self._request_tokens(
                grant_type="refresh_token", refresh_token=self.refresh
            )
            self.refreshes += answer.status == 200
        else:
            code_params = {"code": self.secret, "redirect_uri": "/"}
            answer = await self._request_tokens(grant_type="authorization_code", **code_params)
            self.bootstraps += answer.status == 200
        tokens = answer.json if answer.status == 200 else {}
        self.access, self.refresh = tokens.get("access_token", ""), tokens.get("refresh_token", "")

    async def _request_tokens(self, **fields: str) -> Answer:
        credentials = {"client_id": self.client_id, "client_secret": self.secret, "scope": "agent"}
        return await User(self.test_app).send("/oauth/v1/token", **credentials, **fields)


async def make_original_agent(world: WorldFixture, log: list[bytes]) -> OriginalAgent:
    """Create the agent of a world with credentials of its own."""
    shown = await world.test_app.core.execute(rotate_agent_secret, world_id=world.id)
    return OriginalAgent(world.test_app, shown.client.code, shown.secret, log)
