"""Each answer of each documented operation, and the OpenAPI description."""

import re
from typing import Any

import pytest

from tests.apis.app import ApiClient, TestApp
from tests.apis.hosts.clients import UUID, make_hosts
from tests.apis.hosts.examples import DOCUMENT, EXAMPLES, Example

#: Statuses in the document that no request causes while the server works.
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
    """Create a host, a friend, a banned friend and another host; return clients and uuids."""
    host, friend, banned, other = await make_hosts(test_app, 4)
    await host.post(f"{host.path}/friends?friend={friend.uuid}")
    await host.post(f"{host.path}/friends?friend={banned.uuid}")
    await host.post(f"{host.path}/banlist?banned={banned.uuid}")
    if launched:
        await host.launch()
    clients = {"host": host, "friend": friend, "banned": banned, "other": other}
    uuids = {name: client.uuid for name, client in clients.items()} | {"lower": host.uuid.lower()}
    invalid = ApiClient(test_app, "0" * 48)
    return {**clients, "anonymous": test_app.anonymous, "invalid": invalid}, uuids


def fill_in(value: Any, uuids: dict[str, str]) -> Any:
    """Replace the names in braces by uuids."""
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda found: uuids[found[1]], value)
    if isinstance(value, dict):
        return {name: fill_in(inner, uuids) for name, inner in value.items()}
    return value


def check_shape(sample: Any, value: Any) -> None:
    """Check that each member of the sample exists and has its type. The value may have more."""
    assert type(value) is type(sample), value
    if isinstance(sample, dict):
        for name, inner in sample.items():
            check_shape(inner, value[name])
    if isinstance(sample, list) and sample:
        for inner in value:
            assert type(inner) in (type(sample[0]), int)
            if isinstance(inner, dict):
                check_shape(sample[0], inner)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_documented_answer_matches(test_app: TestApp, example: Example) -> None:
    clients, uuids = await scene(test_app, example.launched)
    path, body = fill_in(example.path, uuids), fill_in(example.body, uuids)
    answer = await clients[example.by].request(example.method, path, body)
    assert answer.status == example.status, answer.raw
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    check_shape(example.answer, answer.json)
    if example.message:
        assert answer.json == {"message": example.message}
    for name, pattern in example.headers:
        assert re.fullmatch(pattern, answer.headers[name])
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    if "source_of_truth_key" in answer.raw.decode():
        assert re.fullmatch(r"[0-9A-F]{32}", answer.json["source_of_truth_key"])
    if answer.raw.startswith(b'{"uuid"'):
        assert UUID.fullmatch(answer.json["uuid"])


def test_every_documented_answer_has_an_example() -> None:
    tried = {(example.operation, example.status) for example in EXAMPLES}
    listed = {(operation, status) for operation, all in DOCUMENT.items() for status in all}
    assert listed - tried == NEVER | UNNEEDED


async def test_description_matches_the_document(test_app: TestApp) -> None:
    described = (await test_app.anonymous.get("/openapi.json")).json
    operations = {
        operation["operationId"]: (path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == set(DOCUMENT)
    for id, (path, method, operation) in operations.items():
        described_statuses = {int(status) for status in operation["responses"]}
        added = {405, 413, 415, 429} | ({401} if id.startswith("renew") else set())
        assert DOCUMENT[id] <= described_statuses <= DOCUMENT[id] | added
        # FastAPI builds ids from the function's name, the path and the method.
        assert id.endswith(re.sub(r"\W", "_", path) + "_" + method)
        parameters = operation.get("parameters", [])
        named = [row["name"] for row in parameters if row["in"] == "path"]
        assert named == re.findall(r"{(\w+)}", path)
    assert [
        parameter["name"]
        for parameter in operations["befriend_hosts__host__friends_post"][2]["parameters"]
        if parameter["in"] == "query"
    ] == ["friend"]
    assert [
        parameter["name"]
        for parameter in operations["ban_hosts__host__banlist_post"][2]["parameters"]
        if parameter["in"] == "query"
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
