"""The README documents every member of requests and responses."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import coalserver.apis.multiplayer as package
from coalserver.apis.multiplayer import leaderboard, schemas
from coalserver.apis.multiplayer.schemas import LenientSchema

README = (Path(package.__file__).parent / "README.md").read_text("utf-8")
NAMES = frozenset(re.findall(r"\w+", README))
RECORDED = Path(import_module("tests.contracts").__file__).parent / "recorded" / "multiplayer.json"
#: Members whose content is a client's own JSON.
OWN = {"player_data", "data", "rules", "request_data", "response_data"}
#: Loaded fields that are no members of a body.
NO_MEMBERS = {"shows_offset", "game_data"}


def schema_members() -> set[str]:
    """Return the members of all request bodies."""
    classes = [
        value
        for module in (schemas, leaderboard)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, LenientSchema)
    ]
    fields = (item for cls in classes for item in cls().load_fields.items())
    return {field.data_key or name for name, field in fields}


def response_members(value: Any) -> set[str]:
    """Return the names of the members of a response."""
    if isinstance(value, list):
        return set().union(*map(response_members, value))
    if not isinstance(value, dict):
        return set()
    inner = (response_members(member) for name, member in value.items() if name not in OWN)
    return set(value).union(*inner)


@pytest.mark.parametrize("name", sorted(schema_members() - NO_MEMBERS))
def test_member_of_requests_is_documented(name):
    assert name in NAMES


def test_members_of_responses_are_documented():
    steps = json.loads(RECORDED.read_text("utf-8"))
    answers = [step["answer"] for step in steps if isinstance(step.get("answer"), dict)]
    found = set().union(*(response_members(answer.get("json")) for answer in answers))
    plain = {name.removesuffix("_json") for name in found}
    assert len(plain) > 80
    assert plain - NAMES == set()
