"""Whatever is sent that the description allows, or forbids: no 500, and every answer is as described."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
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
class Place:
    """A server, and two hosts it knows; the second is in the session of the first."""

    url: str
    http: requests.Session
    uuids: list[str]
    tokens: list[str]

    def request(self, method: str, path: str, token: str = "", body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.http.request(method, self.url + path, headers=headers, json=body).json()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with run_server(tmp_path_factory.mktemp("fuzz") / "data") as server, requests.Session() as http:
        place = Place(server.url, http, [], [])
        for _ in range(3):
            uuid = place.request("POST", "/hosts")["uuid"]
            place.uuids.append(uuid)
            place.tokens.append(place.request("GET", f"/hosts/{uuid}/access_token")["token"])
        yield place


def known(case: Case, uuids: list[str], chance: st.DataObject) -> None:
    """Let some of what is asked be there."""
    one = st.sampled_from(uuids)
    for name in list(case.path_parameters or {}):
        if chance.draw(st.integers(0, 3)):
            case.path_parameters[name] = chance.draw(one)
    for name in ("friend", "banned"):
        if case.query and name in case.query and chance.draw(st.booleans()):
            case.query[name] = chance.draw(one)
    if isinstance(case.body, dict):
        for name in ("host", "guest"):
            if name in case.body and chance.draw(st.integers(0, 3)):
                case.body[name] = chance.draw(st.sampled_from([*uuids, "NONAME"]))


@pytest.mark.parametrize(
    ("path", "method"), OPERATIONS, ids=[one["operationId"] for one in OPERATIONS.values()]
)
def test_every_answer_is_as_described(place: Place, path: str, method: str) -> None:
    operation = API[path][method.upper()]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if method != "get" or "{" in path:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, chance=st.data())
    def fuzz(case: Case, chance: st.DataObject) -> None:
        known(case, place.uuids, chance)
        token = chance.draw(st.sampled_from([*place.tokens[:1] * 6, *place.tokens, "x"]))
        headers = {"Authorization": f"Bearer {token}"}
        response = case.call(base_url=place.url, session=place.http, headers=headers)
        case.validate_response(response, checks=CHECKS)

    fuzz()
