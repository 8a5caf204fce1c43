"""The page that shows codes, client names, and unusual requests to the consent page."""

from tests.apis.browser import Browser
from tests.apis.oauth.clients import AUTH, DOCUMENT, decide, make_client_app, query_of, query_values


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
    app = await make_client_app(test_app, redirect_uris=[show])
    answer = await decide(ann, app.consent_path(redirect_uri=show))
    page = await ann.get(
        answer.headers["Location"].removeprefix(show.removesuffix("/oauth/v1/show"))
    )
    assert query_of(answer)["code"] in page.raw.decode()


async def test_unusual_queries_and_bodies_cause_no_server_error(ann, app):
    csrf_token = await ann.csrf_token(AUTH)
    for query, status in (
        ("?", 400),
        ("?&&=&", 400),
        ("?client_id", 400),
        ("?client_id=%ff", 400),
        ("?state=%ED%A0%80", 400),
        ("?x=" + "y" * 4000, 400),
        ("?client_id=my_example_app&redirect_uri=http://[", 400),
        (app.consent_path(state="\x7f\x01")[len(AUTH) :], 200),
        (app.consent_path()[len(AUTH) :] + "&state=%ED%A0%80&state%00=1", 200),
        (app.consent_path()[len(AUTH) :] + "&state=%ff", 200),
    ):
        assert (await ann.get(AUTH + query)).status == status, query
        for choice in ("grant", "deny"):
            answer = await ann.post(AUTH + query, csrf_token=csrf_token, **{choice: "1"})
            assert answer.status in (302, 400), query
    for body, media in (
        (b"\xff", None),
        (b"{}", "application/json"),
        (b"csrf_token=%ff", None),
        (b"", None),
    ):
        headers = {"Content_Type": media or "application/x-www-form-urlencoded"}
        assert (await ann.request("POST", app.consent_path(), body, **headers)).status in (
            400,
            403,
            415,
        )


async def test_consent_page_shows_the_registered_name_or_the_id(test_app, ann):
    named, unnamed = (
        await make_client_app(test_app),
        await make_client_app(test_app, client_name=None),
    )
    assert DOCUMENT["client_name"] in (await ann.get(named.consent_path())).raw.decode()
    page = (await ann.get(unnamed.consent_path())).raw.decode()
    assert f"<bdi>{unnamed.id}</bdi>" in page
    assert query_values(await decide(ann, named.consent_path()))["code"]
