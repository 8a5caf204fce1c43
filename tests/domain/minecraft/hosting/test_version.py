"""Definitions of versions: names, sources and options."""

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.version import (
    Version,
    VersionKind,
    validate_definition,
)


def make_version(kind=VersionKind.JAR, name="1.20.4", **options):
    return Version(0, name, kind, 0.0, **options)


@pytest.mark.parametrize("name", ["1.20.4", " Paper 1.21_x+y ", "a" * 60])
def test_valid_name_passes_without_spaces_around_it(name):
    assert validate_definition(make_version(name=name)).name == name.strip()


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"version": ["version_name"]}, {"name": ""}),
        ({"version": ["version_name"]}, {"name": "a" * 61}),
        ({"version": ["version_name"]}, {"name": "../x"}),
        ({"version": ["version_name"]}, {"name": "é"}),
        ({"version": ["version_name"]}, {"name": "a\nb"}),
        ({"ready": ["too_long"]}, {"ready": "a" * 501}),
        ({"ready": ["not_a_regular_expression"]}, {"ready": "("}),
        ({"ready": ["not_a_regular_expression"]}, {"ready": "a{1,99999999999}"}),
        ({"stop": ["too_long"]}, {"stop": "a" * 201}),
        ({"stop": ["control_characters"]}, {"stop": "stop\nop me"}),
        ({"java": ["out_of_range"]}, {"java": -1}),
        ({"java": ["out_of_range"]}, {"java": 100}),
        ({"sha1": ["not_a_hash"]}, {"sha1": "0" * 39}),
        ({"sha256": ["not_a_hash"]}, {"sha256": "g" * 64}),
        ({"url": ["required"]}, {"kind": VersionKind.URL}),
        ({"url": ["too_long"]}, {"kind": VersionKind.URL, "url": "https://x/" + "a" * 2000}),
        ({"url": ["not_of_this_kind"]}, {"url": "https://jars.example/"}),
        ({"command": ["required"]}, {"kind": VersionKind.COMMAND, "command": " "}),
        ({"command": ["too_long"]}, {"kind": VersionKind.COMMAND, "command": "a" * 4001}),
        ({"command": ["not_of_this_kind"]}, {"kind": VersionKind.MOJANG, "command": "rm"}),
    ],
)
def test_wrong_definition_is_refused(fields, changes):
    with pytest.raises(DomainError) as caught:
        validate_definition(make_version(**changes))
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.details == {"fields": fields}


def test_hashes_are_lower_case_and_the_stop_text_has_a_default():
    version = validate_definition(make_version(sha1="A" * 40, sha256="B" * 64, stop=" "))
    assert (version.sha1, version.sha256, version.stop) == ("a" * 40, "b" * 64, "stop")


def test_ready_line_is_found_in_the_beginning_of_a_line():
    version = make_version(ready="Server listening on port")
    assert version.is_ready_line("[12:00:00] Server listening on port 25565")
    assert not version.is_ready_line("Server stopped")
    assert not version.is_ready_line("x" * 1000 + "Server listening on port")
    assert not make_version().is_ready_line("Done (1.0s)! For help")
