"""Admins and worlds: made, paired with an agent, renamed, opened to all, spoken to, ended."""

import hashlib
from asyncio import gather

import pytest

from coalserver.core.commands.pairing import pair_agent
from coalserver.core.queries.oauth import agent_of
from coalserver.core.queries.worlds import active_worlds, waiting_for
from coalserver.domain.accounts.oauth import Pairing
from tests.apis.app import SAFE, a_house
from tests.site.admins import a_world, an_admin, asks, done, shown, words


@pytest.fixture
async def surfer(house):
    return await an_admin(house)


def worlds(house):
    return house.core.see(active_worlds)


def secret_of(house, world):
    return SAFE.opened(house.core.see(agent_of, world=world).secret)


async def saves(surfer, id=1, name="Overworld", short_name="", **more):
    return await asks(surfer, f"/admin/servers/{id}", name=name, short_name=short_name, **more)


async def test_a_world_is_made_with_its_agent(house, surfer):
    answer = await asks(surfer, "/admin/server_create", name=" My World ", short_name="my-world")
    [world] = worlds(house)
    assert answer.headers["Location"] == f"/admin/servers/{world.id}#agent"
    assert (world.name, world.short_name, world.hosted, world.public) == (
        "My World",
        "my-world",
        False,
        False,
    )
    assert house.core.see(agent_of, world=world.id) is not None
    assert done(house) == [("world_added", "My World", "")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "A name has"),
        ({"name": " \u2028 "}, "A name has"),
        ({"name": "x" * 101}, "A name has"),
        ({"short_name": "!?"}, "A short name has"),
        ({"short_name": "x" * 51}, "A short name has"),
        ({"short_name": "nether"}, "Another world has this short name."),
        ({"short_name": "Admin"}, "A page of this site has this address."),
    ],
)
async def test_a_world_that_cannot_be_is_not_made(house, surfer, fields, said):
    await a_world(house, "Nether", "nether")
    answer = await asks(surfer, "/admin/server_create", **{"name": "New", **fields})
    assert answer.status == 400 and said in words(answer)
    assert len(worlds(house)) == 1 and done(house) == []
    answer = await saves(surfer, (await a_world(house)).id, **{"name": "New", **fields})
    assert answer.status == 400 and said in words(answer)
    assert [world.name for world in worlds(house)] == ["Nether", "Overworld"]


@pytest.mark.parametrize(
    ("typed", "short"),
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
async def test_a_short_name_is_made_of_what_was_typed(house, surfer, typed, short):
    await asks(surfer, "/admin/server_create", name="New", short_name=typed)
    assert [world.short_name for world in worlds(house)] == [short]


async def test_of_two_worlds_with_one_short_name_at_once_one_is_made(house, surfer):
    seal = await surfer.seal("/admin/games")
    fields = {"csrf_token": seal, "name": "W", "short_name": "one"}
    answers = await gather(*(surfer.post("/admin/server_create", **fields) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [302, 400, 400]
    assert len(worlds(house)) == len(done(house)) == 1


async def test_a_start_command_pairs_the_agent_once(house, surfer):
    world = await a_world(house)
    answer = await asks(surfer, f"/admin/servers/{world.id}/pair")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    code, command = shown(answer, "pairing-code"), shown(answer, "start")
    origin = str(house.url("/")).rstrip("/")
    assert f"curl -fsSO {origin}/mc/mc_coal_agent.py && " in command
    assert command.endswith(f"python3 mc_coal_agent.py --url {origin} --pair {code}")
    assert code not in (await surfer.get(f"/admin/servers/{world.id}")).raw.decode()
    [kept] = house.core.state.all(Pairing)
    assert kept.digest == hashlib.sha256(code.encode()).hexdigest()
    paired = await house.core.do(pair_agent, code=code)
    assert secret_of(house, world.id) == paired.secret
    assert [what for what, *_ in done(house)] == ["pairing_opened", "agent_paired"]
    assert code not in str(done(house))


async def test_behind_a_proxy_the_command_names_the_address_outside():
    async with a_house(base_url="https://coal.example") as house:
        surfer = await an_admin(house)
        world = await a_world(house)
        answer = await asks(surfer, f"/admin/servers/{world.id}/pair")
        assert "--url https://coal.example --pair" in shown(answer, "start")


async def test_a_host_that_nobody_has_is_no_command(house, surfer):
    world = await a_world(house)
    seal = await surfer.seal("/admin/games")
    body = f"csrf_token={seal}".encode()
    media = "application/x-www-form-urlencoded"
    path = f"/admin/servers/{world.id}/pair"
    answer = await surfer.ask("POST", path, body, Content_Type=media, Host="x;touch$IFS/tmp/x")
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert "--url 'http://x;touch$IFS/tmp/x' --pair" in shown(answer, "start")


async def test_a_new_secret_is_shown_once_and_the_old_one_stops(house, surfer):
    world = await a_world(house)
    before = secret_of(house, world.id)
    answer = await asks(surfer, f"/admin/servers/{world.id}/secret")
    assert shown(answer, "client-secret") == secret_of(house, world.id) != before
    page = (await surfer.get(f"/admin/servers/{world.id}")).raw.decode()
    assert secret_of(house, world.id) not in page
    assert secret_of(house, world.id) not in str(done(house))


async def test_names_and_readers_change_one_by_one(house, surfer):
    world = await a_world(house)
    answer = await saves(surfer, name="Nether", short_name="nether", public="1")
    assert answer.headers["Location"] == f"/admin/servers/{world.id}?done=saved"
    [world] = worlds(house)
    assert (world.name, world.short_name, world.public) == ("Nether", "nether", True)
    await saves(surfer, name="Nether", short_name="nether", public="1")
    await saves(surfer, name="Nether", short_name="")
    assert done(house) == [
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
async def test_a_command_is_one_line(house, surfer, typed, line):
    world = await a_world(house)
    answer = await asks(surfer, f"/admin/servers/{world.id}/command", command=typed)
    told = [one.text for one in house.core.see(waiting_for, world=world.id)]
    if "\0" in typed:
        assert answer.status == 400
    assert told == ([line] if line else [])
    assert all("\n" not in one and "\r" not in one for one in told)
    assert [detail for _, _, detail in done(house)] == told


async def test_a_line_break_begins_no_second_command(house, surfer):
    world = await a_world(house)
    await asks(surfer, f"/admin/servers/{world.id}/command", command="say hi\r\nop Eve")
    [line] = house.core.see(waiting_for, world=world.id)
    assert "\n" not in line.text and "\r" not in line.text
    assert "op Eve" in words(await surfer.get(f"/admin/servers/{world.id}"))


async def test_an_ended_world_is_in_no_list_and_its_short_name_is_free(house, surfer):
    world = await a_world(house, "Nether", "nether")
    path = f"/admin/servers/{world.id}/deactivate"
    assert "no way back" in words(await surfer.get(path))
    answer = await asks(surfer, path)
    assert answer.headers["Location"] == "/admin/servers?done=ended"
    assert worlds(house) == [] and (await asks(surfer, path)).status == 404
    assert (await surfer.get(f"/admin/servers/{world.id}")).status == 404
    await asks(surfer, "/admin/server_create", name="New", short_name="nether")
    assert [one.short_name for one in worlds(house)] == ["nether"]
