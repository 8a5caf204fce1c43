"""What a program needs that acts through an OAuth library: registration, a user who consents, and a thread."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.apis.app import TIMEOUT_SECONDS, TestApp
from tests.apis.browser import Browser
from tests.apis.oauth.clients import REGISTER, decide

METADATA_PATH = "/.well-known/oauth-authorization-server"
#: Registered; a program listens on another port of its machine (RFC 8252, 7.3).
REGISTERED_URI, REDIRECT_URI = "http://127.0.0.1/callback", "http://127.0.0.1:53124/callback"
#: `token_endpoint_auth_method` of the registrations.
METHODS = ("client_secret_basic", "client_secret_post", "none")
#: A resource that needs an access token.
RESOURCE_PATH = "/api/v1/users/self"


@dataclass(frozen=True)
class Registration:
    """A registered client, the server's address and its user."""

    origin: str
    metadata: dict[str, Any]
    method: str
    client_id: str
    client_secret: str | None
    #: Opens an authorization URL in the user's browser, grants it and returns the redirect URL.
    grant: Callable[[str], str]
    #: The same, but denies it.
    deny: Callable[[str], str]

    @property
    def resource(self) -> str:
        return self.origin + RESOURCE_PATH


async def open_authorization_url(test_app: TestApp, browser: Browser, url: str, choice: str) -> str:
    """Open an authorization URL in a browser, submit the consent page if there is one, and return the redirect."""
    origin = str(test_app.url("/")).rstrip("/")
    assert url.startswith(origin), url
    path = url.removeprefix(origin)
    answer = await browser.get(path)
    if answer.status == 200:
        answer = await decide(browser, path, **{choice: "1"})
    assert answer.status == 302, answer.raw
    assert urlsplit(answer.headers["Location"]).path == "/callback"
    return answer.headers["Location"]


async def make_registration(test_app: TestApp, browser: Browser, method: str) -> Registration:
    """Register a client with the endpoint that the metadata names."""
    metadata = (await test_app.anonymous.get(METADATA_PATH)).json
    assert metadata["registration_endpoint"].endswith(REGISTER)
    answer = await test_app.anonymous.post(
        REGISTER, {"redirect_uris": [REGISTERED_URI], "token_endpoint_auth_method": method}
    )
    assert answer.status == 201, answer.raw
    loop = asyncio.get_running_loop()

    def open_with(choice: str) -> Callable[[str], str]:
        def open_url(url: str) -> str:
            opening = open_authorization_url(test_app, browser, url, choice)
            return asyncio.run_coroutine_threadsafe(opening, loop).result(TIMEOUT_SECONDS)

        return open_url

    return Registration(
        metadata["issuer"],
        metadata,
        method,
        answer.json["client_id"],
        answer.json.get("client_secret"),
        open_with("grant"),
        open_with("deny"),
    )
