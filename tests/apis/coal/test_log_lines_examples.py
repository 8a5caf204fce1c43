"""The document's samples for log lines: status, members, types and formats."""

import re
from typing import Any

import pytest

from tests.apis.app import TestApp
from tests.apis.coal.clients import FORM, User, WorldFixture, make_user, make_world
from tests.apis.coal.examples_log_lines import EXAMPLES, LISTS, PATTERNS, Example
from tests.apis.coal.log_lines import AT


def assert_same_shape(sample: Any, actual: Any) -> None:
    """Check that members, types and formats equal the sample's."""
    assert type(actual) is type(sample), (actual, sample)
    if isinstance(sample, list):
        assert len(actual) >= len(sample) or not sample or not isinstance(sample[0], dict)
        for inner in actual:
            assert_same_shape(sample[0], inner)
    elif isinstance(sample, dict):
        assert set(actual) == set(sample)
        for name, inner in sample.items():
            if inner is not None and actual[name] is not None:
                assert_same_shape(inner, actual[name])
            if name in PATTERNS:
                assert re.fullmatch(PATTERNS[name], actual[name]), (name, actual[name])


async def make_scene(test_app: TestApp) -> tuple[User, WorldFixture, dict[str, str]]:
    """Create a world whose log has the lines of all samples, and return the keys of its entries."""
    test_app.clock.now = AT
    thomas, world = (
        await make_user(test_app, usernames=("gumptionthomas",)),
        await make_world(test_app),
    )
    login = "gumptionthomas[/192.0.2.7:5] logged in with entity id 8 at (1.5, 64.0, 2.0)"
    await world.write_log("2013-04-19 00:10:00 [INFO] " + login)
    for rows in LISTS.values():
        await world.write_log(*(row["line"] for row in rows))
    keys = {"server": world.path.rpartition("/")[2]}
    for name in LISTS:
        rows = (await thomas.get(f"{world.path}/{name}")).json[name]
        keys[name] = rows[-1]["key"]
    keys["player"] = (await thomas.get(world.path + "/players")).json["players"][0]["key"]
    return thomas, world, keys


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_documented_example_matches(test_app: TestApp, example: Example):
    thomas, _, keys = await make_scene(test_app)
    answer = await thomas.request(
        example.method,
        example.path.format(**keys),
        example.form,
        **({"Content_Type": FORM} if example.form else {}),
    )
    assert answer.status == example.status
    assert answer.headers["Content-Type"].startswith("application/json")
    if example.answer is None:
        assert answer.raw == b""
    else:
        assert_same_shape(example.answer, answer.json)


@pytest.mark.parametrize("name", LISTS)
async def test_documented_log_lines_give_the_documented_values(test_app: TestApp, name: str):
    thomas, world, _ = await make_scene(test_app)
    members = [
        name
        for name in LISTS[name][0]
        if name in ("line", "chat", "message", "name", "tags", "log_level")
    ]
    rows = (await thomas.get(f"{world.path}/{name}?size=50")).json[name]
    for sample in LISTS[name]:
        (row,) = [row for row in rows if row["line"] == sample["line"]]
        assert [row[member] for member in members] == [sample[member] for member in members]
