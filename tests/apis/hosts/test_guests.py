"""Admission, concurrent requests, and HTTP."""

import asyncio

import pytest

from coalserver.core.unit_of_work import Limits
from tests.apis.app import TestApp, run_test_app
from tests.apis.hosts.clients import make_host, make_hosted_session, make_hosts, make_noname_client

READS = [("GET", ""), ("GET", "/events"), ("POST", "/messages")]


async def test_admission_changes_apply_at_once(test_app: TestApp) -> None:
    host, guest = await make_hosts(test_app, 2)
    session = await host.launch()

    async def try_join() -> tuple[int, str]:
        answer = await guest.join_host(host)
        if answer.status == 200:
            await session.send_message(guest, type="leave")
        return answer.status, answer.json.get("message", "")

    denied, admitted = (404, "not welcome"), (200, "")
    assert await try_join() == denied
    await host.post(f"{host.path}/friends?friend={guest.uuid}")
    assert await try_join() == admitted
    await host.post(f"{host.path}/banlist?banned={guest.uuid}")
    assert await try_join() == denied
    await host.request("DELETE", f"{host.path}/banlist/{guest.uuid}")
    assert await try_join() == admitted
    await host.request("DELETE", f"{host.path}/friends/{guest.uuid}")
    assert await try_join() == denied
    await host.put(f"{host.path}/only_friends", {"only_friends": False})
    assert await try_join() == admitted


@pytest.mark.parametrize("admission", [(True, True), (True, False), (False, True), (False, False)])
async def test_noname_is_admitted_only_if_all_are(
    test_app: TestApp, admission: tuple[bool, bool]
) -> None:
    host = await make_host(test_app)
    only_friends, nonames = admission
    await host.set_admission(only_friends=only_friends, nonames=nonames)
    session = await host.launch()
    body = {"host": host.uuid.lower(), "guest": "NONAME"}
    answer = await test_app.anonymous.post("/sessions/players", body)
    if admission != (False, True):
        assert (answer.status, answer.json) == (404, {"message": "not welcome"})
        return
    assert set(answer.json) == {"session_id", "player", "token"}
    assert answer.headers["Location"].endswith(f"/sync/{session.id}")


async def test_lists_survive_a_restart_without_duplicates(
    persistent_test_app: TestApp,
) -> None:
    host, ann, bob = await make_hosts(persistent_test_app, 3)
    for _ in range(2):
        for other in (ann, bob):
            await host.post(f"{host.path}/friends?friend={other.uuid.lower()}")
        await host.post(f"{host.path}/banlist?banned={bob.uuid}")
    await persistent_test_app.restart()
    document = await host.document()
    assert document["friends"] == [ann.uuid, bob.uuid]
    assert document["banlist"] == [bob.uuid]


async def test_concurrent_launches_create_one_session(test_app: TestApp) -> None:
    host = await make_host(test_app)
    body = {"host": host.uuid}
    answers = await asyncio.gather(*(host.post("/sessions", body) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_concurrent_joins_of_one_guest_take_one_seat(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app, 0)
    guest = await make_host(test_app)
    answers = await asyncio.gather(*(guest.join_host(session.host) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [200, 400, 400]
    assert {answer.json.get("message") for answer in answers} == {None, "already in session"}


async def test_session_is_full_with_a_hundred_members(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app, 0)
    for _ in range(99):
        await make_noname_client(session)
    body = {"host": session.host.uuid, "guest": "NONAME"}
    answer = await test_app.anonymous.post("/sessions/players", body)
    assert (answer.status, answer.json) == (400, {"message": "session full"})


async def test_member_of_another_session_can_neither_join_nor_launch(test_app: TestApp) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    other, _ = await make_hosted_session(test_app, 0)
    answer = await guest.join_host(other.host)
    assert (answer.status, answer.json) == (400, {"message": "already in session"})
    assert (await guest.post("/sessions", {"host": guest.uuid})).status == 409


async def test_session_is_visible_only_to_members(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app, 0)
    other = await make_host(test_app)
    for method, path in READS:
        body = {"type": "command", "name": "x"} if method == "POST" else None
        assert (await other.request(method, session.path + path, body)).status == 403
        assert (await other.request(method, "/sessions/99" + path, body)).status == 404
        assert (await other.request(method, "/sessions/x" + path, body)).status == 404
        assert (await test_app.anonymous.request(method, session.path + path, body)).status == 401


async def test_grace_is_configurable() -> None:
    async with run_test_app(limits=Limits(host_grace=5)) as test_app:
        session, (guest,) = await make_hosted_session(test_app)
        await test_app.advance(4)
        assert (await guest.get(session.path)).status == 200
        await test_app.advance(1)
        answer = await guest.get(session.path)
        assert (answer.status, answer.json) == (404, {"message": "no session"})


@pytest.mark.parametrize(
    ("base", "location"),
    [("https://play.example/", "wss://play.example"), ("http://x:1", "ws://x:1")],
)
async def test_location_uses_the_base_url(base: str, location: str) -> None:
    async with run_test_app(base_url=base) as test_app:
        host = await make_host(test_app)
        answer = await host.post("/sessions", {"host": host.uuid})
        assert answer.headers["Location"] == f"{location}/sync/1"


PATHS = [
    ("/hosts", "OPTIONS, POST"),
    ("/hosts/x", "GET, HEAD, OPTIONS"),
    ("/hosts/x/access_token", "GET, HEAD, OPTIONS"),
    ("/hosts/access_token/renew", "GET, HEAD, OPTIONS"),
    ("/hosts/x/only_friends", "OPTIONS, PUT"),
    ("/hosts/x/friends", "OPTIONS, POST"),
    ("/hosts/x/banlist/y", "DELETE, OPTIONS"),
    ("/sessions/players", "OPTIONS, POST"),
    ("/openapi.json", "GET, HEAD, OPTIONS"),
]


@pytest.mark.parametrize(("path", "allow"), PATHS)
async def test_preflight_allows_any_origin(test_app: TestApp, path: str, allow: str) -> None:
    answer = await test_app.anonymous.preflight(path, "authorization, content-type")
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == allow
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(("path", "allow"), PATHS)
async def test_wrong_method_is_405_with_allow(test_app: TestApp, path: str, allow: str) -> None:
    answer = await test_app.anonymous.request("PATCH", path)
    assert (answer.status, set(answer.json)) == (405, {"message"})
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize(
    "path", ["/hosts/x/y", "/hosts/x/y/", "/sessions/x/y", "/sync", "/sync/", "/sync/x/y"]
)
async def test_unknown_path_is_answered_in_the_format_of_this_api(
    test_app: TestApp, path: str
) -> None:
    answer = await test_app.anonymous.get(path)
    assert (answer.status, answer.json) == (404, {"message": "not found this"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_wrong_content_type_and_large_body_are_rejected() -> None:
    async with run_test_app(body_limit=4096) as test_app:
        host = await make_host(test_app)
        for path in ("/sessions", "/sessions/players"):
            wrong = await host.post(path, b"{}", Content_Type="text/plain")
            assert (wrong.status, set(wrong.json)) == (415, {"message"})
            large = await host.post(path, b" " * 5000)
            assert (large.status, set(large.json)) == (413, {"message"})


BODIES = [
    (b"", ["body", "host"], "missing"),
    (b"{}", ["body", "host"], "missing"),
    (b"{", ["body"], "json_invalid"),
    (b"[]", ["body"], "dict_type"),
    (b'{"host": null}', ["body", "host"], "string_type"),
    (b'{"host": 1}', ["body", "host"], "string_type"),
    (b'{"host": ["x"]}', ["body", "host"], "string_type"),
]


@pytest.mark.parametrize(("body", "loc", "kind"), BODIES)
async def test_invalid_body_is_answered_in_the_shape_of_fastapi(
    test_app: TestApp, body: bytes, loc: list[str], kind: str
) -> None:
    host = await make_host(test_app)
    answer = await host.post("/sessions", body)
    assert answer.status == 422
    (detail,) = answer.json["detail"]
    assert (detail["loc"], detail["type"]) == (loc, kind)


async def test_all_errors_of_a_body_are_listed(test_app: TestApp) -> None:
    host = await make_host(test_app)
    details = (await host.post("/sessions/players", {"host": 1})).json["detail"]
    found = [(detail["loc"], detail["type"], detail["msg"]) for detail in details]
    assert sorted(found) == [
        (["body", "guest"], "missing", "Field required"),
        (["body", "host"], "string_type", "Input should be a valid string"),
    ]
    answer = await host.put(f"{host.path}/only_friends", {"only_friends": "yes"})
    assert answer.json["detail"][0]["type"] in ("bool_type", "bool_parsing")
    answer = await host.post(f"{host.path}/friends")
    assert answer.json["detail"][0]["loc"] == ["query", "friend"]


async def test_failed_write_during_shutdown_is_503(test_app: TestApp) -> None:
    host = await make_host(test_app)
    test_app.core.feed.close()
    test_app.core.writer.close()
    requests = [
        ("GET", f"{host.path}/access_token", None, "auth"),
        ("GET", "/hosts/access_token/renew", None, "auth"),
        ("POST", "/hosts", None, "hosts"),
        ("PUT", f"{host.path}/only_friends", {"only_friends": True}, "hosts"),
        ("POST", "/sessions", {"host": host.uuid}, "sync"),
    ]
    for method, path, body, service in requests:
        answer = await host.request(method, path, body)
        assert (answer.status, answer.json) == (503, {"message": service})
    assert (await host.get("/sync/1")).status == 503


async def test_game_of_this_api_is_closed_to_other_apis(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app, 0)
    ann = await test_app.sign_in_guest()
    assert "hosts" not in {game["tag"] for game in (await ann.get("/games")).json}
    assert (await ann.post("/games/hosts/rooms", {"name": "x"})).status == 403
    assert (await ann.post(f"/games/hosts/sessions/{session.id}/join")).status == 404
    assert (await ann.get(f"/games/hosts/sessions/{session.id}")).status == 404
