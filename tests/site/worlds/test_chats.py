"""The chat of a world: its history in both directions, searched; and saying something there."""

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
    logged,
    login,
    logout,
    make_world,
    piece,
    pinged,
    said,
    shown,
)


async def test_the_chat_shows_what_people_say_and_what_happens_to_them(test_app, world, ann):
    await logged(
        test_app, world, "Starting minecraft server version 1.21", login(), "<Ada> hi §call",
        "Ada was slain by Zombie", "Ada has made the advancement [Stone Age]",
        "[Server] <ann@example.org> hello Ada", "[Server] <COAL> no chat", "* Ada waves", logout(),
    )  # fmt: skip
    assert shown(await piece(ann)) == [
        ("login", "Ada", ""),
        ("chat", "Ada", "hi all"),
        ("death", "Ada", "was slain by Zombie"),
        ("achievement", "Ada", "has made the advancement [Stone Age]"),
        ("chat", "ann@example.org", "hello Ada"),
        ("chat", "Ada", "waves"),
        ("logout", "Ada", ""),
    ]


async def test_the_page_holds_its_first_rows_and_nothing_that_runs(test_app, world, ann):
    await logged(test_app, world, login(), "<Ada> <script>alert(1)</script></script>")
    answer = await ann.get("/servers/mill/chats")
    page = answer.raw.decode()
    assert answer.status == 200 and "<script>alert" not in page
    found = re.search(r'<script type="application/json" id="world-chat-first">(.*?)</script>', page)
    first = json.loads(html.unescape(found[1]))
    assert first["rows"][-1]["text"] == "<script>alert(1)</script></script>"
    assert "203.0.113.7" not in page
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_history_goes_back_to_its_beginning_without_a_gap(test_app, world, ann):
    await logged(test_app, world, *(f"<Ada> line {number}" for number in range(150)))
    read, answer = [], await piece(ann)
    while True:
        read = said(answer) + read
        if answer.json["older"] is None:
            break
        answer = await piece(ann, f"?older={answer.json['older']}")
    assert read == [f"line {number}" for number in range(150)]


async def test_one_second_may_have_more_lines_than_a_page(test_app, world, ann):
    for number in range(130):
        await logged(test_app, world, f"<Ada> line {number}")
    first = await piece(ann)
    second = await piece(ann, f"?older={first.json['older']}")
    assert said(second) + said(first) == [f"line {number}" for number in range(10, 130)]


async def test_from_a_moment_it_goes_both_ways(test_app, world, ann):
    begin = int(test_app.clock.now)
    await logged(test_app, world, *(f"<Ada> line {number}" for number in range(200)))
    answer = await piece(ann, f"?at={begin + 100}")
    assert said(answer) == [f"line {number}" for number in range(70, 130)]
    newer = await piece(ann, f"?newer={answer.json['newer']}")
    assert said(newer)[0] == "line 130"
    last = await piece(ann, f"?newer={newer.json['newer']}")
    assert said(last)[-1] == "line 199" and last.json["newer"] is None
    older = await piece(ann, f"?older={answer.json['older']}")
    assert said(older)[-1] == "line 69"


async def test_a_line_is_found_by_its_number(test_app, world, ann):
    await logged(test_app, world, *(f"<Ada> line {number}" for number in range(200)))
    row = (await piece(ann, "?q=%22line+50%22")).json["rows"][0]
    around = await piece(ann, f"?line={row['id']}")
    assert row["id"] in [one["id"] for one in around.json["rows"]]


async def test_what_was_sought_is_marked(test_app, world, ann):
    await logged(
        test_app, world, "<Ada> Diamonds, so many diamonds", "<Bob> no", "Ada drowned",
        "Bob has made the advancement [Diamonds!]",
    )  # fmt: skip
    rows = (await piece(ann, "?q=diamonds")).json["rows"]
    assert rows[0]["found"] == ["", "Diamonds", ", so many ", "diamonds", ""]
    assert [row["who"] for row in rows] == ["Ada", "Bob"]
    assert said(await piece(ann, "?q=drowned&kind=chat")) == []
    assert said(await piece(ann, "?q=drowned&kind=death")) == ["drowned"]
    assert said(await piece(ann, "?q=drowned&kind=visit")) == []
    assert said(await piece(ann, "?q=%22%27%2A+NOT")) == []


async def test_one_may_see_one_player_or_one_kind_alone(test_app, world, ann):
    await logged(test_app, world, login(), "<Ada> hi", "<Bob> ho", "Bob drowned", logout())
    assert said(await piece(ann, "?player=Bob")) == ["ho", "drowned"]
    assert said(await piece(ann, "?kind=death")) == ["drowned"]
    assert [kind for kind, _, _ in shown(await piece(ann, "?kind=visit"))] == ["login", "logout"]
    assert said(await piece(ann, "?kind=chat&player=Ada")) == ["hi"]


@pytest.mark.parametrize(
    "query",
    [
        "?older=x", "?older=1", "?older=1.", "?newer=-.1", "?newer=1.%D9%A1", "?at=soon", "?at=-1", "?at=" + "9" * 30,
        "?line=x", "?line=" + "9" * 30, "?line=999", "?kind=secret", "?q=" + "x" * 201, "?player=" + "x" * 101,
        "?older=9999999999999999999.1",
    ],
)  # fmt: skip
async def test_a_script_is_told_what_nobody_understands_and_a_person_sees_the_chat(ann, query):
    refused = await piece(ann, query)
    assert (refused.status, refused.json) == (400, {"error": "malformed"})
    assert (await ann.get("/servers/mill/chats" + query)).status == 200


async def test_odd_words_are_no_fault(ann):
    for words in ("%00", "%ff", "%22", "*", "(", "%F0%9F%8E%89", "%D9%85", "a" * 200):
        assert (await piece(ann, f"?q={words}")).status == 200


async def says(browser, text, **headers):
    seal = await browser.csrf_token("/servers/mill/chats")
    return await sends(browser, text, seal, **headers)


async def sends(browser, text, seal, path="/servers/mill/chats", **headers):
    body = urlencode({"chat": text, "csrf_token": seal}).encode()
    return await browser.request("POST", path, body, Content_Type=FORM, **JSON, **headers)


async def test_what_is_said_waits_for_the_world(test_app, world, ann):
    answer = await says(ann, "hello\nstop")
    assert (answer.status, answer.json["kept"]) == (201, False)
    (line,) = test_app.core.query(queued_commands, world=world.id)
    assert (line.id, line.text) == (answer.json["line"], "/say <ann@example.org> hello stop")
    assert await pinged(test_app, world) == [line.text]


async def test_it_is_said_to_be_kept_where_the_world_does_not_run(test_app, world, ann):
    await pinged(test_app, world, running=False)
    assert (await says(ann, "hello")).json["kept"] is True
    assert len(test_app.core.query(queued_commands, world=world.id)) == 1


async def test_nothing_is_said_where_there_is_nothing_in_it(test_app, world, ann):
    answer = await says(ann, " \n ")
    assert (answer.status, answer.json["line"]) == (201, None)
    assert test_app.core.query(queued_commands, world=world.id) == []


async def test_the_same_message_sent_again_is_said_once(test_app, world, ann):
    first = await says(ann, "hello", Idempotency_Key="k1")
    again = await says(ann, "hello", Idempotency_Key="k1")
    assert first.json == again.json
    assert len(test_app.core.query(queued_commands, world=world.id)) == 1
    assert (await says(ann, "other", Idempotency_Key="k1")).status == 422


async def test_a_page_that_was_open_for_long_gets_what_it_needs(test_app, world, ann):
    seal = await ann.csrf_token("/servers/mill/chats")
    test_app.clock.advance(3600)
    refused = await sends(ann, "hello", seal)
    assert (refused.status, refused.json["error"]) == (403, "bad_token")
    assert (await sends(ann, "hello", refused.json["csrf_token"])).status == 201


async def test_a_person_without_scripts_comes_back_to_the_chat(test_app, world, ann):
    seal = await ann.csrf_token("/servers/mill/chats")
    answer = await ann.post("/servers/mill/chats", chat="hello", csrf_token=seal)
    assert (answer.status, answer.headers["Location"]) == (302, "/servers/mill/chats")


async def test_too_much_is_refused(test_app, world, ann):
    assert (await says(ann, "x" * 501)).status == 400
    assert (await says(ann, "x", Idempotency_Key="k" * 201)).status == 400
    assert test_app.core.query(queued_commands, world=world.id) == []


async def test_a_form_of_nobodys_says_nothing(test_app, world, ann):
    assert (await sends(ann, "hello", "1.abc")).status == 403
    assert test_app.core.query(queued_commands, world=world.id) == []


async def test_what_waits_is_on_the_page(test_app, world, ann):
    await says(ann, "hello")
    page = (await ann.get("/servers/mill/chats")).raw.decode()
    assert '"waiting": [{"line": 1, "text": "hello"}]' in html.unescape(page)


async def test_strangers_sign_in_first_and_the_waiting_wait(test_app, world, ann):
    answer = await Browser(test_app).get("/servers/mill/chats?q=x")
    assert answer.headers["Location"] == "/login?next_url=%2Fservers%2Fmill%2Fchats%3Fq%3Dx"
    assert (await piece(Browser(test_app))).status == 401
    await deactivate_account(test_app)
    assert "waits for activation" in (await ann.get("/servers/mill/chats")).raw.decode()
    assert (await piece(ann)).status == 403


async def test_of_a_public_world_anybody_reads_and_nobody_writes():
    async with run_test_app() as test_app:
        world = await make_world(test_app, public=True)
        await logged(test_app, world, login(), "[Server] <ann@example.org> hello", "<Ada> hi")
        reader = Browser(test_app)
        page = (await reader.get("/servers/mill/chats")).raw.decode()
        assert 'name="chat"' not in page and "Sign in to write" in page
        assert shown(await piece(reader))[1:] == [("chat", "ann@…", "hello"), ("chat", "Ada", "hi")]
        assert shown(await piece(reader, "?player=ann@example.org")) == []
        assert len(shown(await piece(reader, "?player=Ada"))) == 2
        for path in ("/servers/mill/chats", "/servers/mill"):
            text = (await reader.get(path)).raw.decode()
            assert "203.0.113.7" not in text and "example.org" not in text
        seal = await reader.csrf_token()
        assert (await sends(reader, "hello", seal)).status == 401
        assert (await reader.get("/servers/mill/players")).status in (302, 404)


async def test_a_world_that_is_none_leads_to_the_only_one(test_app, world, ann):
    answer = await ann.get("/servers/nowhere/chats")
    assert (answer.status, answer.headers["Location"]) == (302, "/servers/mill/chats")
    assert (await piece(ann, world="nowhere")).status == 404
    await make_world(test_app, "other")
    assert (await ann.get("/servers/nowhere/chats")).headers["Location"] == "/"


async def test_a_world_has_its_number_too_and_is_gone_when_it_ends(test_app, world, ann):
    assert (await piece(ann, world=str(world.id))).status == 200
    await test_app.core.execute(archive_world, world_id=world.id)
    assert (await piece(ann, world=str(world.id))).status == 404


async def test_names_are_text(test_app, ann):
    odd = "<script>alert(1)</script>"
    world = await test_app.core.execute(create_world, name=odd, short_name="odd")
    account = test_app.core.query(get_account_by_email, email="ann@example.org")
    await test_app.core.execute(update_account, account_id=account.id, nickname=odd[:30])
    await logged(test_app, world, f"[Server] {odd}", "<Ada> hi")
    for path in (
        "/servers/odd",
        "/servers/odd/chats",
        "/servers/odd/players",
        "/servers/odd/screenshots",
        "/",
    ):
        assert b"<script>alert" not in (await ann.get(path)).raw
