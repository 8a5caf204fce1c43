"""A browser for tests: keeps cookies, reads forms and submits them."""

import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from coalserver.core.commands.accounts import create_account, update_account
from coalserver.core.queries.accounts import get_account_by_email
from tests.apis.app import FAST_HASHER, Answer, ApiClient, TestApp

FORM = "application/x-www-form-urlencoded"
PASSWORD = "correct horse"


@dataclass
class Browser:
    """A browser that does not follow redirects."""

    test_app: TestApp
    cookies: dict[str, str] = field(default_factory=dict)

    async def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Answer:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await ApiClient(self.test_app).request(method, path, body, **headers)
        for line in answer.headers.getall("Set-Cookie", ()):
            for name, cookie in SimpleCookie(line).items():
                self.cookies[name] = cookie.value
                if cookie["max-age"] == "0" or not cookie.value:
                    del self.cookies[name]
        return answer

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.request("GET", path, **headers)

    async def send(self, path: str, /, page: str = "/login", **fields: str) -> Answer:
        """Submit a form with the CSRF token of a page."""
        fields = {"csrf_token": await self.csrf_token(page), **fields}
        return await self.post(path, **fields)

    async def post(self, path: str, /, **fields: str) -> Answer:
        """Submit exactly these fields."""
        body = urlencode(fields).encode()
        return await self.request("POST", path, body, Content_Type=FORM)

    async def csrf_token(self, path: str = "/login") -> str:
        """Return the CSRF token of a page's forms."""
        page = await self.get(path)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.raw.decode())
        assert found, page.raw
        return found[1]

    async def sign_in(self, email: str = "ann@example.org", password: str = PASSWORD) -> Answer:
        return await self.send("/login", email=email, password=password)


async def make_account(
    test_app: TestApp, email: str = "ann@example.org", *, active: bool = True, admin: bool = False
) -> int:
    """Create an account with PASSWORD and return its id."""
    account = await test_app.core.execute(
        create_account, email=email, password=FAST_HASHER.hash(PASSWORD), active=active, admin=admin
    )
    return account.id


async def make_signed_in_browser(test_app: TestApp, email: str = "ann@example.org") -> Browser:
    """Return a browser in which an active account is logged in."""
    await make_account(test_app, email)
    browser = Browser(test_app)
    answer = await browser.sign_in(email)
    assert answer.status == 302, answer.raw
    return browser


async def deactivate_account(test_app: TestApp, email: str = "ann@example.org") -> None:
    """Deactivate an account."""
    found = test_app.core.query(get_account_by_email, email=email)
    await test_app.core.execute(update_account, account_id=found.id, active=False)
