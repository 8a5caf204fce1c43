"""Opaque keys: kinds, forgery and characters."""

import re

from hypothesis import given
from hypothesis import strategies as some

from coalserver.security.opaque_keys import (
    LINE,
    PLAYER,
    SCREENSHOT,
    SERVER,
    SESSION,
    USER,
    OpaqueKeys,
)

KINDS = (USER, SERVER, PLAYER, SESSION, LINE, SCREENSHOT)
ids = some.integers(0, 2**48 - 1)


@given(
    ids, some.sampled_from(KINDS), some.sampled_from(KINDS), some.binary(min_size=16, max_size=32)
)
def test_key_identifies_one_id_of_one_kind(id, kind, other, secret):
    key = OpaqueKeys(secret).of(kind, id)
    assert OpaqueKeys(secret).id(other, key) == (id if other == kind else -1)
    assert OpaqueKeys(secret + b"!").id(kind, key) == -1


def test_key_never_starts_with_a_hyphen():
    keys = [OpaqueKeys(bytes(32)).of(kind, id) for kind in KINDS for id in range(500)]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch("[A-Za-z0-9_][A-Za-z0-9_-]{23}", key) for key in keys)


@given(some.text())
def test_invalid_key_has_no_id(text):
    assert OpaqueKeys(bytes(32)).id(SERVER, text) == -1
