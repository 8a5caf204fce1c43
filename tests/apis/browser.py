"""People with a browser: it keeps cookies, reads forms and sends them."""

import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from coalserver.core.commands.account_admin import add_account, change_account
from coalserver.core.queries.accounts import account_called
from tests.apis.app import WEAK, Answer, Asker, House

FORM = "application/x-www-form-urlencoded"
PASSWORD = "correct horse"


@dataclass
class Surfer:
    """One browser. Redirects are seen, not followed."""

    house: House
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Answer:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await Asker(self.house).ask(method, path, body, **headers)
        for line in answer.headers.getall("Set-Cookie", ()):
            for name, cookie in SimpleCookie(line).items():
                self.cookies[name] = cookie.value
                if cookie["max-age"] == "0" or not cookie.value:
                    del self.cookies[name]
        return answer

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def send(self, path: str, /, seen: str = "/login", **fields: str) -> Answer:
        """Send a form as the page `seen` showed it."""
        fields = {"csrf_token": await self.seal(seen), **fields}
        return await self.post(path, **fields)

    async def post(self, path: str, /, **fields: str) -> Answer:
        """Send exactly these fields."""
        body = urlencode(fields).encode()
        return await self.ask("POST", path, body, Content_Type=FORM)

    async def seal(self, path: str = "/login") -> str:
        """What the forms of a page come back with."""
        page = await self.get(path)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.raw.decode())
        assert found, page.raw
        return found[1]

    async def signs_in(self, email: str = "ann@example.org", password: str = PASSWORD) -> Answer:
        return await self.send("/login", email=email, password=password)


async def an_account(
    house: House, email: str = "ann@example.org", *, active: bool = True, admin: bool = False
) -> int:
    """An account with the password everybody has here."""
    made = await house.core.do(
        add_account, email=email, password=WEAK.hash(PASSWORD), active=active, admin=admin
    )
    return made.id


async def signed_in(house: House, email: str = "ann@example.org") -> Surfer:
    """A browser in which an active account is signed in."""
    await an_account(house, email)
    surfer = Surfer(house)
    answer = await surfer.signs_in(email)
    assert answer.status == 302, answer.raw
    return surfer


async def put_on_hold(house: House, email: str = "ann@example.org") -> None:
    """An account has to wait again."""
    found = house.core.see(account_called, email=email)
    await house.core.do(change_account, account=found.id, active=False)
