"""Admin pages of worlds: creation, pairing, settings, console commands and archiving."""

import hashlib
from asyncio import gather

import pytest

from coalserver.core.commands.agents import pair_agent
from coalserver.core.commands.oauth import issue_agent_tokens
from coalserver.core.commands.worlds import record_ping
from coalserver.core.queries.oauth import agent_of_world
from coalserver.core.queries.worlds import active_worlds, queued_commands
from coalserver.domain.accounts.oauth import PairingCode
from coalserver.domain.minecraft.world import AgentFinding, Ping
from coalserver.site.admin.worlds import FINDINGS
from tests.apis.app import CIPHER, ApiClient, run_test_app
from tests.site.admins import done, make_admin, make_world, shown, submit, words


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


def worlds(test_app):
    return test_app.core.query(active_worlds)


def secret_of(test_app, world):
    return CIPHER.decrypt(test_app.core.query(agent_of_world, world=world).secret)


async def save_world(browser, id=1, name="Overworld", short_name="", **more):
    return await submit(browser, f"/admin/servers/{id}", name=name, short_name=short_name, **more)


async def test_added_world_has_an_agent(test_app, browser):
    answer = await submit(browser, "/admin/server_create", name=" My World ", short_name="my-world")
    [world] = worlds(test_app)
    assert answer.headers["Location"] == f"/admin/servers/{world.id}#agent"
    assert (world.name, world.short_name, world.hosted, world.public) == (
        "My World",
        "my-world",
        False,
        False,
    )
    assert test_app.core.query(agent_of_world, world=world.id) is not None
    assert done(test_app) == [("world_added", "My World", "")]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "Enter a name"),
        ({"name": " \u2028 "}, "Enter a name"),
        ({"name": "x" * 101}, "Enter a name"),
        ({"short_name": "!?"}, "A short name has"),
        ({"short_name": "x" * 51}, "A short name has"),
        ({"short_name": "nether"}, "Another world uses this short name."),
        ({"short_name": "Admin"}, "A page of this site uses this address."),
    ],
)
async def test_invalid_world_is_rejected(test_app, browser, fields, message):
    await make_world(test_app, "Nether", "nether")
    answer = await submit(browser, "/admin/server_create", **{"name": "New", **fields})
    assert answer.status == 400 and message in words(answer)
    assert len(worlds(test_app)) == 1 and done(test_app) == []
    answer = await save_world(browser, (await make_world(test_app)).id, **{"name": "New", **fields})
    assert answer.status == 400 and message in words(answer)
    assert [world.name for world in worlds(test_app)] == ["Nether", "Overworld"]


@pytest.mark.parametrize(
    ("typed", "short_name"),
    [
        *(
            ("My World!", "my-world"),
            ("北亰", "bei-jing"),
            (" Äpfel & Öl ", "apfel-ol"),
            ("Привет", "privet"),
        ),
        *(("-a--b-", "a-b"), ("  ", ""), ("x-1", "x-1")),
    ],
)
async def test_short_name_is_a_slug_of_the_input(test_app, browser, typed, short_name):
    await submit(browser, "/admin/server_create", name="New", short_name=typed)
    assert [world.short_name for world in worlds(test_app)] == [short_name]


async def test_concurrent_worlds_with_one_short_name_leave_one(test_app, browser):
    token = await browser.csrf_token("/admin/games")
    fields = {"csrf_token": token, "name": "W", "short_name": "one"}
    answers = await gather(*(browser.post("/admin/server_create", **fields) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [302, 400, 400]
    assert len(worlds(test_app)) == len(done(test_app)) == 1


async def test_install_command_pairs_the_agent_once(test_app, browser):
    world = await make_world(test_app)
    answer = await submit(browser, f"/admin/servers/{world.id}/pair")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    code, command = shown(answer, "pairing-code"), shown(answer, "start")
    origin = str(test_app.url("/")).rstrip("/")
    assert f"curl -fsSO {origin}/mc/mc_coal_agent.py && " in command
    assert command.endswith(f"python3 mc_coal_agent.py --url {origin} --pair {code}")
    assert code not in (await browser.get(f"/admin/servers/{world.id}")).raw.decode()
    [pairing] = test_app.core.state.all(PairingCode)
    assert pairing.digest == hashlib.sha256(code.encode()).hexdigest()
    paired = await test_app.core.execute(pair_agent, code=code)
    assert secret_of(test_app, world.id) == paired.secret
    assert [action for action, *_ in done(test_app)] == ["pairing_opened", "agent_paired"]
    assert code not in str(done(test_app))


async def test_install_command_uses_the_public_address():
    async with run_test_app(base_url="https://coal.example") as test_app:
        browser = await make_admin(test_app)
        world = await make_world(test_app)
        answer = await submit(browser, f"/admin/servers/{world.id}/pair")
        assert "--url https://coal.example --pair" in shown(answer, "start")


async def test_invalid_host_header_is_not_part_of_the_install_command(test_app, browser):
    world = await make_world(test_app)
    token = await browser.csrf_token("/admin/games")
    body = f"csrf_token={token}".encode()
    media_type = "application/x-www-form-urlencoded"
    path = f"/admin/servers/{world.id}/pair"
    answer = await browser.request(
        "POST", path, body, Content_Type=media_type, Host="x;touch$IFS/tmp/x"
    )
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert "--url http://localhost --pair" in shown(answer, "start")


async def test_reset_secret_is_shown_once_and_replaces_the_old_one(test_app, browser):
    world = await make_world(test_app)
    before = secret_of(test_app, world.id)
    agent = test_app.core.query(agent_of_world, world=world.id)
    tokens = await test_app.core.execute(issue_agent_tokens, client=agent.id)
    reporting = ApiClient(test_app, tokens.access)
    assert (await reporting.get("/api/v1/agents/lastline")).status == 200
    answer = await submit(browser, f"/admin/servers/{world.id}/secret")
    assert (await reporting.get("/api/v1/agents/lastline")).status == 401
    assert shown(answer, "client-secret") == secret_of(test_app, world.id) != before
    page = (await browser.get(f"/admin/servers/{world.id}")).raw.decode()
    assert secret_of(test_app, world.id) not in page
    assert secret_of(test_app, world.id) not in str(done(test_app))


async def test_each_changed_setting_is_audited(test_app, browser):
    world = await make_world(test_app)
    answer = await save_world(browser, name="Nether", short_name="nether", public="1")
    assert answer.headers["Location"] == f"/admin/servers/{world.id}?done=saved"
    [world] = worlds(test_app)
    assert (world.name, world.short_name, world.public) == ("Nether", "nether", True)
    await save_world(browser, name="Nether", short_name="nether", public="1")
    await save_world(browser, name="Nether", short_name="")
    assert done(test_app) == [
        ("short_name_set", "Overworld", "nether"),
        ("world_renamed", "Overworld", "Nether"),
        ("world_made_public", "Nether", ""),
        ("short_name_set", "Nether", ""),
        ("world_made_private", "Nether", ""),
    ]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("whitelist add Ann", "whitelist add Ann"),
        (" a\r\nstop\x00 ", None),
        ("say \u2028op Eve", "say  op Eve"),
        ("  ", None),
    ],
)
async def test_command_is_reduced_to_one_line(test_app, browser, typed, line):
    world = await make_world(test_app)
    answer = await submit(browser, f"/admin/servers/{world.id}/command", command=typed)
    lines = [command.text for command in test_app.core.query(queued_commands, world=world.id)]
    if "\0" in typed:
        assert answer.status == 400
    assert lines == ([line] if line else [])
    assert all("\n" not in text and "\r" not in text for text in lines)
    assert [detail for _, _, detail in done(test_app)] == lines


async def test_line_break_does_not_start_a_second_command(test_app, browser):
    world = await make_world(test_app)
    await submit(browser, f"/admin/servers/{world.id}/command", command="say hi\r\nop Eve")
    [line] = test_app.core.query(queued_commands, world=world.id)
    assert "\n" not in line.text and "\r" not in line.text
    assert "op Eve" in words(await browser.get(f"/admin/servers/{world.id}"))


async def test_archived_world_is_not_listed_and_frees_its_short_name(test_app, browser):
    world = await make_world(test_app, "Nether", "nether")
    path = f"/admin/servers/{world.id}/deactivate"
    assert "cannot be restored" in words(await browser.get(path))
    answer = await submit(browser, path)
    assert answer.headers["Location"] == "/admin/servers?done=ended"
    assert worlds(test_app) == [] and (await submit(browser, path)).status == 404
    assert (await browser.get(f"/admin/servers/{world.id}")).status == 404
    await submit(browser, "/admin/server_create", name="New", short_name="nether")
    assert [world.short_name for world in worlds(test_app)] == ["nether"]


async def ping_with(test_app, *findings):
    await test_app.core.execute(record_ping, world_id=1, ping=Ping(running=True, findings=findings))


@pytest.mark.parametrize("code", sorted(FINDINGS))
async def test_finding_of_the_agent_is_shown_with_what_to_do(test_app, browser, code):
    await make_world(test_app)
    assert "agent-findings" not in (await browser.get("/admin/servers/1")).raw.decode()
    await ping_with(test_app, AgentFinding(code, "<b>x"))
    page = (await browser.get("/admin/servers/1")).raw.decode()
    assert "agent-findings" in page and "&lt;b&gt;x" in page and "<b>x" not in page
    await ping_with(test_app)
    assert "agent-findings" not in (await browser.get("/admin/servers/1")).raw.decode()


async def test_finding_of_a_newer_agent_is_shown_in_its_words(test_app, browser):
    await make_world(test_app)
    await ping_with(test_app, AgentFinding("new_code", "/x", "Do this & that."))
    assert "Do this &amp; that. (/x)" in (await browser.get("/admin/servers/1")).raw.decode()


async def test_worlds_come_in_pages(test_app, browser):
    for number in range(53):
        await make_world(test_app, f"World {number}.")
    first, second = await browser.get("/admin/servers"), await browser.get("/admin/servers?page=2")
    assert "World 49." in words(first) and "World 50." not in words(first)
    assert 'rel="next" href="/admin/servers?page=2"' in first.raw.decode()
    assert "World 49." not in words(second) and "World 52." in words(second)
