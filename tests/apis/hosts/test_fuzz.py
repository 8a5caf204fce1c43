"""Generated requests, valid and invalid: each answer matches the description."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from coalserver.apis.hosts.openapi import OPERATIONS, build_description
from tests.apis.fuzzing import FUZZ
from tests.processes import run_server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
API = schemathesis.openapi.from_dict(build_description())


@dataclass
class FuzzServer:
    """A running server and the hosts registered on it."""

    url: str
    http: requests.Session
    uuids: list[str]
    tokens: list[str]

    def request(self, method: str, path: str, token: str = "", body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.http.request(method, self.url + path, headers=headers, json=body).json()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzServer]:
    with (
        run_server(tmp_path_factory.mktemp("fuzz") / "data") as process,
        requests.Session() as http,
    ):
        server = FuzzServer(process.url, http, [], [])
        for _ in range(3):
            uuid = server.request("POST", "/hosts")["uuid"]
            server.uuids.append(uuid)
            server.tokens.append(server.request("GET", f"/hosts/{uuid}/access_token")["token"])
        yield server


def insert_known_values(case: Case, uuids: list[str], chance: st.DataObject) -> None:
    """Replace some generated values by those of existing hosts."""
    known_uuid = st.sampled_from(uuids)
    for name in list(case.path_parameters or {}):
        if chance.draw(st.integers(0, 3)):
            case.path_parameters[name] = chance.draw(known_uuid)
    for name in ("friend", "banned"):
        if case.query and name in case.query and chance.draw(st.booleans()):
            case.query[name] = chance.draw(known_uuid)
    if isinstance(case.body, dict):
        for name in ("host", "guest"):
            if name in case.body and chance.draw(st.integers(0, 3)):
                case.body[name] = chance.draw(st.sampled_from([*uuids, "NONAME"]))


@pytest.mark.parametrize(
    ("path", "method"),
    OPERATIONS,
    ids=[operation["operationId"] for operation in OPERATIONS.values()],
)
def test_answers_match_the_description(server: FuzzServer, path: str, method: str) -> None:
    operation = API[path][method.upper()]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if method != "get" or "{" in path:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(FUZZ, max_examples=40)
    @given(case=cases, chance=st.data())
    def fuzz(case: Case, chance: st.DataObject) -> None:
        insert_known_values(case, server.uuids, chance)
        token = chance.draw(st.sampled_from([*server.tokens[:1] * 6, *server.tokens, "x"]))
        headers = {"Authorization": f"Bearer {token}"}
        response = case.call(base_url=server.url, session=server.http, headers=headers)
        case.validate_response(response, checks=CHECKS)

    fuzz()
