"""Servers (section 2.3.4 of the document)."""

import pytest

from coalserver.apis.coal import params
from coalserver.apis.coal.params import MAX_PARAMS_BYTES
from coalserver.core.queries.admin import list_audit_entries
from coalserver.core.queries.worlds import active_worlds
from coalserver.domain.text import one_line
from tests.apis.app import TestApp
from tests.apis.coal.clients import FORM, make_admin, make_user, make_world
from tests.apis.hosting import make_startable

MEMBERS = {
    "key",
    "name",
    "short_name",
    "gce",
    "running_version",
    "address",
    "status",
    "last_ping",
    "server_day",
    "server_time",
    "is_raining",
    "is_thundering",
    "created",
    "updated",
}


async def test_created_server_is_visible_to_all_users(test_app: TestApp):
    root, thomas = await make_admin(test_app), await make_user(test_app)
    created = await root.request(
        "POST",
        "/api/v1/servers",
        b"name=Brave+New+World&gce=true&version=1.7.4&memory=256M",
        Content_Type=FORM,
    )
    assert created.status == 201 and set(created.json) == MEMBERS
    assert (created.json["name"], created.json["gce"]) == ("Brave New World", True)
    assert created.json["status"] == "UNKNOWN" and created.json["last_ping"] is None
    assert (await thomas.get("/api/v1/servers")).json == {"servers": [created.json]}
    assert (await thomas.get("/api/v1/servers/" + created.json["key"])).json == created.json


async def test_only_admins_create_and_rename_servers(test_app: TestApp):
    thomas, world = await make_user(test_app), await make_world(test_app)
    for path in ("/api/v1/servers", world.path):
        answer = await thomas.send(path, name="Mine", gce="false")
        assert (answer.status, answer.raw) == (403, b"")


async def test_rename_returns_the_whole_server(test_app: TestApp):
    root, world = await make_admin(test_app), await make_world(test_app)
    answer = await root.post(world.path, {"name": "Not So Brave New World"})
    assert answer.status == 200 and set(answer.json) == MEMBERS
    assert answer.json["name"] == "Not So Brave New World"


async def test_control_characters_in_a_name_become_spaces(test_app: TestApp):
    root = await make_admin(test_app)
    created = (await root.send("/api/v1/servers", name="My\r\nWorld \x1b[31m", gce="true")).json
    assert created["name"] == "My World  [31m"
    key = f"/api/v1/servers/{created['key']}"
    assert (await root.post(key, {"name": " Ours\x07\u2028now "})).json["name"] == "Ours now"


@pytest.mark.parametrize("gce", [True, "yes", 1, "true"])
async def test_gce_accepts_boolean_words_in_json(test_app: TestApp, gce: object):
    root = await make_admin(test_app)
    answer = await root.post("/api/v1/servers", {"name": "W", "gce": gce})
    assert (answer.status, answer.json["gce"]) == (201, True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "name: This field is required. gce: This field is required."),
        ({"name": " ", "gce": False}, "name: This field is required."),
        ({"name": None, "gce": False}, "name: This field is required."),
        ({"name": "\r\n\x1b", "gce": False}, "name: This field is required."),
        ({"name": ["x"], "gce": False}, "name: Not a single value."),
        ({"name": "a\0b", "gce": False}, "The body holds a NUL character."),
        ([], "The body must be a JSON object."),
        (b"{", "The body is not valid JSON"),
    ],
)
async def test_server_without_name_or_gce_is_rejected(
    test_app: TestApp, body: object, message: str
):
    answer = await (await make_admin(test_app)).post("/api/v1/servers", body)
    assert answer.status == 400 and answer.json["errors"].startswith(message)


async def test_form_without_content_type_is_accepted(test_app: TestApp):
    root = await make_admin(test_app)
    answer = await root.request("POST", "/api/v1/servers", b"name=W&gce=0", Content_Type="")
    assert (answer.status, answer.json["gce"]) == (201, False)


async def test_invalid_request_is_400_also_for_an_unknown_server(test_app: TestApp):
    root = await make_admin(test_app)
    assert (await root.post("/api/v1/servers/nothing", {})).status == 400
    answer = await root.post("/api/v1/servers/nothing", {"name": "x"})
    assert (answer.status, answer.raw) == (404, b"")


async def test_405_and_404_have_no_body(test_app: TestApp):
    root = await make_admin(test_app)
    answer = await root.request("DELETE", "/api/v1/servers")
    assert (answer.status, answer.raw) == (405, b"") and "POST" in answer.headers["Allow"]
    answer = await root.get("/api/v1/nothing")
    assert (answer.status, answer.raw) == (404, b"")


async def test_changes_by_an_admin_are_audited(test_app: TestApp):
    root = await make_admin(test_app)
    created = await root.post("/api/v1/servers", {"name": "Brave", "gce": True})
    path = "/api/v1/servers/" + created.json["key"]
    await root.post(path, {"name": "New"})
    await root.post(path + "/properties", {"motd": "Hello", "pvp": False, "eula_agree": True})
    (world,) = test_app.core.query(active_worlds)
    await make_startable(test_app.core, world.id)
    await root.post(path + "/queue/play")
    await root.post(path + "/queue/pause")
    await root.post(path + "/queue/pause")
    await root.post(path, {"name": ""})
    found, _ = test_app.core.query(list_audit_entries, limit=10)
    assert [(str(entry.action), entry.subject, entry.detail) for entry in reversed(found)] == [
        ("world_added", "Brave", ""),
        ("world_renamed", "Brave", "New"),
        ("eula_agreed", "New", ""),
        ("properties_set", "New", "motd, pvp, eula_agree"),
        ("world_played", "New", ""),
        ("world_paused", "New", ""),
    ]
    assert all(entry.actor and entry.actor_name for entry in found)


async def test_body_is_limited_to_what_parameters_need(test_app: TestApp):
    root = await make_admin(test_app)
    for more, refused in ((0, False), (1, True)):
        raw = b"{}" + b" " * (MAX_PARAMS_BYTES - 2 + more)
        assert ((await root.post("/api/v1/servers", raw)).status == 413) is refused


async def test_line_that_is_much_too_long_is_refused_as_it_is(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
):
    seen: list[int] = []
    monkeypatch.setattr(params, "one_line", lambda text: seen.append(len(text)) or one_line(text))
    root = await make_admin(test_app)
    answer = await root.post("/api/v1/servers", {"name": "a\n" * 50_000, "gce": False})
    expected = {"errors": "name: Field cannot be longer than 1000 characters."}
    assert (answer.status, answer.json, seen) == (400, expected, [])
    answer = await root.post("/api/v1/servers", {"name": "a" + "\n" * 1500, "gce": False})
    assert (answer.status, answer.json["name"]) == (201, "a")
