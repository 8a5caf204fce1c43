"""The agent of 2014 as those who run it know it: one POST a line, a bootstrap with its secret, a ping now and then."""

import re
from dataclasses import dataclass, field
from typing import Any

from coalserver.core.commands.agents import rotate_agent_secret
from tests.apis.app import Answer, TestApp
from tests.apis.coal.clients import User, WorldFixture

API = "/api/v1/agents"
PING_SECONDS = 5
#: Seconds it waits before it sends a line again that was not taken.
RETRY_SECONDS = 10
#: Lines it keeps to itself.
MOVED = re.compile(r"\S+ \S+ \[WARN\w*\] .* moved wrongly!")
LATE = re.compile(
    r"\S+ \S+ \[WARN\w*\] Can't keep up! .*Running (\d+)ms behind, skipping (\d+) tick"
)


@dataclass
class OriginalAgent:
    """It reads `log`, which grows as a file does; `fifo` is what it has written to the console."""

    test_app: TestApp
    client_id: str
    secret: str
    log: list[bytes]
    zone: str = "America/Chicago"
    running: bool = True
    fifo: list[bytes] = field(default_factory=list)
    #: The status of every line it has sent, and how often it has pinged and fetched a token.
    sent: list[int] = field(default_factory=list)
    pings: int = 0
    bootstraps: int = 0
    renewals: int = 0
    access: str = ""
    refresh: str = ""
    place: int = 0
    _pinged: float = 0.0
    _late: list[tuple[int, int]] = field(default_factory=list)

    async def start(self, *, history: bool = False, everything: bool = False) -> None:
        """Ask for the last line, and go where in the log to begin."""
        answer = await self._call("GET", "/lastline")
        assert answer.status == 200, answer.raw
        last, end = answer.json["lastline"], len(self.log)
        if not history:
            self.place = end
        elif everything or last is None:
            self.place = 0
        else:
            texts = [self._text(line) for line in self.log]
            self.place = texts.index(last) + 1 if last in texts else end

    async def follow(self) -> None:
        """Send what stands in the log from where it is, and ping in between; then once while nothing comes."""
        while self.place < len(self.log):
            text = self._text(self.log[self.place])
            late = LATE.match(text)
            if late:
                self._late.append((int(late[1]), int(late[2])))
            elif not MOVED.match(text):
                await self._post(text)
            self.place += 1
            await self._ping_if_due()
        self.test_app.clock.advance(1)
        await self._ping_if_due()

    async def stop(self) -> None:
        """The last ping."""
        await self._ping()

    @staticmethod
    def _text(line: bytes) -> str:
        return line.decode("iso-8859-2").strip()

    async def _post(self, text: str) -> None:
        """For ever, if need be; here not quite, or a test would not end."""
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
            num_overloads=len(self._late), ms_behind=sum(ms for ms, _ in self._late),
            skipped_ticks=sum(ticks for _, ticks in self._late), address="203.0.113.5",
            timestamp="2023-11-14 22:13:20",
        )  # fmt: skip
        assert answer.status == 200, answer.raw
        self.pings += 1
        for one in answer.json["commands"]:
            self.fifo.append(one["command"].encode("iso-8859-2", "ignore") + b"\n")

    async def _call(self, method: str, path: str, **fields: Any) -> Answer:
        """As it is; without a token, or with one that is good no more, once again with another."""
        answer = await self._asked(method, path, fields)
        if answer.status == 401:
            await self._renew()
            answer = await self._asked(method, path, fields)
        return answer

    async def _asked(self, method: str, path: str, fields: dict[str, Any]) -> Answer:
        one = User(self.test_app, self.access)
        return await (one.send(API + path, **fields) if method == "POST" else one.get(API + path))

    async def _renew(self) -> None:
        """With the refresh token; without one, or where that fails, with the secret, now or at the next 401."""
        if self.refresh:
            answer = await self._bought(grant_type="refresh_token", refresh_token=self.refresh)
            self.renewals += answer.status == 200
        else:
            asked = {"code": self.secret, "redirect_uri": "/"}
            answer = await self._bought(grant_type="authorization_code", **asked)
            self.bootstraps += answer.status == 200
        said = answer.json if answer.status == 200 else {}
        self.access, self.refresh = said.get("access_token", ""), said.get("refresh_token", "")

    async def _bought(self, **fields: str) -> Answer:
        own = {"client_id": self.client_id, "client_secret": self.secret, "scope": "agent"}
        return await User(self.test_app).send("/oauth/v1/token", **own, **fields)


async def make_original(place: WorldFixture, log: list[bytes]) -> OriginalAgent:
    """The agent of a world, with credentials of its own."""
    shown = await place.test_app.core.execute(rotate_agent_secret, world_id=place.id)
    return OriginalAgent(place.test_app, shown.client.code, shown.secret, log)
