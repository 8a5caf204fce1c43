"""Truths: what patches make of a state, and what is kept of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.synced_state import (
    MAX_PATCH_BYTES,
    MAX_STATE_BYTES,
    SNAPSHOT_INTERVAL,
    SyncedState,
    merge_patch,
)
from tests.domain.builders import raises_code

#: The examples of RFC 7396's appendix: target, patch, result.
EXAMPLES = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
PATCHES = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.none() | st.integers(-9, 9) | st.just([None, 1]),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    ),
    max_size=3,
)


def as_bytes(value):
    return json.dumps(value, separators=(",", ":")).encode()


def after(*patches, truth=None):
    truth = truth or SyncedState(1)
    for patch in patches:
        truth = truth.apply_patch(as_bytes(patch), 1.0)
    return truth


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_patches_do_what_their_rfc_says(target, patch, result):
    assert merge_patch(target, patch) == result


@given(st.lists(PATCHES, max_size=3 * SNAPSHOT_INTERVAL))
def test_a_state_is_what_its_patches_made_of_it_one_after_another(patches):
    state = None
    for patch in patches:
        state = merge_patch(state, patch)
    truth = after(*patches)
    assert (json.loads(truth.snapshot()), truth.version) == (state, len(patches))
    assert len(truth.snapshot()) <= truth.size


def test_a_state_that_nobody_has_changed_is_null():
    assert (SyncedState(1).version, SyncedState(1).snapshot()) == (0, b"null")


def test_every_64th_version_is_a_snapshot():
    truth = after(*({"n": n} for n in range(SNAPSHOT_INTERVAL - 1)))
    assert (len(truth.patches), truth.state) == (SNAPSHOT_INTERVAL - 1, b"null")
    truth = after({"n": SNAPSHOT_INTERVAL}, truth=truth)
    assert (truth.patches, truth.state, truth.version, truth.snapshot_at) == (
        (),
        b'{"n":64}',
        SNAPSHOT_INTERVAL,
        1.0,
    )


def test_a_whole_state_takes_the_place_of_all_before():
    truth = after({"a": 1}).with_state(b"[1]", 2.0)
    assert (truth.version, truth.snapshot(), truth.patches, truth.snapshot_at) == (
        2,
        b"[1]",
        (),
        2.0,
    )


def test_a_large_patch_is_a_snapshot_at_once():
    truth = after({"a": "x" * MAX_PATCH_BYTES})
    assert (truth.patches, truth.version) == ((), 1)


def test_a_state_has_a_size_that_it_may_not_exceed():
    SyncedState(1).with_state(as_bytes("x" * (MAX_STATE_BYTES - 2)), 1.0)
    with raises_code(ErrorCode.INVALID_REQUEST):
        SyncedState(1).with_state(as_bytes("x" * (MAX_STATE_BYTES - 1)), 1.0)
    truth = SyncedState(1).with_state(as_bytes({"a": "x" * (MAX_STATE_BYTES - 20)}), 1.0)
    with raises_code(ErrorCode.INVALID_REQUEST):
        after({"b": "x" * 20}, truth=truth)


def test_a_patch_may_replace_what_is_as_large_as_may_be():
    truth = SyncedState(1).with_state(as_bytes({"a": "x" * (MAX_STATE_BYTES - 20)}), 1.0)
    assert after({"a": "y"}, truth=truth).snapshot() == b'{"a":"y"}'
