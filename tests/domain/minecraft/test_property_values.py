"""Values of server properties as people type them."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.minecraft.property_values import (
    allowed_values,
    parse_property,
    property_text,
)
from coalserver.domain.minecraft.server_properties import PROPERTIES
from tests.domain.builders import raises_code


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        *(("server_port", " 25566 ", 25566), ("server_port", "", None), ("memory", "8G", "8G")),
        *(("pvp", "Yes", True), ("pvp", "false", False), ("idle_timeout", "0", 0)),
        *(("motd", "a\nb", "a b"), ("motd", "", ""), ("version", " 1.20 ", "1.20")),
        *(("level_type", "FLAT", "FLAT"), ("gamemode", "2", 2)),
    ],
)
def test_text_is_read_as_a_value(name, text, value):
    assert parse_property(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("server_port", "25564"), ("server_port", "x"), ("memory", "9G"), ("memory", "4g")),
        *(("pvp", ""), ("pvp", "1"), ("idle_timeout", ""), ("idle_timeout", "61")),
        *(("idle_timeout", "-1"), ("idle_timeout", "1.0"), ("idle_timeout", "٣"), ("idle_timeout", "9" * 5000)),
        *(("motd", "x" * 10_001), ("version", " "), ("level_type", "flat")),
    ],
)  # fmt: skip
def test_invalid_text_is_refused(name, text):
    with raises_code(ErrorCode.INVALID_REQUEST):
        parse_property(name, text)


def test_text_of_every_default_is_read_as_the_same_value():
    for name, kind in PROPERTIES.items():
        if kind.default is None and name != "server_port":
            continue
        assert parse_property(name, property_text(kind.default)) == kind.default


def test_allowed_values_are_named():
    assert allowed_values("idle_timeout") == "a whole number from 0 to 60"
    assert allowed_values("memory").endswith("4G, 5G, 6G, 7G, 8G")
    assert allowed_values("pvp") == "yes or no"
