"""OAuth 2: clients, consent, tokens and their errors."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.contracts.calls import Part, preflight_headers
from tests.contracts.clients import Browser, create_account

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
    created = await part.request("POST", REGISTER, DOCUMENT)
    app: dict[str, Any] = created.json
    part.add(app["client_secret"], "client secret")
    part.add(app["registration_access_token"], "registration token")
    for body in (
        DOCUMENT, {"redirect_uris": [HOME]}, {"redirect_uris": [HOME], "client_id": "My App"}, {}, [],
        {"redirect_uris": []}, {"redirect_uris": HOME},
        {"redirect_uris": ["javascript:alert(1)"]}, {"redirect_uris": ["/relative"]},
        {"redirect_uris": ["http://a.example/#f"]},
        {"redirect_uris": [HOME], "client_id": 1}, {"redirect_uris": [HOME], "client_name": "x" * 201},
        {"redirect_uris": [HOME], "scope": "agent"},
    ):  # fmt: skip
        await part.request("POST", REGISTER, body)
    for raw in (b"{", b"", b'{"redirect_uris": null}'):
        await part.request("POST", REGISTER, raw, headers={"Content-Type": "text/plain"})
    record = urlsplit(app["registration_client_uri"]).path
    owner = app["registration_access_token"]
    for token in ("", "made-up", owner):
        await part.request(
            "GET",
            record,
            token=token,
            step=f"GET its configuration with {part.placeholders.text(token) or 'no token'}",
        )
    await part.request("GET", "/oauth/v1/clients/nothing", token=owner)
    for body in (UPDATE, {**UPDATE, "client_secret": app["client_secret"]}, {**UPDATE, "client_secret": "wrong"},
        {**UPDATE, "client_id": "other"},
                 {**UPDATE, "redirect_uris": []}, {}, {**DOCUMENT, "client_secret": app["client_secret"]}):  # fmt: skip
        await part.request("PUT", record, body, token=owner)
    await part.request("PUT", record, UPDATE, token="made-up")
    deleted = await part.fetch_json(
        "POST", REGISTER, {"redirect_uris": [HOME], "client_id": "gone"}
    )
    path = urlsplit(deleted["registration_client_uri"]).path
    await part.request("DELETE", path, token="made-up")
    for _ in range(2):
        await part.request(
            "DELETE", path, token=deleted["registration_access_token"], step="DELETE a client"
        )
    return app


def authorization_path(app: dict[str, Any], **changed: str | None) -> str:
    params = {
        "client_id": app["client_id"],
        "redirect_uri": HOME,
        "response_type": "code",
        "scope": "data",
        **changed,
    }
    return f"{AUTH}?" + urlencode({name: text for name, text in params.items() if text is not None})


async def code(browser: Browser, app: dict[str, Any], **changed: str | None) -> str:
    """Grant access to a client and return the authorization code."""
    path = authorization_path(app, **changed)
    page = await browser.get(path, record=False)
    if page.status == 200:
        page = await browser.request(
            "POST", path, form={"csrf_token": page.csrf_token, "grant": "Grant"}, record=False
        )
    return parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]


async def consent(part: Part, app: dict[str, Any]) -> Browser:
    await create_account(part, "ann@example.org", "--active", "--nickname", "Ann")
    await create_account(part, "waits@example.org")
    browser, waiting, anonymous = Browser(part), Browser(part), Browser(part)
    await browser.sign_in("ann@example.org")
    await waiting.sign_in("waits@example.org")
    for client in (anonymous, waiting):
        await client.get(authorization_path(app))
        await client.request("POST", authorization_path(app), form={"grant": "Grant"})
        await client.get("/oauth/v1/show?code=x")
    for changed in ({}, {"scope": None}, {"scope": ""}, {"scope": "agent"}, {"client_id": "nobody"},
        {"client_id": None}, {"redirect_uri": None},
                    {"redirect_uri": "http://example.com/other"}, {"response_type": "token"}, {"response_type": None},
                    {"state": "s1"},
                    {"code_challenge": "x" * 43, "code_challenge_method": "S256"},
                    {"code_challenge": "x", "code_challenge_method": "S256"}):  # fmt: skip
        await browser.get(authorization_path(app, **changed))
    path = authorization_path(app, state="s1")
    await browser.request("POST", path, form={"grant": "Grant"}, step="grant without a seal")
    for choice in ("deny", "grant"):
        csrf_token = (await browser.get(path, record=False)).csrf_token
        await browser.request(
            "POST",
            path,
            form={"csrf_token": csrf_token, choice: "x"},
            step=f"{choice}, with a state",
        )
    await browser.get(path, step="asked again, after a grant")
    await browser.get(authorization_path(app, scope="agent"), step="asked wrongly, after a grant")
    for query in ("code=abc", "error=access_denied", ""):
        await browser.get(f"/oauth/v1/show?{query}")
    return browser


async def tokens(part: Part, app: dict[str, Any], browser: Browser) -> None:
    client = {"client_id": app["client_id"], "client_secret": app["client_secret"]}

    async def request_tokens(step: str, **changed: str | None) -> Any:
        params = {
            **client,
            "grant_type": "authorization_code",
            "redirect_uri": HOME,
            "scope": "data",
            **changed,
        }
        fields = {name: text for name, text in params.items() if text is not None}
        return await part.request("POST", TOKEN, form=fields, step=f"token: {step}")

    for changed in ({"code": "made-up"}, {"code": None}, {"grant_type": None}, {"grant_type": "password"},
        {"scope": None, "code": "x"},
                    {"client_id": "nobody", "code": "x"}, {"client_secret": "wrong", "code": "x"},
                    {"client_secret": None, "code": "x"},
                    {"grant_type": "refresh_token", "refresh_token": "made-up"},
                    {"grant_type": "refresh_token"}):  # fmt: skip
        await request_tokens(str(changed), **changed)
    good = await code(browser, app)
    part.add(good, "code")
    await request_tokens(
        "a code for another place", code=good, redirect_uri="http://example.com/other"
    )
    issued = await request_tokens("a code", code=good)
    await request_tokens("the code once more", code=good)
    pair = issued.json
    part.add(pair["access_token"], "access token")
    part.add(pair["refresh_token"], "refresh token")
    verifier = "v" * 50
    challenge = (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    )
    for step, sent_verifier in (
        ("the wrong verifier", "w" * 50),
        ("no verifier", None),
        ("the verifier", verifier),
    ):
        proved = await code(browser, app, code_challenge=challenge, code_challenge_method="S256")
        await request_tokens(f"a code with {step}", code=proved, code_verifier=sent_verifier)
    document = {**client, "grant_type": "authorization_code", "redirect_uri": HOME, "scope": "data"}
    document["code"] = await code(browser, app)
    await part.request("POST", TOKEN, document, step="token: a code, as JSON")
    basic = base64.b64encode(f"{client['client_id']}:wrong".encode()).decode()
    await part.request("POST", TOKEN, form={"grant_type": "authorization_code", "code": "x", "redirect_uri": HOME,
        "scope": "data"},
                   headers={"Authorization": f"Basic {basic}"},
                   step="token: HTTP Basic with a wrong secret")  # fmt: skip
    for raw in (b"{", b"", b"\xff"):
        await part.request("POST", TOKEN, raw)
    test = "/oauth/v1/test"
    for token in ("", "made-up", pair["access_token"]):
        await part.request(
            "GET",
            test,
            token=token,
            step=f"GET {test} with {part.placeholders.text(token) or 'no token'}",
        )
    renewed = await request_tokens(
        "a refresh",
        grant_type="refresh_token",
        refresh_token=pair["refresh_token"],
        redirect_uri=None,
    )
    await request_tokens(
        "the refresh once more",
        grant_type="refresh_token",
        refresh_token=pair["refresh_token"],
        redirect_uri=None,
    )
    await part.request(
        "GET", test, token=pair["access_token"], step="the access token after the refresh"
    )
    await part.request("GET", test, token=renewed.json["access_token"], step="the new access token")


async def agents(part: Part) -> None:
    await part.server.run_command("world", "add", "World", "--short-name", "world")
    agent = await part.server.run_command("world", "agent", "world")
    part.add(agent["client_secret"], "agent's secret")
    params = {
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
        issued = await part.request(
            "POST", TOKEN, form={**params, **changed}, step=f"agent: {json.dumps(changed)}"
        )
        if issued.status == 200:
            await part.request(
                "GET",
                "/oauth/v1/test",
                token=issued.json["access_token"],
                step="an agent's token is no user's",
            )


async def conventions(part: Part) -> None:
    origin = preflight_headers()
    for path in (
        REGISTER,
        TOKEN,
        AUTH,
        "/oauth/v1/show",
        "/oauth/v1/test",
        "/oauth/v1/clients/x",
        "/oauth/v1/nothing",
    ):
        await part.request("OPTIONS", path, headers=origin)
        await part.request("PATCH", path)
    await part.request("GET", TOKEN)
    await part.request("GET", REGISTER)
    await part.request("POST", REGISTER, b" " * (2**20 + 10), step="a body above 1 MiB")
    address = {"X-Forwarded-For": "10.99.0.2"}
    params = {
        "client_id": "my_example_app",
        "client_secret": "wrong",
        "grant_type": "authorization_code",
        "code": "x",
        "redirect_uri": HOME,
        "scope": "data",
    }
    for _ in range(120):
        await part.request("POST", TOKEN, form=params, headers=address, record=False)
    await part.request("POST", TOKEN, form=params, headers=address, step="too many wrong secrets")


async def run(part: Part) -> None:
    app = await clients(part)
    browser = await consent(part, app)
    await tokens(part, app, browser)
    await agents(part)
    await conventions(part)
