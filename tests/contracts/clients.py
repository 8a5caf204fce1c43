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

    async def request(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Answer:
        headers = dict(kwargs.pop("headers", {}) or {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.part.request(method, path, body, headers=headers, **kwargs)
        for name, value in answer.cookies.items():
            if value:
                self.cookies[name] = self.part.add(value, "cookie")
            else:
                self.cookies.pop(name, None)
        return answer

    async def get(self, path: str, **kwargs: Any) -> Answer:
        return await self.request("GET", path, **kwargs)

    async def csrf_token(self, page_path: str) -> str:
        csrf_token = (await self.get(page_path, record=False)).csrf_token
        assert csrf_token, page_path
        return csrf_token

    async def send(
        self, path: str, page_path: str, *, step: str = "", record: bool = True, **fields: str
    ) -> Answer:
        """Send a form of the page `seen`."""
        form = {"csrf_token": await self.csrf_token(page_path), **fields}
        return await self.request(
            "POST",
            path,
            form=form,
            record=record,
            step=step or self.part.placeholders.text(f"POST {path} {fields}"),
        )

    async def sign_in(self, email: str, record: bool = False) -> None:
        answer = await self.send("/login", "/login", email=email, password=PASSWORD, record=record)
        assert answer.status == 302, answer


async def create_account(part: Part, email: str, *flags: str) -> dict[str, Any]:
    return await part.server.run_command("account", "add", email, "--password", PASSWORD, *flags)  # type: ignore[no-any-return]


async def create_token(part: Part, email: str) -> str:
    created = await part.server.run_command("token", "add", email)
    return part.add(created["access_token"], f"{email}'s token")


async def pair_agent(part: Part, world: str) -> tuple[str, str]:
    """Pair the agent of a world and return its token and the world's key."""
    code = (await part.server.run_command("world", "pair", world))["code"]
    paired = await part.fetch_json("POST", "/api/v1/agents/pair", {"code": code})
    token = await agent_token(part, paired["client_id"], paired["client_secret"])
    return token, paired["server_key"]


async def agent_token(part: Part, client: str, secret: str) -> str:
    form = {
        "client_id": client, "client_secret": secret, "grant_type": "authorization_code", "code": secret,
        "redirect_uri": "/", "scope": "agent",
    }  # fmt: skip
    issued = await part.request("POST", "/oauth/v1/token", form=form, record=False)
    assert issued.status == 200, issued
    return part.add(issued.json["access_token"], "agent's token")


async def logs(part: Part, token: str, *lines: str, zone: str = "America/Chicago") -> None:
    """Send log lines as an agent, one at a time."""
    for line in lines:
        headers = {"Content-Type": FORM}
        answer = await part.request(
            "POST",
            "/api/v1/agents/logline",
            form={"line": line, "zone": zone},
            token=token,
            headers=headers,
            record=False,
        )
        assert answer.status in (200, 201), answer
