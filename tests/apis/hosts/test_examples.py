"""The document as a table: each operation with each of its answers, and the description of them."""

import re
from typing import Any

import pytest

from tests.apis.app import ApiClient, TestApp
from tests.apis.hosts.clients import UUID, make_hosts
from tests.apis.hosts.examples import DOCUMENT, EXAMPLES, Example

#: Statuses that the document lists, and that no request can bring about while all is well.
NEVER = {
    ("renew_hosts_access_token_renew_get", 404),
    ("launch_session_sessions_post", 200),
    ("launch_session_sessions_post", 500),
    ("launch_session_sessions_post", 503),
    ("join_sessions_players_post", 500),
    ("join_sessions_players_post", 503),
}
#: What our description has besides: a path parameter is a string, which is never invalid.
UNNEEDED = {
    (operation, 422)
    for operation in DOCUMENT
    if operation.endswith(("_get", "_delete")) and 422 in DOCUMENT[operation]
}


async def scene(test_app: TestApp, launched: bool) -> tuple[dict[str, ApiClient], dict[str, str]]:
    """A host with one friend and one who is banned, and another; and their uuids."""
    host, friend, banned, other = await make_hosts(test_app, 4)
    await host.post(f"{host.path}/friends?friend={friend.uuid}")
    await host.post(f"{host.path}/friends?friend={banned.uuid}")
    await host.post(f"{host.path}/banlist?banned={banned.uuid}")
    if launched:
        await host.launch()
    who = {"host": host, "friend": friend, "banned": banned, "other": other}
    uuids = {name: one.uuid for name, one in who.items()} | {"lower": host.uuid.lower()}
    liar = ApiClient(test_app, "0" * 48)
    return {**who, "nobody": test_app.anonymous, "liar": liar}, uuids


def filled(value: Any, uuids: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda found: uuids[found[1]], value)
    if isinstance(value, dict):
        return {name: filled(inner, uuids) for name, inner in value.items()}
    return value


def same_shape(sample: Any, given: Any) -> None:
    """Members and types as in the sample; ours may have more."""
    assert type(given) is type(sample), given
    if isinstance(sample, dict):
        for name, inner in sample.items():
            same_shape(inner, given[name])
    if isinstance(sample, list) and sample:
        for inner in given:
            assert type(inner) in (type(sample[0]), int)
            if isinstance(inner, dict):
                same_shape(sample[0], inner)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_the_document_is_kept(test_app: TestApp, example: Example) -> None:
    who, uuids = await scene(test_app, example.launched)
    path, body = filled(example.path, uuids), filled(example.body, uuids)
    answer = await who[example.by].request(example.method, path, body)
    assert answer.status == example.status, answer.raw
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    same_shape(example.answer, answer.json)
    if example.says:
        assert answer.json == {"message": example.says}
    for name, pattern in example.headers:
        assert re.fullmatch(pattern, answer.headers[name])
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    if "source_of_truth_key" in answer.raw.decode():
        assert re.fullmatch(r"[0-9A-F]{32}", answer.json["source_of_truth_key"])
    if answer.raw.startswith(b'{"uuid"'):
        assert UUID.fullmatch(answer.json["uuid"])


def test_every_answer_of_the_document_is_tried() -> None:
    tried = {(example.operation, example.status) for example in EXAMPLES}
    listed = {(operation, status) for operation, all in DOCUMENT.items() for status in all}
    assert listed - tried == NEVER | UNNEEDED


async def test_the_description_is_the_documents(test_app: TestApp) -> None:
    described = (await test_app.anonymous.get("/openapi.json")).json
    operations = {
        operation["operationId"]: (path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == set(DOCUMENT)
    for id, (path, method, operation) in operations.items():
        given = {int(status) for status in operation["responses"]}
        left_out = {405, 413, 415, 429} | ({401} if id.startswith("renew") else set())
        assert DOCUMENT[id] <= given <= DOCUMENT[id] | left_out
        # As FastAPI makes ids: the function's name, the path, the method.
        assert id.endswith(re.sub(r"\W", "_", path) + "_" + method)
        named = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
        assert named == re.findall(r"{(\w+)}", path)
    assert [
        one["name"]
        for one in operations["befriend_hosts__host__friends_post"][2]["parameters"]
        if one["in"] == "query"
    ] == ["friend"]
    assert [
        one["name"]
        for one in operations["ban_hosts__host__banlist_post"][2]["parameters"]
        if one["in"] == "query"
    ] == ["banned"]
    bodies = {
        id: operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for id, (_, _, operation) in operations.items()
        if "requestBody" in operation
    }
    schemas = described["components"]["schemas"]
    members = {id: schemas[name.rpartition("/")[2]]["required"] for id, name in bodies.items()}
    assert members == {
        "set_only_friends_hosts__host__only_friends_put": ["only_friends"],
        "set_allow_nonames_hosts__host__allow_nonames_put": ["allow_nonames"],
        "launch_session_sessions_post": ["host"],
        "join_sessions_players_post": ["host", "guest"],
    }
    for example in EXAMPLES:
        assert str(example.status) in operations[example.operation][2]["responses"]
