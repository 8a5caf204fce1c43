"""A client program, and the agent of a world."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from coalserver.core.commands.oauth import create_agent_client
from tests.apis.app import Answer, ApiClient, TestApp
from tests.apis.browser import FORM, Browser

HOME = "http://example.com/callback"
REGISTER, AUTH, TOKEN = "/oauth/v1/register", "/oauth/v1/auth", "/oauth/v1/token"
DOCUMENT = {
    "redirect_uris": [HOME],
    "client_id": "my_example_app",
    "client_name": "My Example Application",
    "client_uri": "http://example.com",
    "logo_uri": "http://example.com/logo.png",
    "scope": "data",
}

#: What the document's PUT sends, with a secret that is put in.
UPDATE = {
    "client_id": "my_example_app",
    "redirect_uris": ["http://example.com/v2/callback"],
    "scope": "data",
    "client_name": "My Example Application v2",
    "client_uri": "http://example.com/v2",
    "logo_uri": "http://example.com/logo_v2.png",
}
#: What the answer to a purchase holds.
PAIR = {"access_token": str, "token_type": str, "expires_in": int, "refresh_token": str}


@dataclass
class App:
    """A client program: what it was told when it registered."""

    test_app: TestApp
    told: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.told["client_id"])

    @property
    def record(self) -> str:
        """The path of its configuration."""
        return urlsplit(self.told["registration_client_uri"]).path

    @property
    def owner(self) -> ApiClient:
        """One who has its registration token."""
        return ApiClient(self.test_app, self.told["registration_access_token"])

    def asks(self, **params: str | None) -> str:
        """Where it sends a browser."""
        asked = {
            "client_id": self.id,
            "redirect_uri": HOME,
            "response_type": "code",
            "scope": "data",
            **params,
        }
        return f"{AUTH}?" + urlencode(
            {name: text for name, text in asked.items() if text is not None}
        )

    async def code(self, browser: Browser, **params: str | None) -> str:
        """What it gets when somebody grants."""
        asks = self.asks(**params)
        answer = await browser.send(asks, page="/oauth/v1/auth", grant="Grant")
        return query_of(answer)["code"]

    async def request_tokens_with_code(self, **changed: Any) -> Answer:
        """A request for tokens with a code; None leaves a member out."""
        said = {
            "client_id": self.id,
            "client_secret": self.told["client_secret"],
            "grant_type": "authorization_code",
            "redirect_uri": HOME,
            "scope": "data",
        }
        return await request_tokens(self.test_app, {**said, **changed})

    async def refresh_tokens(self, token: str, **changed: Any) -> Answer:
        said = {
            "client_id": self.id,
            "client_secret": self.told["client_secret"],
            "grant_type": "refresh_token",
            "refresh_token": token,
            "scope": "data",
        }
        return await request_tokens(self.test_app, {**said, **changed})

    async def tokens(self, browser: Browser) -> dict[str, Any]:
        answer = await self.request_tokens_with_code(code=await self.code(browser))
        assert answer.status == 200, answer.raw
        said: dict[str, Any] = answer.json
        return said


async def request_tokens(test_app: TestApp, said: dict[str, Any]) -> Answer:
    fields = {name: text for name, text in said.items() if text is not None}
    return await test_app.anonymous.post(TOKEN, urlencode(fields).encode(), Content_Type=FORM)


async def make_app(test_app: TestApp, **changed: Any) -> App:
    answer = await test_app.anonymous.post(REGISTER, {**DOCUMENT, **changed})
    assert answer.status == 201, answer.raw
    return App(test_app, answer.json)


async def make_agent(test_app: TestApp, world: int = 5) -> App:
    client, secret, _ = await test_app.core.execute(create_agent_client, world_id=world)
    return App(test_app, {"client_id": client.code, "client_secret": secret})


def query_of(answer: Answer) -> dict[str, str]:
    """What a redirect carries."""
    assert answer.status == 302, answer.raw
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query, keep_blank_values=True))


def query_values(answer: Answer) -> dict[str, list[str]]:
    return parse_qs(urlsplit(answer.headers["Location"]).query)


async def good(test_app: TestApp, token: str) -> bool:
    """Whether an access token proves something."""
    status = (await ApiClient(test_app, token).get("/oauth/v1/test")).status
    assert status in (200, 401)
    return status == 200


def is_token_pair(answer: Answer, lasts: int = 3600) -> dict[str, Any]:
    """The tokens in an answer that is as the document has it."""
    said: dict[str, Any] = answer.json
    assert answer.status == 200, answer.raw
    assert {name: type(value) for name, value in said.items()} == PAIR
    assert (said["token_type"], said["expires_in"]) == ("Bearer", lasts)
    for name in ("access_token", "refresh_token"):
        assert len(said[name]) == 40 and said[name].isalnum() and said[name].isascii()
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert answer.headers["Content-Type"].startswith("application/json")
    return said


def update(app: App, **changed: Any) -> dict[str, Any]:
    """What the document's PUT sends, changed; `...` leaves a member out."""
    said = {**UPDATE, "client_secret": app.told["client_secret"], **changed}
    return {name: value for name, value in said.items() if value is not ...}
