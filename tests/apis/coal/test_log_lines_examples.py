"""The document's examples for lines, as a table: status, members, types and formats."""

import re
from typing import Any

import pytest

from tests.apis.app import TestApp
from tests.apis.coal.clients import FORM, User, WorldFixture, make_user, make_world
from tests.apis.coal.examples_log_lines import EXAMPLES, FORMS, LISTS, Example
from tests.apis.coal.log_lines import AT


def same_shape(sample: Any, given: Any) -> None:
    """These members and no others, each of its type and in its form."""
    assert type(given) is type(sample), (given, sample)
    if isinstance(sample, list):
        assert len(given) >= len(sample) or not sample or not isinstance(sample[0], dict)
        for inner in given:
            same_shape(sample[0], inner)
    elif isinstance(sample, dict):
        assert set(given) == set(sample)
        for name, inner in sample.items():
            if inner is not None and given[name] is not None:
                same_shape(inner, given[name])
            if name in FORMS:
                assert re.fullmatch(FORMS[name], given[name]), (name, given[name])


async def scene(test_app: TestApp) -> tuple[User, WorldFixture, dict[str, str]]:
    """A world whose log has the lines of all samples; and the keys of what is there."""
    test_app.clock.now = AT
    thomas, place = (
        await make_user(test_app, usernames=("gumptionthomas",)),
        await make_world(test_app),
    )
    login = "gumptionthomas[/192.0.2.7:5] logged in with entity id 8 at (1.5, 64.0, 2.0)"
    await place.logs("2013-04-19 00:10:00 [INFO] " + login)
    for rows in LISTS.values():
        await place.logs(*(row["line"] for row in rows))
    keys = {"server": place.path.rpartition("/")[2]}
    for name in LISTS:
        rows = (await thomas.get(f"{place.path}/{name}")).json[name]
        keys[name] = rows[-1]["key"]
    keys["player"] = (await thomas.get(place.path + "/players")).json["players"][0]["key"]
    return thomas, place, keys


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_documented_example_matches(
    test_app: TestApp, example: Example
):
    thomas, _, keys = await scene(test_app)
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
        same_shape(example.answer, answer.json)


@pytest.mark.parametrize("name", LISTS)
async def test_documented_log_lines_give_the_documented_values(test_app: TestApp, name: str):
    thomas, place, _ = await scene(test_app)
    told = [
        name
        for name in LISTS[name][0]
        if name in ("line", "chat", "message", "name", "tags", "log_level")
    ]
    rows = (await thomas.get(f"{place.path}/{name}?size=50")).json[name]
    for sample in LISTS[name]:
        (row,) = [row for row in rows if row["line"] == sample["line"]]
        assert [row[one] for one in told] == [sample[one] for one in told]
