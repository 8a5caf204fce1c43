"""Properties of hosted worlds (section 2.3.4 of the document)."""

import asyncio
from typing import Any

import pytest

from coalserver.core.commands.hosting_settings import add_version, set_properties
from coalserver.core.commands.worlds import archive_world
from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.examples import DEFAULT_PROPERTIES
from tests.apis.hosting import sample_version

#: Properties of a new hosted world.
DEFAULTS = {**DEFAULT_PROPERTIES, "max_world_size": 29999984}
BOUNDS = {
    "server_port": (25565, 25575),
    "idle_timeout": (0, 60),
    "gamemode": (0, 2),
    "difficulty": (0, 3),
    "max_build_height": (0, 1024),
    "view_distance": (3, 15),
    "player_idle_timeout": (0, 60),
    "max_players": (0, 10000),
    "max_world_size": (1, 29999984),
    "spawn_protection": (0, 24),
    "op_permission_level": (0, 4),
}
FLAGS = [name for name, value in DEFAULTS.items() if isinstance(value, bool)]


@pytest.fixture
async def root(test_app: TestApp) -> User:
    return await make_admin(test_app)


@pytest.fixture
async def world(test_app: TestApp) -> WorldFixture:
    for version in ("1.7.4", "1.8"):
        await test_app.core.execute(add_version, version=sample_version(version))
    return await make_world(test_app, hosted=True)


async def get_properties(user: User, world: WorldFixture) -> dict[str, Any]:
    answer = await user.get(world.path + "/properties")
    assert answer.status == 200
    return answer.json  # type: ignore[no-any-return]


async def change(user: User, world: WorldFixture, **changes: Any) -> dict[str, Any]:
    """Change properties, check that a read returns the same, and return them."""
    answer = await user.send(world.path + "/properties", **changes)
    assert answer.status == 200, answer.raw
    assert answer.json == await get_properties(user, world)
    return answer.json  # type: ignore[no-any-return]


async def test_world_with_memory_from_the_site_is_shown_and_changed(
    test_app: TestApp, root: User, world: WorldFixture
):
    await test_app.core.execute(set_properties, world_id=world.id, changes={"memory": "6G"})
    found = await get_properties(root, world)
    assert found["memory"] == "6G"
    # A client that sends back what it has read changes nothing else.
    given = {name: value for name, value in found.items() if name != "key" and value is not None}
    sent = given | {"motd": "Hi"}
    assert await change(root, world, **sent) == {**found, "motd": "Hi"}
    for memory in ("5G", "8G", "9G"):
        answer = await root.send(world.path + "/properties", memory=memory, motd="x")
        assert (answer.status, answer.json) == (400, {"errors": "memory: Not a valid choice."})
    assert (await change(root, world, memory="4G"))["memory"] == "4G"


async def test_new_world_has_the_default_properties(root: User, world: WorldFixture):
    key = world.path.rpartition("/")[2]
    assert await get_properties(root, world) == {"key": key, **DEFAULTS}


async def test_omitted_properties_are_unchanged(root: User, world: WorldFixture):
    before = await change(root, world, server_port=25570, pvp="true", version="1.7.4")
    after = await change(root, world, motd="Hello", gamemode=1, unknown="x", key="y")
    assert after == {**before, "motd": "Hello", "gamemode": 1}
    assert await change(root, world) == after


@pytest.mark.parametrize(("name", "bounds"), BOUNDS.items())
async def test_number_outside_its_bounds_is_rejected(
    root: User, world: WorldFixture, name: str, bounds: tuple[int, int]
):
    low, high = bounds
    path = world.path + "/properties"
    for number in bounds:
        assert (await change(root, world, **{name: number}))[name] == number
        assert (await root.post(path, {name: number})).json[name] == number
    for number in (low - 1, high + 1, 10**17):
        for answer in (
            await root.send(path, **{name: number}),
            await root.post(path, {name: number}),
        ):
            assert answer.status == 400
            assert answer.json == {"errors": f"{name}: Number must be between {low} and {high}."}
    for invalid in ("x", "1.5", "٣", True, 1.5):
        answer = await root.post(path, {name: invalid})
        assert (answer.status, answer.json) == (
            400,
            {"errors": f"{name}: Not a valid integer value."},
        )
    assert (await get_properties(root, world))[name] == high


@pytest.mark.parametrize("name", FLAGS)
async def test_flag_accepts_the_boolean_words_of_this_api(
    root: User, world: WorldFixture, name: str
):
    for word, expected in {
        "true": True,
        "false": False,
        "yes": True,
        "off": False,
        "1": True,
        "": False,
    }.items():
        assert (await change(root, world, **{name: word}))[name] is expected
    for expected in (True, False):
        assert (await root.post(world.path + "/properties", {name: expected})).json[
            name
        ] is expected


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("memory", ["256M", "512M", "1G", "2G", "3G", "4G"], ["1g", "5G", "lots"]),
        ("level_type", ["DEFAULT", "FLAT", "LARGEBIOMES", "AMPLIFIED"], ["flat", "CUSTOM"]),
    ],
)
async def test_choice_must_match_exactly(
    root: User, world: WorldFixture, name: str, good: list[str], bad: list[str]
):
    for word in good:
        assert (await change(root, world, **{name: word}))[name] == word
    for word in bad:
        answer = await root.send(world.path + "/properties", **{name: word})
        assert (answer.status, answer.json) == (400, {"errors": f"{name}: Not a valid choice."})
    assert (await get_properties(root, world))[name] == good[-1]


async def test_blank_value_clears_only_texts_flags_and_the_port(root: User, world: WorldFixture):
    full = {
        "server_port": 25570,
        "version": "1.7.4",
        "memory": "1G",
        "operator": "bob",
        "idle_timeout": 9,
        "motd": "Hi",
        "pvp": "true",
        "gamemode": 2,
        "difficulty": 3,
        "op_permission_level": 4,
        "level_type": "FLAT",
        "level_seed": "7",
        "generator_settings": "3",
        "resource_pack": "http://example.com/x",
    }
    before = await change(root, world, **full)
    after = await change(root, world, **dict.fromkeys(full, ""))
    emptied = dict.fromkeys(
        ("operator", "motd", "level_seed", "generator_settings", "resource_pack"), ""
    )
    assert after == {**before, **emptied, "pvp": False, "server_port": None}


async def test_all_errors_are_listed_and_nothing_is_changed(root: User, world: WorldFixture):
    answer = await root.send(world.path + "/properties", gamemode=7, memory="x", motd="Hello")
    assert answer.status == 400
    assert answer.json == {
        "errors": "memory: Not a valid choice. gamemode: Number must be between 0 and 2."
    }
    assert (await get_properties(root, world))["motd"] == DEFAULTS["motd"]


async def test_port_is_kept_until_it_is_changed_or_cleared(root: User, world: WorldFixture):
    """Defect 12: any other change cleared the port, and a port without other changes was not saved."""
    assert (await change(root, world, server_port=25571))["server_port"] == 25571
    for changes in ({"motd": "Hi"}, {"memory": "1G"}, {"version": "1.8", "pvp": "true"}, {}):
        assert (await change(root, world, **changes))["server_port"] == 25571
    assert (await change(root, world, server_port=""))["server_port"] is None
    await change(root, world, server_port=25571)
    assert (await root.post(world.path + "/properties", {"server_port": None})).json[
        "server_port"
    ] is None


async def test_version_must_be_defined(root: User, world: WorldFixture):
    answer = await root.send(world.path + "/properties", version="2.0", motd="Hi")
    assert (answer.status, answer.json) == (400, {"errors": "version: There is no such version."})
    assert (await get_properties(root, world))["motd"] == DEFAULTS["motd"]


async def test_port_of_another_world_is_rejected_until_it_is_free(
    test_app: TestApp, root: User, world: WorldFixture
):
    other = await make_world(test_app, hosted=True)
    await change(root, other, server_port=25566)
    await change(root, other, server_port=25566)
    answer = await root.send(world.path + "/properties", server_port=25566, motd="Hi")
    assert answer.status == 400
    assert answer.json == {"errors": "server_port: It is another server's already."}
    assert (await get_properties(root, world))["motd"] == DEFAULTS["motd"]
    await test_app.core.execute(archive_world, world_id=other.id)
    assert (await change(root, world, server_port=25566))["server_port"] == 25566


async def test_concurrent_changes_are_all_saved(persistent_test_app: TestApp):
    root, world = (
        await make_admin(persistent_test_app),
        await make_world(persistent_test_app, hosted=True),
    )
    path = world.path + "/properties"
    changes = [{name: low} for name, (low, _) in BOUNDS.items()] + [{"motd": "Hi"}, {"pvp": True}]
    answers = await asyncio.gather(*(root.post(path, change_made) for change_made in changes))
    assert {answer.status for answer in answers} == {200}
    await persistent_test_app.restart()
    after = await get_properties(root, world)
    for change_made in changes:
        assert change_made.items() <= after.items()


async def test_concurrent_requests_for_one_port_succeed_once(test_app: TestApp, root: User):
    worlds = [await make_world(test_app, hosted=True) for _ in range(3)]
    answers = await asyncio.gather(
        *(root.send(world.path + "/properties", server_port=25565) for world in worlds)
    )
    assert sorted(answer.status for answer in answers) == [200, 400, 400]


async def test_text_keeps_any_letters_on_one_line(root: User, world: WorldFixture):
    text = "Grüße, 北京 \U0001f3d4 " + "x" * 600
    assert (await change(root, world, motd=text))["motd"] == text
    after = await change(root, world, motd="Hi\r\nop-permission-level=4\x1b", operator="bob\nstop")
    assert (after["motd"], after["operator"]) == ("Hi op-permission-level=4 ", "bob stop")


async def test_eula_agreement_is_stored_and_not_returned(
    test_app: TestApp, root: User, world: WorldFixture
):
    after = await change(root, world, eula_agree="true")
    assert "eula_agree" not in after
    assert b'"eula_agree":true' in world.current.properties


async def test_properties_of_a_world_that_is_not_hosted_are_not_found(
    test_app: TestApp, root: User
):
    other = await make_world(test_app)
    for path in (other.path, "/api/v1/servers/nothing"):
        for answer in (
            await root.get(path + "/properties"),
            await root.send(path + "/properties", motd="Hi"),
        ):
            assert (answer.status, answer.raw) == (404, b"")


async def test_all_users_read_properties_and_only_admins_change_them(
    test_app: TestApp, world: WorldFixture
):
    thomas = await make_user(test_app)
    assert (await get_properties(thomas, world))["memory"] == "256M"
    answer = await thomas.send(world.path + "/properties", memory="4G")
    assert (answer.status, answer.raw) == (403, b"")
