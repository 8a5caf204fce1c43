"""Properties: what holds of how a world is run, and what is kept of it."""

import json

import pytest

from coalserver.domain.minecraft.server_properties import (
    PROPERTIES,
    ChoiceProperty,
    IntegerProperty,
    effective_properties,
    update_properties,
)


def test_what_was_not_said_is_the_default():
    told = effective_properties(b"{}")
    assert list(told) == list(PROPERTIES)
    assert (told["memory"], told["server_port"], told["pvp"]) == ("256M", None, False)


def test_every_default_may_be_said():
    for kind in PROPERTIES.values():
        match kind:
            case IntegerProperty(default=int(number), low=low, high=high):
                assert low <= number <= high
            case ChoiceProperty(default=word, choices=choices):
                assert word in choices


def test_only_what_is_said_is_kept_and_what_was_said_stays():
    kept = update_properties(update_properties(b"{}", {"pvp": True, "other": 1}), {"motd": "Hi"})
    assert json.loads(kept) == {"pvp": True, "motd": "Hi"}
    assert effective_properties(kept) == {**effective_properties(b"{}"), "pvp": True, "motd": "Hi"}


def test_what_is_said_may_be_taken_back():
    kept = update_properties(b"{}", {"server_port": 25570})
    assert effective_properties(kept)["server_port"] == 25570
    assert (
        effective_properties(update_properties(kept, {"server_port": None}))["server_port"] is None
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\x00", "\x1b", "\u2028"])
def test_no_text_begins_another_line(end):
    assert effective_properties(update_properties(b"{}", {"motd": f"a{end}b"}))["motd"] == "a b"
