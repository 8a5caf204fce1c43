"""The chat page of a world: its history, search, and sending messages."""

import html
import json
import re
from urllib.parse import urlencode

import pytest

from coalserver.core.commands.accounts import update_account
from coalserver.core.commands.worlds import archive_world, create_world
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.core.queries.worlds import queued_commands
from tests.apis.app import run_test_app
from tests.apis.browser import FORM, Browser, deactivate_account
from tests.site.sample_worlds import (
    JSON,
    fetch_rows,
    log_lines,
    login,
    logout,
    make_world,
    rows_of,
    send_ping,
    texts_of,
)


async def test_chat_shows_messages_and_events(test_app, world, ann):
    await log_lines(
        test_app, world, "Starting minecraft server version 1.21", login(), "<Ada> hi §call",
        "Ada was slain by Zombie", "Ada has made the advancement [Stone Age]",
        "[Server] <ann@example.org> hello Ada", "[Server] <COAL> no chat", "* Ada waves", logout(),
    )  # fmt: skip
    assert rows_of(await fetch_rows(ann)) == [
        ("login", "Ada", ""),
        ("chat", "Ada", "hi all"),
        ("death", "Ada", "was slain by Zombie"),
        ("achievement", "Ada", "has made the advancement [Stone Age]"),
        ("chat", "ann@example.org", "hello Ada"),
        ("chat", "Ada", "waves"),
        ("logout", "Ada", ""),
    ]


async def test_page_embeds_initial_rows_as_escaped_json(test_app, world, ann):
    await log_lines(test_app, world, login(), "<Ada> <script>alert(1)</script></script>")
    response = await ann.get("/servers/mill/chats")
    page = response.raw.decode()
    assert response.status == 200 and "<script>alert" not in page
    found = re.search(
        r'<script type="application/json" id="world-chat-initial">(.*?)</script>', page
    )
    first = json.loads(html.unescape(found[1]))
    assert first["rows"][-1]["text"] == "<script>alert(1)</script></script>"
    assert "203.0.113.7" not in page
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]


async def test_older_pages_lead_to_the_first_line_without_gaps(test_app, world, ann):
    await log_lines(test_app, world, *(f"<Ada> line {number}" for number in range(150)))
    texts, response = [], await fetch_rows(ann)
    while True:
        texts = texts_of(response) + texts
        if response.json["older"] is None:
            break
        response = await fetch_rows(ann, f"?older={response.json['older']}")
    assert texts == [f"line {number}" for number in range(150)]


async def test_page_boundary_within_one_second_loses_no_line(test_app, world, ann):
    for number in range(130):
        await log_lines(test_app, world, f"<Ada> line {number}")
    first = await fetch_rows(ann)
    second = await fetch_rows(ann, f"?older={first.json['older']}")
    assert texts_of(second) + texts_of(first) == [f"line {number}" for number in range(10, 130)]


async def test_page_around_a_time_has_older_and_newer_pages(test_app, world, ann):
    begin = int(test_app.clock.now)
    await log_lines(test_app, world, *(f"<Ada> line {number}" for number in range(200)))
    response = await fetch_rows(ann, f"?at={begin + 100}")
    assert texts_of(response) == [f"line {number}" for number in range(70, 130)]
    newer = await fetch_rows(ann, f"?newer={response.json['newer']}")
    assert texts_of(newer)[0] == "line 130"
    last = await fetch_rows(ann, f"?newer={newer.json['newer']}")
    assert texts_of(last)[-1] == "line 199" and last.json["newer"] is None
    older = await fetch_rows(ann, f"?older={response.json['older']}")
    assert texts_of(older)[-1] == "line 69"


async def test_page_around_a_line_contains_the_line(test_app, world, ann):
    await log_lines(test_app, world, *(f"<Ada> line {number}" for number in range(200)))
    line = (await fetch_rows(ann, "?q=%22line+50%22")).json["rows"][0]["id"]
    around = await fetch_rows(ann, f"?line={line}")
    assert line in [row["id"] for row in around.json["rows"]]


async def test_search_highlights_matches_of_messages_and_events(test_app, world, ann):
    await log_lines(
        test_app, world, "<Ada> Diamonds, so many diamonds", "<Bob> no", "Ada drowned",
        "Bob has made the advancement [Diamonds!]",
    )  # fmt: skip
    rows = (await fetch_rows(ann, "?q=diamonds")).json["rows"]
    assert rows[0]["found"] == ["", "Diamonds", ", so many ", "diamonds", ""]
    assert [row["who"] for row in rows] == ["Ada", "Bob"]
    assert texts_of(await fetch_rows(ann, "?q=drowned&kind=chat")) == []
    assert texts_of(await fetch_rows(ann, "?q=drowned&kind=death")) == ["drowned"]
    assert texts_of(await fetch_rows(ann, "?q=drowned&kind=visit")) == []
    assert texts_of(await fetch_rows(ann, "?q=%22%27%2A+NOT")) == []


async def test_filter_by_player_and_kind(test_app, world, ann):
    await log_lines(test_app, world, login(), "<Ada> hi", "<Bob> ho", "Bob drowned", logout())
    assert texts_of(await fetch_rows(ann, "?player=Bob")) == ["ho", "drowned"]
    assert texts_of(await fetch_rows(ann, "?kind=death")) == ["drowned"]
    assert [kind for kind, _, _ in rows_of(await fetch_rows(ann, "?kind=visit"))] == [
        "login",
        "logout",
    ]
    assert texts_of(await fetch_rows(ann, "?kind=chat&player=Ada")) == ["hi"]


@pytest.mark.parametrize(
    "query",
    [
        "?older=x", "?older=1", "?older=1.", "?newer=-.1", "?newer=1.%D9%A1", "?at=soon", "?at=-1", "?at=" + "9" * 30,
        "?line=x", "?line=" + "9" * 30, "?line=999", "?kind=secret", "?q=" + "x" * 201, "?player=" + "x" * 101,
        "?older=9999999999999999999.1",
    ],
)  # fmt: skip
async def test_invalid_query_is_an_error_for_scripts_and_ignored_for_pages(ann, query):
    response = await fetch_rows(ann, query)
    assert (response.status, response.json) == (400, {"error": "malformed"})
    assert (await ann.get("/servers/mill/chats" + query)).status == 200


async def test_search_accepts_any_text(ann):
    for text in ("%00", "%ff", "%22", "*", "(", "%F0%9F%8E%89", "%D9%85", "a" * 200):
        assert (await fetch_rows(ann, f"?q={text}")).status == 200


async def send_message(browser, text, **headers):
    csrf_token = await browser.csrf_token("/servers/mill/chats")
    return await post_message(browser, text, csrf_token, **headers)


async def post_message(browser, text, csrf_token, path="/servers/mill/chats", **headers):
    body = urlencode({"chat": text, "csrf_token": csrf_token}).encode()
    return await browser.request("POST", path, body, Content_Type=FORM, **JSON, **headers)


async def test_message_is_queued_as_console_command(test_app, world, ann):
    response = await send_message(ann, "hello\nstop")
    assert (response.status, response.json["kept"]) == (201, False)
    (line,) = test_app.core.query(queued_commands, world=world.id)
    assert (line.id, line.text) == (response.json["line"], "/say <ann@example.org> hello stop")
    assert await send_ping(test_app, world) == [line.text]


async def test_message_to_stopped_world_is_reported_as_kept(test_app, world, ann):
    await send_ping(test_app, world, running=False)
    assert (await send_message(ann, "hello")).json["kept"] is True
    assert len(test_app.core.query(queued_commands, world=world.id)) == 1


async def test_blank_message_is_not_queued(test_app, world, ann):
    response = await send_message(ann, " \n ")
    assert (response.status, response.json["line"]) == (201, None)
    assert test_app.core.query(queued_commands, world=world.id) == []


async def test_repeated_idempotency_key_queues_message_once(test_app, world, ann):
    first = await send_message(ann, "hello", Idempotency_Key="k1")
    again = await send_message(ann, "hello", Idempotency_Key="k1")
    assert first.json == again.json
    assert len(test_app.core.query(queued_commands, world=world.id)) == 1
    assert (await send_message(ann, "other", Idempotency_Key="k1")).status == 422


async def test_expired_csrf_token_is_answered_with_a_new_one(test_app, world, ann):
    csrf_token = await ann.csrf_token("/servers/mill/chats")
    test_app.clock.advance(3600)
    response = await post_message(ann, "hello", csrf_token)
    assert (response.status, response.json["error"]) == (403, "bad_token")
    assert (await post_message(ann, "hello", response.json["csrf_token"])).status == 201


async def test_form_without_scripts_redirects_to_the_chat(test_app, world, ann):
    csrf_token = await ann.csrf_token("/servers/mill/chats")
    response = await ann.post("/servers/mill/chats", chat="hello", csrf_token=csrf_token)
    assert (response.status, response.headers["Location"]) == (302, "/servers/mill/chats")


def static_part(response):
    """Return what browsers without scripts show of the log."""
    return response.raw.decode().partition("<noscript>")[2].partition("</noscript>")[0]


def static_texts(response):
    texts = re.findall(r'<span class="row-text" dir="auto">(.*?)</span>', static_part(response))
    return [html.unescape(text) for text in texts]


async def test_page_without_scripts_has_the_last_rows_and_leads_to_the_first(test_app, world, ann):
    await log_lines(test_app, world, *(f"<Ada> line {number}" for number in range(160)))
    response = await ann.get("/servers/mill/chats")
    texts = static_texts(response)
    assert texts == [f"line {number}" for number in range(110, 160)]
    while older := re.search(r'rel="prev" href="([^"]+)"', static_part(response)):
        response = await ann.get("/servers/mill/chats" + html.unescape(older[1]))
        assert "Jump to latest" in static_part(response)
        texts = static_texts(response) + texts
    assert texts == [f"line {number}" for number in range(160)]


async def test_page_around_a_time_without_scripts_leads_to_newer_rows(test_app, world, ann):
    begin = int(test_app.clock.now)
    await log_lines(test_app, world, *(f"<Ada> line {number}" for number in range(200)))
    response = await ann.get(f"/servers/mill/chats?at={begin + 100}&player=Ada")
    assert "line 100" in static_texts(response)
    newer = re.search(r'rel="next" href="([^"]+)"', static_part(response))
    following = static_texts(await ann.get("/servers/mill/chats" + html.unescape(newer[1])))
    assert following[0] == "line 130"


async def test_search_without_scripts_shows_escaped_results(test_app, world, ann):
    await log_lines(test_app, world, "<Ada> big <b>diamonds</b>", "<Bob> no")
    response = await ann.get("/servers/mill/chats?q=diamonds")
    assert "<mark>diamonds</mark>" in static_part(response)
    assert "&lt;b&gt;" in static_part(response) and "Bob" not in static_part(response)
    assert "1 result for diamonds" in response.raw.decode()
    response = await ann.get("/servers/mill/chats?q=%3Cscript%3E")
    assert "No results for &lt;script&gt;" in static_part(response)


async def test_message_without_scripts_is_shown_until_the_game_has_it(test_app, world, ann):
    csrf_token = await ann.csrf_token("/servers/mill/chats")
    await ann.post("/servers/mill/chats", chat="good morning", csrf_token=csrf_token)
    shown = static_part(await ann.get("/servers/mill/chats"))
    assert "good morning" in shown and "Sent. Waiting for delivery." in shown


async def test_rejected_message_without_scripts_keeps_its_text(test_app, world, ann):
    csrf_token = await ann.csrf_token("/servers/mill/chats")
    response = await ann.post("/servers/mill/chats", chat="x" * 501, csrf_token=csrf_token)
    assert response.status == 400 and 'value="' + "x" * 501 in response.raw.decode()
    assert "The message is too long." in response.raw.decode()
    test_app.clock.advance(3600)
    response = await ann.post("/servers/mill/chats", chat="a <thought>", csrf_token=csrf_token)
    assert response.status == 403 and 'value="a &lt;thought&gt;"' in response.raw.decode()
    assert "This form expired." in response.raw.decode()
    assert test_app.core.query(queued_commands, world=world.id) == []


async def test_too_long_message_or_key_is_rejected(test_app, world, ann):
    assert (await send_message(ann, "x" * 501)).status == 400
    assert (await send_message(ann, "x", Idempotency_Key="k" * 201)).status == 400
    assert test_app.core.query(queued_commands, world=world.id) == []


async def test_invalid_csrf_token_queues_nothing(test_app, world, ann):
    assert (await post_message(ann, "hello", "1.abc")).status == 403
    assert test_app.core.query(queued_commands, world=world.id) == []


async def test_page_embeds_queued_messages(test_app, world, ann):
    await send_message(ann, "hello")
    page = (await ann.get("/servers/mill/chats")).raw.decode()
    assert '"waiting": [{"line": 1, "text": "hello"}]' in html.unescape(page)


async def test_chat_of_private_world_requires_active_account(test_app, world, ann):
    response = await Browser(test_app).get("/servers/mill/chats?q=x")
    assert response.headers["Location"] == "/login?next_url=%2Fservers%2Fmill%2Fchats%3Fq%3Dx"
    assert (await fetch_rows(Browser(test_app))).status == 401
    await deactivate_account(test_app)
    assert "waiting for approval" in (await ann.get("/servers/mill/chats")).raw.decode()
    assert (await fetch_rows(ann)).status == 403


async def test_public_world_can_be_read_but_not_written_without_account():
    async with run_test_app() as test_app:
        world = await make_world(test_app, public=True)
        await log_lines(test_app, world, login(), "[Server] <ann@example.org> hello", "<Ada> hi")
        reader = Browser(test_app)
        page = (await reader.get("/servers/mill/chats")).raw.decode()
        assert 'name="chat"' not in page and "Sign in to send messages" in page
        assert rows_of(await fetch_rows(reader))[1:] == [
            ("chat", "ann@…", "hello"),
            ("chat", "Ada", "hi"),
        ]
        assert rows_of(await fetch_rows(reader, "?player=ann@example.org")) == []
        assert len(rows_of(await fetch_rows(reader, "?player=Ada"))) == 2
        for path in ("/servers/mill/chats", "/servers/mill"):
            text = (await reader.get(path)).raw.decode()
            assert "203.0.113.7" not in text and "example.org" not in text
        csrf_token = await reader.csrf_token()
        assert (await post_message(reader, "hello", csrf_token)).status == 401
        assert (await reader.get("/servers/mill/players")).status in (302, 404)


async def test_unknown_world_redirects_to_the_only_world_or_home(test_app, world, ann):
    response = await ann.get("/servers/nowhere/chats")
    assert (response.status, response.headers["Location"]) == (302, "/servers/mill/chats")
    assert (await fetch_rows(ann, world="nowhere")).status == 404
    await make_world(test_app, "other")
    assert (await ann.get("/servers/nowhere/chats")).headers["Location"] == "/"


async def test_world_is_found_by_number_until_it_is_archived(test_app, world, ann):
    assert (await fetch_rows(ann, world=str(world.id))).status == 200
    await test_app.core.execute(archive_world, world_id=world.id)
    assert (await fetch_rows(ann, world=str(world.id))).status == 404


async def test_names_are_escaped(test_app, ann):
    name = "<script>alert(1)</script>"
    world = await test_app.core.execute(create_world, name=name, short_name="odd")
    account = test_app.core.query(get_account_by_email, email="ann@example.org")
    await test_app.core.execute(update_account, account_id=account.id, nickname=name[:30])
    await log_lines(test_app, world, f"[Server] {name}", "<Ada> hi")
    for path in (
        "/servers/odd",
        "/servers/odd/chats",
        "/servers/odd/players",
        "/servers/odd/screenshots",
        "/",
    ):
        assert b"<script>alert" not in (await ann.get(path)).raw
