"""OAuth clients: a client program and the agent of a world."""

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

#: The documented update, without the client secret.
UPDATE = {
    "client_id": "my_example_app",
    "redirect_uris": ["http://example.com/v2/callback"],
    "scope": "data",
    "client_name": "My Example Application v2",
    "client_uri": "http://example.com/v2",
    "logo_uri": "http://example.com/logo_v2.png",
}
#: Members of a token response.
PAIR = {"access_token": str, "token_type": str, "expires_in": int, "refresh_token": str}
#: Status and error of rejected requests.
INVALID_CLIENT = (400, "invalid_client")
INVALID_GRANT = (400, "invalid_grant")
INVALID_REQUEST = (400, "invalid_request")


@dataclass
class ClientApp:
    """A client with the response to its registration."""

    test_app: TestApp
    registration: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.registration["client_id"])

    @property
    def record(self) -> str:
        """The path of the client configuration."""
        return urlsplit(self.registration["registration_client_uri"]).path

    @property
    def owner(self) -> ApiClient:
        """An API client with the registration token."""
        return ApiClient(self.test_app, self.registration["registration_access_token"])

    def consent_path(self, **params: str | None) -> str:
        """Return the path of the consent page; None omits a parameter."""
        query = {
            "client_id": self.id,
            "redirect_uri": HOME,
            "response_type": "code",
            "scope": "data",
            **params,
        }
        return f"{AUTH}?" + urlencode(without_none(query))

    async def code(self, browser: Browser, **params: str | None) -> str:
        """Grant access in a browser and return the authorization code."""
        return query_of(await decide(browser, self.consent_path(**params)))["code"]

    def token_fields(self, grant_type: str, **more: Any) -> dict[str, Any]:
        """Return the members of a token request of this client."""
        return {
            "client_id": self.id,
            "client_secret": self.registration.get("client_secret"),
            "grant_type": grant_type,
            "scope": "data",
            **more,
        }

    async def request_tokens_with_code(self, **changed: Any) -> Answer:
        """Request tokens with a code; None omits a member."""
        fields = self.token_fields("authorization_code", redirect_uri=HOME)
        return await request_tokens(self.test_app, {**fields, **changed})

    async def refresh_tokens(self, token: str, **changed: Any) -> Answer:
        """Request tokens with a refresh token; None omits a member."""
        fields = self.token_fields("refresh_token", refresh_token=token)
        return await request_tokens(self.test_app, {**fields, **changed})

    async def tokens(self, browser: Browser) -> dict[str, Any]:
        """Grant access in a browser and return the tokens."""
        answer = await self.request_tokens_with_code(code=await self.code(browser))
        assert answer.status == 200, answer.raw
        return answer.json  # type: ignore[no-any-return]


def without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


async def request_tokens(test_app: TestApp, fields: dict[str, Any]) -> Answer:
    """Post a token request as a form; None omits a member."""
    body = urlencode(without_none(fields)).encode()
    return await test_app.anonymous.post(TOKEN, body, Content_Type=FORM)


async def make_client_app(test_app: TestApp, **changed: Any) -> ClientApp:
    answer = await test_app.anonymous.post(REGISTER, {**DOCUMENT, **changed})
    assert answer.status == 201, answer.raw
    return ClientApp(test_app, answer.json)


async def make_agent(test_app: TestApp, world: int = 5) -> ClientApp:
    client, secret, _ = await test_app.core.execute(create_agent_client, world_id=world)
    return ClientApp(test_app, {"client_id": client.code, "client_secret": secret})


async def decide(browser: Browser, path: str, **choice: str) -> Answer:
    """Submit the form of the consent page; grants access without a choice."""
    return await browser.send(path, page=AUTH, **(choice or {"grant": "Grant"}))


def query_of(answer: Answer) -> dict[str, str]:
    """Return the query parameters of a redirect."""
    assert answer.status == 302, answer.raw
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query, keep_blank_values=True))


def query_values(answer: Answer) -> dict[str, list[str]]:
    return parse_qs(urlsplit(answer.headers["Location"]).query)


async def is_valid(test_app: TestApp, token: str) -> bool:
    """Return whether an access token is valid."""
    status = (await ApiClient(test_app, token).get("/oauth/v1/test")).status
    assert status in (200, 401)
    return status == 200


def token_pair_of(answer: Answer, lifetime: int = 3600) -> dict[str, Any]:
    """Check that a response has the documented form and return its tokens."""
    tokens: dict[str, Any] = answer.json
    assert answer.status == 200, answer.raw
    assert {name: type(value) for name, value in tokens.items()} == PAIR
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", lifetime)
    for name in ("access_token", "refresh_token"):
        assert len(tokens[name]) == 40 and tokens[name].isalnum() and tokens[name].isascii()
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert answer.headers["Content-Type"].startswith("application/json")
    return tokens


def update_of(app: ClientApp, **changed: Any) -> dict[str, Any]:
    """Return the documented update with changes; `...` omits a member."""
    members = {**UPDATE, "client_secret": app.registration["client_secret"], **changed}
    return {name: value for name, value in members.items() if value is not ...}
