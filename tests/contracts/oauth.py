"""OAuth 2: clients, consent, tokens and their errors."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.contracts.calls import Part
from tests.contracts.clients import Browser, an_account

HOME = "http://example.com/callback"
AUTH, TOKEN, REGISTER = "/oauth/v1/auth", "/oauth/v1/token", "/oauth/v1/register"
DOCUMENT = {
    "redirect_uris": [HOME], "client_id": "my_example_app", "client_name": "My Example Application",
    "client_uri": "http://example.com", "logo_uri": "http://example.com/logo.png", "scope": "data",
}  # fmt: skip
UPDATE = {
    "client_id": "my_example_app", "redirect_uris": ["http://example.com/v2/callback"], "scope": "data",
    "client_name": "My Example Application v2", "client_uri": "http://example.com/v2",
    "logo_uri": "http://example.com/logo_v2.png",
}  # fmt: skip


async def clients(part: Part) -> dict[str, Any]:
    made = await part.ask("POST", REGISTER, DOCUMENT)
    app: dict[str, Any] = made.json
    part.know(app["client_secret"], "client secret")
    part.know(app["registration_access_token"], "registration token")
    for body in (
        DOCUMENT, {"redirect_uris": [HOME]}, {"redirect_uris": [HOME], "client_id": "My App"}, {}, [],
        {"redirect_uris": []}, {"redirect_uris": HOME},
        {"redirect_uris": ["javascript:alert(1)"]}, {"redirect_uris": ["/relative"]},
        {"redirect_uris": ["http://a.example/#f"]},
        {"redirect_uris": [HOME], "client_id": 1}, {"redirect_uris": [HOME], "client_name": "x" * 201},
        {"redirect_uris": [HOME], "scope": "agent"},
    ):  # fmt: skip
        await part.ask("POST", REGISTER, body)
    for raw in (b"{", b"", b'{"redirect_uris": null}'):
        await part.ask("POST", REGISTER, raw, headers={"Content-Type": "text/plain"})
    record = urlsplit(app["registration_client_uri"]).path
    owner = app["registration_access_token"]
    for token in ("", "made-up", owner):
        await part.ask(
            "GET",
            record,
            token=token,
            step=f"GET its configuration with {part.normal.text(token) or 'no token'}",
        )
    await part.ask("GET", "/oauth/v1/clients/nothing", token=owner)
    for body in (UPDATE, {**UPDATE, "client_secret": app["client_secret"]}, {**UPDATE, "client_secret": "wrong"},
        {**UPDATE, "client_id": "other"},
                 {**UPDATE, "redirect_uris": []}, {}, {**DOCUMENT, "client_secret": app["client_secret"]}):  # fmt: skip
        await part.ask("PUT", record, body, token=owner)
    await part.ask("PUT", record, UPDATE, token="made-up")
    gone = await part.well("POST", REGISTER, {"redirect_uris": [HOME], "client_id": "gone"})
    path = urlsplit(gone["registration_client_uri"]).path
    await part.ask("DELETE", path, token="made-up")
    for _ in range(2):
        await part.ask(
            "DELETE", path, token=gone["registration_access_token"], step="DELETE a client"
        )
    return app


def asks(app: dict[str, Any], **changed: str | None) -> str:
    asked = {
        "client_id": app["client_id"],
        "redirect_uri": HOME,
        "response_type": "code",
        "scope": "data",
        **changed,
    }
    return f"{AUTH}?" + urlencode({name: text for name, text in asked.items() if text is not None})


async def code(browser: Browser, app: dict[str, Any], **changed: str | None) -> str:
    """Grant access to a client and return its tokens."""
    path = asks(app, **changed)
    page = await browser.get(path, record=False)
    if page.status == 200:
        page = await browser.ask(
            "POST", path, form={"csrf_token": page.seal, "grant": "Grant"}, record=False
        )
    return parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]


async def consent(part: Part, app: dict[str, Any]) -> Browser:
    await an_account(part, "ann@example.org", "--active", "--nickname", "Ann")
    await an_account(part, "waits@example.org")
    browser, waiting, nobody = Browser(part), Browser(part), Browser(part)
    await browser.signs_in("ann@example.org")
    await waiting.signs_in("waits@example.org")
    for who in (nobody, waiting):
        await who.get(asks(app))
        await who.ask("POST", asks(app), form={"grant": "Grant"})
        await who.get("/oauth/v1/show?code=x")
    for changed in ({}, {"scope": None}, {"scope": ""}, {"scope": "agent"}, {"client_id": "nobody"},
        {"client_id": None}, {"redirect_uri": None},
                    {"redirect_uri": "http://example.com/other"}, {"response_type": "token"}, {"response_type": None},
                    {"state": "s1"},
                    {"code_challenge": "x" * 43, "code_challenge_method": "S256"},
                    {"code_challenge": "x", "code_challenge_method": "S256"}):  # fmt: skip
        await browser.get(asks(app, **changed))
    path = asks(app, state="s1")
    await browser.ask("POST", path, form={"grant": "Grant"}, step="grant without a seal")
    for choice in ("deny", "grant"):
        seal = (await browser.get(path, record=False)).seal
        await browser.ask(
            "POST", path, form={"csrf_token": seal, choice: "x"}, step=f"{choice}, with a state"
        )
    await browser.get(path, step="asked again, after a grant")
    await browser.get(asks(app, scope="agent"), step="asked wrongly, after a grant")
    for query in ("code=abc", "error=access_denied", ""):
        await browser.get(f"/oauth/v1/show?{query}")
    return browser


async def tokens(part: Part, app: dict[str, Any], browser: Browser) -> None:
    client = {"client_id": app["client_id"], "client_secret": app["client_secret"]}

    async def buys(step: str, **changed: str | None) -> Any:
        asked = {
            **client,
            "grant_type": "authorization_code",
            "redirect_uri": HOME,
            "scope": "data",
            **changed,
        }
        fields = {name: text for name, text in asked.items() if text is not None}
        return await part.ask("POST", TOKEN, form=fields, step=f"token: {step}")

    for changed in ({"code": "made-up"}, {"code": None}, {"grant_type": None}, {"grant_type": "password"},
        {"scope": None, "code": "x"},
                    {"client_id": "nobody", "code": "x"}, {"client_secret": "wrong", "code": "x"},
                    {"client_secret": None, "code": "x"},
                    {"grant_type": "refresh_token", "refresh_token": "made-up"},
                    {"grant_type": "refresh_token"}):  # fmt: skip
        await buys(str(changed), **changed)
    good = await code(browser, app)
    part.know(good, "code")
    await buys("a code for another place", code=good, redirect_uri="http://example.com/other")
    bought = await buys("a code", code=good)
    await buys("the code once more", code=good)
    pair = bought.json
    part.know(pair["access_token"], "access token")
    part.know(pair["refresh_token"], "refresh token")
    verifier = "v" * 50
    challenge = (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    )
    for step, given in (
        ("the wrong verifier", "w" * 50),
        ("no verifier", None),
        ("the verifier", verifier),
    ):
        proved = await code(browser, app, code_challenge=challenge, code_challenge_method="S256")
        await buys(f"a code with {step}", code=proved, code_verifier=given)
    await part.ask("POST", TOKEN, {**client, "grant_type": "authorization_code", "redirect_uri": HOME, "scope": "data",
                                   "code": await code(browser, app)}, step="token: a code, as JSON")  # fmt: skip
    basic = base64.b64encode(f"{client['client_id']}:wrong".encode()).decode()
    await part.ask("POST", TOKEN, form={"grant_type": "authorization_code", "code": "x", "redirect_uri": HOME,
        "scope": "data"},
                   headers={"Authorization": f"Basic {basic}"},
                   step="token: HTTP Basic with a wrong secret")  # fmt: skip
    for raw in (b"{", b"", b"\xff"):
        await part.ask("POST", TOKEN, raw)
    test = "/oauth/v1/test"
    for token in ("", "made-up", pair["access_token"]):
        await part.ask(
            "GET",
            test,
            token=token,
            step=f"GET {test} with {part.normal.text(token) or 'no token'}",
        )
    renewed = await buys(
        "a refresh",
        grant_type="refresh_token",
        refresh_token=pair["refresh_token"],
        redirect_uri=None,
    )
    await buys(
        "the refresh once more",
        grant_type="refresh_token",
        refresh_token=pair["refresh_token"],
        redirect_uri=None,
    )
    await part.ask(
        "GET", test, token=pair["access_token"], step="the access token after the refresh"
    )
    await part.ask("GET", test, token=renewed.json["access_token"], step="the new access token")


async def agents(part: Part) -> None:
    await part.server.order("world", "add", "World", "--short-name", "world")
    agent = await part.server.order("world", "agent", "world")
    part.know(agent["client_secret"], "agent's secret")
    asked = {
        **agent,
        "grant_type": "authorization_code",
        "code": agent["client_secret"],
        "redirect_uri": "/",
        "scope": "agent",
    }
    for changed in (
        {},
        {},
        {"code": "wrong"},
        {"scope": "data"},
        {"scope": "agent data"},
        {"redirect_uri": ""},
        {"client_secret": "wrong"},
    ):
        bought = await part.ask(
            "POST", TOKEN, form={**asked, **changed}, step=f"agent: {json.dumps(changed)}"
        )
        if bought.status == 200:
            await part.ask(
                "GET",
                "/oauth/v1/test",
                token=bought.json["access_token"],
                step="an agent's token is no user's",
            )


async def manners(part: Part) -> None:
    origin = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
        "Origin": "https://a.example",
    }
    for path in (
        REGISTER,
        TOKEN,
        AUTH,
        "/oauth/v1/show",
        "/oauth/v1/test",
        "/oauth/v1/clients/x",
        "/oauth/v1/nothing",
    ):
        await part.ask("OPTIONS", path, headers=origin)
        await part.ask("PATCH", path)
    await part.ask("GET", TOKEN)
    await part.ask("GET", REGISTER)
    await part.ask("POST", REGISTER, b" " * (2**20 + 10), step="a body above 1 MiB")
    address = {"X-Forwarded-For": "10.99.0.2"}
    asked = {
        "client_id": "my_example_app",
        "client_secret": "wrong",
        "grant_type": "authorization_code",
        "code": "x",
        "redirect_uri": HOME,
        "scope": "data",
    }
    for _ in range(120):
        await part.ask("POST", TOKEN, form=asked, headers=address, record=False)
    await part.ask("POST", TOKEN, form=asked, headers=address, step="too many wrong secrets")


async def run(part: Part) -> None:
    app = await clients(part)
    browser = await consent(part, app)
    await tokens(part, app, browser)
    await agents(part)
    await manners(part)
