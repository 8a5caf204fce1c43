"""Server properties: defaults and updates."""

import json

import pytest

from coalserver.domain.minecraft.server_properties import (
    PROPERTIES,
    ChoiceProperty,
    IntegerProperty,
    effective_properties,
    update_properties,
)


def test_properties_have_defaults():
    properties = effective_properties(b"{}")
    assert list(properties) == list(PROPERTIES)
    assert (properties["memory"], properties["server_port"], properties["pvp"]) == (
        "256M",
        None,
        False,
    )


def test_defaults_are_valid():
    for kind in PROPERTIES.values():
        match kind:
            case IntegerProperty(default=int(number), low=low, high=high):
                assert low <= number <= high
            case ChoiceProperty(default=word, choices=choices):
                assert word in choices


def test_update_stores_changes_and_keeps_other_values():
    stored = update_properties(update_properties(b"{}", {"pvp": True, "other": 1}), {"motd": "Hi"})
    assert json.loads(stored) == {"pvp": True, "motd": "Hi"}
    assert effective_properties(stored) == {
        **effective_properties(b"{}"),
        "pvp": True,
        "motd": "Hi",
    }


def test_property_can_be_reset_to_none():
    stored = update_properties(b"{}", {"server_port": 25570})
    assert effective_properties(stored)["server_port"] == 25570
    assert (
        effective_properties(update_properties(stored, {"server_port": None}))["server_port"]
        is None
    )


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\x00", "\x1b", "\u2028"])
def test_text_is_a_single_line(separator):
    assert (
        effective_properties(update_properties(b"{}", {"motd": f"a{separator}b"}))["motd"] == "a b"
    )
