"""The console page of a hosted world: its lines as a page and as JSON, and commands with and without scripts."""

from urllib.parse import urlencode

import pytest

from coalserver.core.queries.worlds import queued_commands
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.domain.text import without_terminal_codes
from coalserver.hosting.segments import ConsoleLine
from tests.apis.browser import FORM, Browser
from tests.apis.hosting import Stage, set_stage
from tests.site.admins import done, make_admin, make_member, revoke_admin, words
from tests.site.sample_worlds import JSON, make_world


async def make_hosted(test_app, status="running"):
    world = await make_world(test_app, "ours", hosted=True)
    await test_app.core.execute(set_stage, world_id=world.id, stage=Stage(WorldStatus(status)))
    return world, f"/admin/servers/{world.id}/console"


def write(test_app, *texts, first=1):
    test_app.world_hosting.console_lines += [
        ConsoleLine(first + number, 1_700_000_000.0 + number, "out", text)
        for number, text in enumerate(texts)
    ]


async def send(browser, path, command, token=None, **headers):
    """Send a command as the script does."""
    token = await browser.csrf_token(path) if token is None else token
    body = urlencode({"csrf_token": token, "command": command}).encode()
    return await browser.request("POST", path, body, Content_Type=FORM, **{**JSON, **headers})


async def test_page_has_the_newest_lines_and_its_script_goes_on_by_their_numbers(test_app):
    _, path = await make_hosted(test_app)
    write(test_app, *(f"line {number}" for number in range(1, 1001)))
    root = await make_admin(test_app)
    page = (await root.get(path)).raw.decode()
    assert page.count('class="console-line"') == 200 and 'data-next="1000"' in page
    assert "line 801<" in page and "line 800<" not in page
    first = (await root.get(f"{path}?after=10", **JSON)).json
    assert [line["number"] for line in first["lines"]] == [*range(11, 511)]
    assert (first["next"], first["more"]) == (510, True)
    rest = (await root.get(f"{path}?after={first['next']}", **JSON)).json
    assert (rest["lines"][-1]["number"], rest["next"], rest["more"]) == (1000, 1000, False)
    none = (await root.get(f"{path}?after=1000", **JSON)).json
    assert (none["lines"], none["next"], none["words"]) == ([], 1000, "Running")
    for wrong in ("x", "-1", "9" * 30, ""):
        assert len((await root.get(f"{path}?after={wrong}", **JSON)).json["lines"]) == 200


LINES = [
    ("<script>alert(1)</script> & co", "<script>alert(1)</script> & co", ""),
    ("\x1b[33;1mGold\x1b[0m \x1b]0;title\x07x\x1b(B", "Gold x", ""),
    ("a\x00b\x07c\x7f\u202ed\u2028e", "a b c  d e", ""),
    ("\tat net.minecraft", "    at net.minecraft", ""),
    ("[12:00:00] [Server thread/WARN]: slow", "[12:00:00] [Server thread/WARN]: slow", "warn"),
    ("2012-04-01 12:00:00 [SEVERE] x", "2012-04-01 12:00:00 [SEVERE] x", "error"),
    ("[12:00:00] [main/ERROR]: x", "[12:00:00] [main/ERROR]: x", "error"),
    ("x" * 65_536, "x" * 2_000 + "…", ""),
]


@pytest.mark.parametrize(("written", "text", "level"), LINES)
async def test_line_is_shown_as_harmless_text(test_app, written, text, level):
    _, path = await make_hosted(test_app)
    write(test_app, written)
    root = await make_admin(test_app)
    (line,) = (await root.get(path, **JSON)).json["lines"]
    assert (line["text"], line["level"]) == (text, level)
    page = (await root.get(path)).raw.decode()
    assert "<script>alert" not in page and "\x1b" not in page and "\x00" not in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[38;2;1;2;3mx\x1b[m", "x"),
        ("\x9b1mx", "x"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("\x1b", "\x1b"),
        ("[33m stays", "[33m stays"),
    ],
)
def test_terminal_codes_are_removed(text, expected):
    assert without_terminal_codes(text) == expected


async def test_command_without_scripts_leads_back_to_the_newest_lines(test_app):
    world, path = await make_hosted(test_app)
    root = await make_admin(test_app)
    answer = await root.send(path, page=path, command=" /list\r\nx ")
    assert (answer.status, answer.headers["Location"]) == (302, f"{path}?done=told#newest")
    assert "Command sent." in words(await root.get(f"{path}?done=told"))
    queued = [one.text for one in test_app.core.query(queued_commands, world=world.id)]
    assert queued == ["/list x"]
    assert done(test_app)[-1] == ("console_told", "The Mill", "/list x")
    before = done(test_app)
    assert (await root.send(path, page=path, command="  ")).status == 302
    assert done(test_app) == before


async def test_command_to_a_world_that_is_not_running_is_refused_with_its_sentence(test_app):
    _, path = await make_hosted(test_app, "stopped")
    root = await make_admin(test_app)
    answer = await root.send(path, page=path, command="say <b>")
    assert answer.status == 400
    assert "The world is not running." in words(answer)
    assert 'value="say &lt;b&gt;"' in answer.raw.decode()
    refused = await send(root, path, "list", Accept_Language="de")
    assert (refused.status, refused.json["text"]) == (400, "Die Welt läuft nicht.")


async def test_command_of_4096_characters_is_the_longest(test_app):
    _, path = await make_hosted(test_app)
    root = await make_admin(test_app)
    assert (await send(root, path, "x" * 4096)).status == 202
    refused = await send(root, path, "x" * 4097)
    assert (refused.status, refused.json["text"]) == (
        400,
        "A command has up to 4096 characters.",
    )
    answer = await root.send(path, page=path, command="x" * 4097)
    assert answer.status == 400 and "A command has up to 4096 characters." in words(answer)


async def test_script_with_an_expired_form_gets_a_new_token(test_app):
    _, path = await make_hosted(test_app)
    root = await make_admin(test_app)
    refused = await send(root, path, "list", token="stale")
    assert refused.status == 403
    assert (await send(root, path, "list", token=refused.json["csrf_token"])).status == 202


async def test_console_is_for_admins_and_hosted_worlds_only(test_app):
    world, path = await make_hosted(test_app)
    connected = await make_world(test_app, "mill")
    root, member = await make_admin(test_app), await make_member(test_app)
    assert (await Browser(test_app).get(path)).status == 302
    assert (await Browser(test_app).get(path, **JSON)).status == 401
    assert (await member.get(path)).status == 403
    assert (await member.get(path, **JSON)).json == {"error": "not_admin"}
    for unknown in (connected.id, 999, "x"):
        other = f"/admin/servers/{unknown}/console"
        assert (await root.get(other)).status == 404
        assert (await root.send(other, page=path, command="list")).status == 404
    token = await root.csrf_token(path)
    for link in ("/servers/ours", "/admin/servers", f"/admin/servers/{world.id}/gce"):
        assert f'href="{path}"' in (await root.get(link)).raw.decode()
    assert f'href="{path}"' not in (await member.get("/servers/ours")).raw.decode()
    await make_admin(test_app, "other@example.org")
    await revoke_admin(test_app)
    assert (await send(root, path, "list", token=token)).status == 403


@pytest.mark.parametrize("language", ["en", "de"])
async def test_console_is_translated_and_not_cached(test_app, language):
    _, path = await make_hosted(test_app)
    answer = await (await make_admin(test_app)).get(path, Accept_Language=language)
    assert "no-store" in answer.headers["Cache-Control"]
    assert {"en": "No lines yet.", "de": "Noch keine Zeilen."}[language] in words(answer)
