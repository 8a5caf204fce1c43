"""How hosted worlds are to be run, as the document has it (2.3.4)."""

import asyncio
from typing import Any

import pytest

from coalserver.core.commands.worlds import archive_world
from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.examples import DEFAULT_PROPERTIES

#: What holds of a world of which nothing was said.
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
async def place(test_app: TestApp) -> WorldFixture:
    return await make_world(test_app, hosted=True)


async def said(user: User, place: WorldFixture) -> dict[str, Any]:
    answer = await user.get(place.path + "/properties")
    assert answer.status == 200
    return answer.json  # type: ignore[no-any-return]


async def changed(user: User, place: WorldFixture, **given: Any) -> dict[str, Any]:
    """What is answered to a form is what is read afterwards."""
    answer = await user.send(place.path + "/properties", **given)
    assert answer.status == 200, answer.raw
    assert answer.json == await said(user, place)
    return answer.json  # type: ignore[no-any-return]


async def test_new_world_has_the_default_properties(root: User, place: WorldFixture):
    key = place.path.rpartition("/")[2]
    assert await said(root, place) == {"key": key, **DEFAULTS}


async def test_omitted_properties_are_unchanged(root: User, place: WorldFixture):
    before = await changed(root, place, server_port=25570, pvp="true", version="1.7.4")
    after = await changed(root, place, motd="Hello", gamemode=1, unknown="x", key="y")
    assert after == {**before, "motd": "Hello", "gamemode": 1}
    assert await changed(root, place) == after


@pytest.mark.parametrize(("name", "bounds"), BOUNDS.items())
async def test_number_outside_its_bounds_is_rejected(
    root: User, place: WorldFixture, name: str, bounds: tuple[int, int]
):
    low, high = bounds
    path = place.path + "/properties"
    for number in bounds:
        assert (await changed(root, place, **{name: number}))[name] == number
        assert (await root.post(path, {name: number})).json[name] == number
    for number in (low - 1, high + 1, 10**17):
        for answer in (
            await root.send(path, **{name: number}),
            await root.post(path, {name: number}),
        ):
            assert answer.status == 400
            assert answer.json == {"errors": f"{name}: Number must be between {low} and {high}."}
    for odd in ("x", "1.5", "٣", True, 1.5):
        answer = await root.post(path, {name: odd})
        assert (answer.status, answer.json) == (
            400,
            {"errors": f"{name}: Not a valid integer value."},
        )
    assert (await said(root, place))[name] == high


@pytest.mark.parametrize("name", FLAGS)
async def test_flag_accepts_the_boolean_words_of_this_api(root: User, place: WorldFixture, name: str):
    for word, meant in {
        "true": True,
        "false": False,
        "yes": True,
        "off": False,
        "1": True,
        "": False,
    }.items():
        assert (await changed(root, place, **{name: word}))[name] is meant
    for meant in (True, False):
        assert (await root.post(place.path + "/properties", {name: meant})).json[name] is meant


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("memory", ["256M", "512M", "1G", "2G", "3G", "4G"], ["1g", "5G", "lots"]),
        ("level_type", ["DEFAULT", "FLAT", "LARGEBIOMES", "AMPLIFIED"], ["flat", "CUSTOM"]),
    ],
)
async def test_choice_must_match_exactly(
    root: User, place: WorldFixture, name: str, good: list[str], bad: list[str]
):
    for word in good:
        assert (await changed(root, place, **{name: word}))[name] == word
    for word in bad:
        answer = await root.send(place.path + "/properties", **{name: word})
        assert (answer.status, answer.json) == (400, {"errors": f"{name}: Not a valid choice."})
    assert (await said(root, place))[name] == good[-1]


async def test_blank_value_clears_only_texts_flags_and_the_port(
    root: User, place: WorldFixture
):
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
    before = await changed(root, place, **full)
    after = await changed(root, place, **dict.fromkeys(full, ""))
    emptied = dict.fromkeys(
        ("operator", "motd", "level_seed", "generator_settings", "resource_pack"), ""
    )
    assert after == {**before, **emptied, "pvp": False, "server_port": None}


async def test_all_errors_are_listed_and_nothing_is_changed(root: User, place: WorldFixture):
    answer = await root.send(place.path + "/properties", gamemode=7, memory="x", motd="Hello")
    assert answer.status == 400
    assert answer.json == {
        "errors": "memory: Not a valid choice. gamemode: Number must be between 0 and 2."
    }
    assert (await said(root, place))["motd"] == DEFAULTS["motd"]


async def test_port_is_kept_until_it_is_changed_or_cleared(root: User, place: WorldFixture):
    """The original lost it with the next change of anything else, and did not keep it if it came alone (hole 12)."""
    assert (await changed(root, place, server_port=25571))["server_port"] == 25571
    for given in ({"motd": "Hi"}, {"memory": "1G"}, {"version": "1.8", "pvp": "true"}, {}):
        assert (await changed(root, place, **given))["server_port"] == 25571
    assert (await changed(root, place, server_port=""))["server_port"] is None
    await changed(root, place, server_port=25571)
    assert (await root.post(place.path + "/properties", {"server_port": None})).json[
        "server_port"
    ] is None


async def test_port_of_another_world_is_rejected_until_it_is_free(
    test_app: TestApp, root: User, place: WorldFixture
):
    other = await make_world(test_app, hosted=True)
    await changed(root, other, server_port=25566)
    await changed(root, other, server_port=25566)
    answer = await root.send(place.path + "/properties", server_port=25566, motd="Hi")
    assert answer.status == 400
    assert answer.json == {"errors": "server_port: It is another server's already."}
    assert (await said(root, place))["motd"] == DEFAULTS["motd"]
    await test_app.core.execute(archive_world, world_id=other.id)
    assert (await changed(root, place, server_port=25566))["server_port"] == 25566


async def test_concurrent_changes_are_all_saved(persistent_test_app: TestApp):
    root, place = (
        await make_admin(persistent_test_app),
        await make_world(persistent_test_app, hosted=True),
    )
    path = place.path + "/properties"
    given = [{name: low} for name, (low, _) in BOUNDS.items()] + [{"motd": "Hi"}, {"pvp": True}]
    answers = await asyncio.gather(*(root.post(path, one) for one in given))
    assert {answer.status for answer in answers} == {200}
    await persistent_test_app.restart()
    after = await said(root, place)
    for one in given:
        assert one.items() <= after.items()


async def test_concurrent_requests_for_one_port_succeed_once(test_app: TestApp, root: User):
    places = [await make_world(test_app, hosted=True) for _ in range(3)]
    answers = await asyncio.gather(
        *(root.send(place.path + "/properties", server_port=25565) for place in places)
    )
    assert sorted(answer.status for answer in answers) == [200, 400, 400]


async def test_text_keeps_any_letters_on_one_line(root: User, place: WorldFixture):
    text = "Grüße, 北京 \U0001f3d4 " + "x" * 600
    assert (await changed(root, place, motd=text))["motd"] == text
    after = await changed(root, place, motd="Hi\r\nop-permission-level=4\x1b", operator="bob\nstop")
    assert (after["motd"], after["operator"]) == ("Hi op-permission-level=4 ", "bob stop")


async def test_eula_agreement_is_stored_and_not_returned(
    test_app: TestApp, root: User, place: WorldFixture
):
    after = await changed(root, place, eula_agree="true")
    assert "eula_agree" not in after
    assert b'"eula_agree":true' in place.now.properties


async def test_properties_of_a_world_that_is_not_hosted_are_not_found(test_app: TestApp, root: User):
    other = await make_world(test_app)
    for path in (other.path, "/api/v1/servers/nothing"):
        for answer in (
            await root.get(path + "/properties"),
            await root.send(path + "/properties", motd="Hi"),
        ):
            assert (answer.status, answer.raw) == (404, b"")


async def test_all_users_read_properties_and_only_admins_change_them(
    test_app: TestApp, place: WorldFixture
):
    thomas = await make_user(test_app)
    assert (await said(thomas, place))["memory"] == "256M"
    answer = await thomas.send(place.path + "/properties", memory="4G")
    assert (answer.status, answer.raw) == (403, b"")
