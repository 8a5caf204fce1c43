"""What is shown to people: codes to copy, and nothing that is our fault."""

from tests.apis.browser import Browser
from tests.apis.oauth.clients import AUTH, DOCUMENT, make_app, query_of, query_values


async def decides(browser, path, **choice):
    return await browser.send(path, page=AUTH, **(choice or {"grant": "Grant"}))


async def test_code_page_shows_the_escaped_code(test_app, ann):
    for path, shown in (
        ("/oauth/v1/show?code=abc123", "abc123"),
        ("/oauth/v1/show?error=access_denied", "access_denied"),
        ("/oauth/v1/show?code=%3Cscript%3E", "&lt;script&gt;"),
        ("/oauth/v1/show", "no code"),
    ):
        answer = await ann.get(path)
        assert answer.status == 200 and shown in answer.raw.decode()
        assert "<script>" not in answer.raw.decode()
    answer = await Browser(test_app).get("/oauth/v1/show?code=abc")
    assert query_of(answer) == {"next_url": "/oauth/v1/show?code=abc"}


async def test_code_page_can_be_a_redirect_uri(test_app, ann):
    show = f"http://{test_app.server.host}:{test_app.server.port}/oauth/v1/show"
    app = await make_app(test_app, redirect_uris=[show])
    answer = await decides(ann, app.asks(redirect_uri=show))
    page = await ann.get(
        answer.headers["Location"].removeprefix(show.removesuffix("/oauth/v1/show"))
    )
    assert query_of(answer)["code"] in page.raw.decode()


async def test_unusual_queries_and_bodies_cause_no_server_error(ann, app):
    seal = await ann.csrf_token(AUTH)
    for query in (
        "?",
        "?&&=&",
        "?client_id",
        "?client_id=%ff",
        "?state=%ED%A0%80",
        "?x=" + "y" * 4000,
        "?client_id=my_example_app&redirect_uri=http://[",
        app.asks(state="\x7f\x01")[len(AUTH) :],
        app.asks()[len(AUTH) :] + "&state=%ED%A0%80&state%00=1",
        app.asks()[len(AUTH) :] + "&state=%ff",
    ):
        assert (await ann.get(AUTH + query)).status == 200, query
        for choice in ("grant", "deny"):
            answer = await ann.post(AUTH + query, csrf_token=seal, **{choice: "1"})
            assert answer.status in (302, 400), query
    for body, media in (
        (b"\xff", None),
        (b"{}", "application/json"),
        (b"csrf_token=%ff", None),
        (b"", None),
    ):
        headers = {"Content_Type": media or "application/x-www-form-urlencoded"}
        assert (await ann.request("POST", app.asks(), body, **headers)).status in (400, 403, 415)


async def test_consent_page_shows_the_registered_name_or_the_id(test_app, ann):
    named, nameless = await make_app(test_app), await make_app(test_app, client_name=None)
    assert DOCUMENT["client_name"] in (await ann.get(named.asks())).raw.decode()
    page = (await ann.get(nameless.asks())).raw.decode()
    assert f"<bdi>{nameless.id}</bdi>" in page
    assert query_values(await decides(ann, named.asks()))["code"]
