"""Commands that create and edit hosted worlds as a whole."""

import json

import pytest

from coalserver.core.commands.hosted_worlds import create_hosted_world, edit_hosted_world
from coalserver.core.commands.hosting_settings import add_version, set_further_properties
from coalserver.core.commands.worlds import create_world
from coalserver.core.queries.hosted_worlds import editable_values, obsolete_in_world
from coalserver.core.queries.hosting import get_run
from coalserver.core.queries.worlds import active_worlds
from coalserver.domain.audit import COMMAND_LINE, AuditEntry
from coalserver.domain.errors import DomainError, ErrorCode
from tests.core.commands.test_hosting import make_version
from tests.core.table import Table
from tests.domain.builders import raises_code


@pytest.fixture(autouse=True)
def define_versions(table: Table) -> None:
    for name in ("1.7.4", "1.20.4"):
        table.execute(add_version, version=make_version(name))


def create(table, **changes):
    return table.execute(create_hosted_world, actor=COMMAND_LINE, name="World", changes=changes)


def edit(table, world, expected=None, **changes):
    params = {"world_id": world.id, "changes": changes, "expected": expected or {}}
    return table.execute(edit_hosted_world, actor=COMMAND_LINE, **params)


def values(table, world):
    return table.query(editable_values, world_id=world.id)


def audit(table):
    return [(str(one.action), one.detail) for one in table.state.all(AuditEntry)]


def test_created_world_has_its_values_and_defaults(table):
    changes = {"version": "1.20.4", "memory": "6G", "eula_agree": True, "members_may_start": False}
    world = create(table, **changes, **{"file.max-tick-time": "-1"})
    found = values(table, world)
    assert {name: found[name] for name in changes} == changes
    assert (found["file.max-tick-time"], found["motd"]) == ("-1", "A Minecraft Server")
    assert audit(table) == [("world_added", ""), ("eula_agreed", "")]


@pytest.mark.parametrize(
    "changes",
    [{"version": "2.0"}, {"server_port": 25566}, {"file.motd": "x"}, {"colour": "red"}],
)
def test_invalid_value_leaves_no_world(table, changes):
    create(table, server_port=25566)
    with raises_code(ErrorCode.INVALID_REQUEST):
        create(table, **{"pvp": True, **changes})
    assert len(table.query(active_worlds)) == 1


def test_edit_changes_what_is_different_and_records_it(table):
    world = create(table, motd="before")
    before = audit(table)
    changes = {"name": "New", "short_name": "new", "public": True, "motd": "after", "pvp": False}
    changed = edit(table, world, **changes, eula_agree=True, members_may_start=False)
    assert set(changed) == {*changes, "eula_agree", "members_may_start"} - {"pvp"}
    assert audit(table)[len(before) :] == [
        ("short_name_set", "new"),
        ("world_renamed", "New"),
        ("world_made_public", ""),
        ("eula_agreed", ""),
        ("properties_set", "motd, members_may_start"),
    ]
    assert edit(table, world, **changes) == [] and len(audit(table)) == len(before) + 5


def test_options_stay_as_they_are_until_they_are_changed(table):
    world = create(table, members_may_start=False)
    assert (values(table, world)["members_may_start"], values(table, world)["wake_on_connect"]) == (
        False,
        False,
    )
    assert edit(table, world, wake_on_connect=True) == ["wake_on_connect"]
    edit(table, world, motd="other")
    found = values(table, world)
    assert (found["members_may_start"], found["wake_on_connect"]) == (False, True)
    assert edit(table, world, wake_on_connect=False) == ["wake_on_connect"]
    assert audit(table)[-1] == ("properties_set", "wake_on_connect")


def test_value_that_was_changed_meanwhile_is_not_replaced(table):
    world = create(table, motd="one", **{"file.a": "1"})
    seen = values(table, world)
    edit(table, world, motd="two", difficulty=3, **{"file.a": "2"})
    edit(table, world, seen, pvp=True)
    for name, value in (("motd", "three"), ("file.a", None)):
        with pytest.raises(DomainError) as caught:
            edit(table, world, seen, hardcore=True, **{name: value})
        assert caught.value.details["fields"] == {name: ["changed_meanwhile"]}
    assert edit(table, world, seen, motd="two") == []
    found = values(table, world)
    assert (found["motd"], found["difficulty"], found["hardcore"]) == ("two", 3, False)
    assert found["file.a"] == "2"


def test_rejected_value_changes_nothing(table):
    world = create(table)
    with raises_code(ErrorCode.SHORT_NAME_RESERVED):
        edit(table, world, motd="x", short_name="admin")
    with raises_code(ErrorCode.INVALID_REQUEST):
        edit(table, world, name="New", version="2.0")
    assert values(table, world)["name"] == "World"


def test_world_hosted_elsewhere_cannot_be_edited(table):
    world = table.execute(create_world, name="Far")
    with raises_code(ErrorCode.WORLD_NOT_FOUND):
        edit(table, world, motd="x")


def test_removed_further_line_is_remembered_for_the_file(table):
    world = create(table, **{"file.a": "1", "file.b": "2"})
    edit(table, world, **{"file.a": None, "file.c": None})
    hosted = get_run(table.state, world.id).hosted
    assert (json.loads(hosted.further), json.loads(hosted.removed)) == ({"b": "2"}, ["a"])
    edit(table, world, **{"file.a": "3"})
    assert json.loads(get_run(table.state, world.id).hosted.removed) == []


@pytest.mark.parametrize("key", ["motd", "server-port", "enable-rcon", "level-name", "white-list"])
def test_line_that_coalserver_writes_is_no_further_setting(table, key):
    world = create(table)
    with pytest.raises(DomainError) as caught:
        table.execute(set_further_properties, world_id=world.id, changes={key: "x"})
    assert caught.value.details["fields"] == {f"file.{key}": ["managed_key"]}


def test_obsolete_properties_are_those_of_the_version(table):
    world = create(table)
    assert table.query(obsolete_in_world, world_id=world.id) == frozenset()
    edit(table, world, version="1.7.4")
    assert table.query(obsolete_in_world, world_id=world.id) == frozenset()
    edit(table, world, version="1.20.4")
    obsolete = {"max_build_height", "snooper_enabled"}
    assert table.query(obsolete_in_world, world_id=world.id) == obsolete
