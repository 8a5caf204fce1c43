"""Who is let in, what two who race get, and what HTTP brings besides."""

import asyncio

import pytest

from coalserver.core.unit_of_work import Limits
from tests.apis.app import TestApp, run_test_app
from tests.apis.hosts.clients import make_host, make_hosted_session, make_hosts, make_noname_client

READS = [("GET", ""), ("GET", "/events"), ("POST", "/messages")]


async def test_what_a_host_says_counts_at_once(test_app: TestApp) -> None:
    host, guest = await make_hosts(test_app, 2)
    session = await host.launch()

    async def let_in() -> tuple[int, str]:
        answer = await guest.join_host(host)
        if answer.status == 200:
            await session.send_message(guest, type="leave")
        return answer.status, answer.json.get("message", "")

    no, yes = (404, "not welcome"), (200, "")
    assert await let_in() == no
    await host.post(f"{host.path}/friends?friend={guest.uuid}")
    assert await let_in() == yes
    await host.post(f"{host.path}/banlist?banned={guest.uuid}")
    assert await let_in() == no
    await host.request("DELETE", f"{host.path}/banlist/{guest.uuid}")
    assert await let_in() == yes
    await host.request("DELETE", f"{host.path}/friends/{guest.uuid}")
    assert await let_in() == no
    await host.put(f"{host.path}/only_friends", {"only_friends": False})
    assert await let_in() == yes


@pytest.mark.parametrize("said", [(True, True), (True, False), (False, True), (False, False)])
async def test_a_guest_without_a_name_is_let_in_where_all_are_and_he_is(
    test_app: TestApp, said: tuple[bool, bool]
) -> None:
    host = await make_host(test_app)
    only_friends, nonames = said
    await host.set_admission(only_friends=only_friends, nonames=nonames)
    session = await host.launch()
    body = {"host": host.uuid.lower(), "guest": "NONAME"}
    answer = await test_app.anonymous.post("/sessions/players", body)
    if said != (False, True):
        assert (answer.status, answer.json) == (404, {"message": "not welcome"})
        return
    assert set(answer.json) == {"session_id", "player", "token"}
    assert answer.headers["Location"].endswith(f"/sync/{session.id}")


async def test_lists_are_kept_and_said_twice_they_are_said_once(
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


async def test_of_two_launches_at_once_one_is_a_conflict(test_app: TestApp) -> None:
    host = await make_host(test_app)
    body = {"host": host.uuid}
    answers = await asyncio.gather(*(host.post("/sessions", body) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_of_two_joins_at_once_one_is_in_the_session_already(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app, 0)
    guest = await make_host(test_app)
    answers = await asyncio.gather(*(guest.join_host(session.host) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [200, 400, 400]
    assert {answer.json.get("message") for answer in answers} == {None, "already in session"}


async def test_a_session_takes_a_hundred(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app, 0)
    for _ in range(99):
        await make_noname_client(session)
    body = {"host": session.host.uuid, "guest": "NONAME"}
    answer = await test_app.anonymous.post("/sessions/players", body)
    assert (answer.status, answer.json) == (400, {"message": "session full"})


async def test_who_sits_elsewhere_neither_joins_nor_launches(test_app: TestApp) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    other, _ = await make_hosted_session(test_app, 0)
    answer = await guest.join_host(other.host)
    assert (answer.status, answer.json) == (400, {"message": "already in session"})
    assert (await guest.post("/sessions", {"host": guest.uuid})).status == 409


async def test_a_session_is_for_its_members_only(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app, 0)
    other = await make_host(test_app)
    for method, path in READS:
        body = {"type": "command", "name": "x"} if method == "POST" else None
        assert (await other.request(method, session.path + path, body)).status == 403
        assert (await other.request(method, "/sessions/99" + path, body)).status == 404
        assert (await other.request(method, "/sessions/x" + path, body)).status == 404
        assert (await test_app.anonymous.request(method, session.path + path, body)).status == 401


async def test_the_grace_can_be_set() -> None:
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
async def test_a_session_is_found_where_clients_find_the_server(base: str, location: str) -> None:
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
async def test_pages_of_any_origin_may_call(test_app: TestApp, path: str, allow: str) -> None:
    answer = await test_app.anonymous.request(
        "OPTIONS",
        path,
        Origin="https://board.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization, content-type",
    )
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == allow
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(("path", "allow"), PATHS)
async def test_a_method_that_is_not_taken_is_405(test_app: TestApp, path: str, allow: str) -> None:
    answer = await test_app.anonymous.request("PATCH", path)
    assert (answer.status, set(answer.json)) == (405, {"message"})
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize(
    "path", ["/hosts/", "/hosts/x/y", "/sessions/", "/sync", "/sync/", "/sync/x/y"]
)
async def test_what_leads_nowhere_is_said_in_the_words_of_this_api(
    test_app: TestApp, path: str
) -> None:
    answer = await test_app.anonymous.get(path)
    assert (answer.status, answer.json) == (404, {"message": "not found this"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_body_must_be_json_and_fit() -> None:
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
async def test_what_is_not_understood_is_said_as_fastapi_says_it(
    test_app: TestApp, body: bytes, loc: list[str], kind: str
) -> None:
    host = await make_host(test_app)
    answer = await host.post("/sessions", body)
    assert answer.status == 422
    (detail,) = answer.json["detail"]
    assert (detail["loc"], detail["type"]) == (loc, kind)


async def test_every_fault_is_said(test_app: TestApp) -> None:
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


async def test_while_the_server_stops_what_cannot_be_kept_is_503(test_app: TestApp) -> None:
    host = await make_host(test_app)
    test_app.core.feed.close()
    test_app.core.writer.close()
    asked = [
        ("GET", f"{host.path}/access_token", None, "auth"),
        ("GET", "/hosts/access_token/renew", None, "auth"),
        ("POST", "/hosts", None, "hosts"),
        ("PUT", f"{host.path}/only_friends", {"only_friends": True}, "hosts"),
        ("POST", "/sessions", {"host": host.uuid}, "sync"),
    ]
    for method, path, body, part in asked:
        answer = await host.request(method, path, body)
        assert (answer.status, answer.json) == (503, {"message": part})
    assert (await host.get("/sync/1")).status == 503


async def test_the_hosts_game_is_nobody_elses(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app, 0)
    ann = await test_app.sign_in_guest()
    assert "hosts" not in {game["tag"] for game in (await ann.get("/games")).json}
    assert (await ann.post("/games/hosts/rooms", {"name": "x"})).status == 403
    assert (await ann.post(f"/games/hosts/sessions/{session.id}/join")).status == 404
    assert (await ann.get(f"/games/hosts/sessions/{session.id}")).status == 404
