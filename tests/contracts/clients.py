"""Accounts created by the command line, their tokens and browsers, and agents of worlds."""

from dataclasses import dataclass, field
from typing import Any

from tests.contracts.calls import FORM, Answer, Part

PASSWORD = "correct horse"


@dataclass
class Browser:
    """A browser that keeps cookies and sends forms with the CSRF token of a page."""

    part: Part
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> Answer:
        headers = dict(how.pop("headers", {}) or {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.part.ask(method, path, body, headers=headers, **how)
        for name, value in answer.cookies.items():
            if value:
                self.cookies[name] = self.part.know(value, "cookie")
            else:
                self.cookies.pop(name, None)
        return answer

    async def get(self, path: str, **how: Any) -> Answer:
        return await self.ask("GET", path, **how)

    async def seal(self, seen: str) -> str:
        seal = (await self.get(seen, record=False)).seal
        assert seal, seen
        return seal

    async def send(
        self, path: str, seen: str, *, step: str = "", record: bool = True, **fields: str
    ) -> Answer:
        """Send a form of the page `seen`."""
        given = {"csrf_token": await self.seal(seen), **fields}
        return await self.ask(
            "POST",
            path,
            form=given,
            record=record,
            step=step or self.part.normal.text(f"POST {path} {fields}"),
        )

    async def signs_in(self, email: str, record: bool = False) -> None:
        answer = await self.send("/login", "/login", email=email, password=PASSWORD, record=record)
        assert answer.status == 302, answer


async def an_account(part: Part, email: str, *flags: str) -> dict[str, Any]:
    return await part.server.order("account", "add", email, "--password", PASSWORD, *flags)  # type: ignore[no-any-return]


async def a_token(part: Part, email: str) -> str:
    made = await part.server.order("token", "add", email)
    return part.know(made["access_token"], f"{email}'s token")


async def an_agent(part: Part, world: str) -> tuple[str, str]:
    """Pair the agent of a world and return its token and the world's key."""
    code = (await part.server.order("world", "pair", world))["code"]
    paired = await part.well("POST", "/api/v1/agents/pair", {"code": code})
    token = await agent_token(part, paired["client_id"], paired["client_secret"])
    return token, paired["server_key"]


async def agent_token(part: Part, client: str, secret: str) -> str:
    asked = {
        "client_id": client, "client_secret": secret, "grant_type": "authorization_code", "code": secret,
        "redirect_uri": "/", "scope": "agent",
    }  # fmt: skip
    bought = await part.ask("POST", "/oauth/v1/token", form=asked, record=False)
    assert bought.status == 200, bought
    return part.know(bought.json["access_token"], "agent's token")


async def logs(part: Part, token: str, *lines: str, zone: str = "America/Chicago") -> None:
    """Send log lines as an agent, one at a time."""
    for line in lines:
        headers = {"Content-Type": FORM}
        answer = await part.ask(
            "POST",
            "/api/v1/agents/logline",
            form={"line": line, "zone": zone},
            token=token,
            headers=headers,
            record=False,
        )
        assert answer.status in (200, 201), answer
