"""Synced state: patches, snapshots and size limits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.synced_state import (
    MAX_PATCH_BYTES,
    MAX_STATE_BYTES,
    SNAPSHOT_INTERVAL,
    STEP_MEMBERS,
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


def to_json(value):
    return json.dumps(value, separators=(",", ":")).encode()


def apply_patches(*patches, synced=None):
    synced = synced or SyncedState(1)
    for patch in patches:
        synced = synced.apply_patch(to_json(patch), 1.0)
    return synced


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_merge_patch_matches_rfc_7396(target, patch, result):
    assert merge_patch(target, patch) == result


@given(st.lists(PATCHES, max_size=3 * SNAPSHOT_INTERVAL))
def test_snapshot_equals_successive_patches(patches):
    state = None
    for patch in patches:
        state = merge_patch(state, patch)
    synced = apply_patches(*patches)
    assert (json.loads(synced.snapshot()), synced.version) == (state, len(patches))
    assert len(synced.snapshot()) <= synced.size


def test_initial_state_is_null():
    assert (SyncedState(1).version, SyncedState(1).snapshot()) == (0, b"null")


def test_every_64th_version_is_a_snapshot():
    synced = apply_patches(*({"n": n} for n in range(SNAPSHOT_INTERVAL - 1)))
    assert (len(synced.patches), synced.state) == (SNAPSHOT_INTERVAL - 1, b"null")
    synced = apply_patches({"n": SNAPSHOT_INTERVAL}, synced=synced)
    assert (synced.patches, synced.state, synced.version, synced.snapshot_at) == (
        (),
        b'{"n":64}',
        SNAPSHOT_INTERVAL,
        1.0,
    )


def test_with_state_replaces_snapshot_and_patches():
    synced = apply_patches({"a": 1}).with_state(b"[1]", 2.0)
    assert (synced.version, synced.snapshot(), synced.patches, synced.snapshot_at) == (
        2,
        b"[1]",
        (),
        2.0,
    )


def test_large_patch_becomes_a_snapshot():
    synced = apply_patches({"a": "x" * MAX_PATCH_BYTES})
    assert (synced.patches, synced.version) == ((), 1)


def test_state_above_the_size_limit_is_refused():
    SyncedState(1).with_state(to_json("x" * (MAX_STATE_BYTES - 2)), 1.0)
    with raises_code(ErrorCode.INVALID_REQUEST):
        SyncedState(1).with_state(to_json("x" * (MAX_STATE_BYTES - 1)), 1.0)
    synced = SyncedState(1).with_state(to_json({"a": "x" * (MAX_STATE_BYTES - 20)}), 1.0)
    with raises_code(ErrorCode.INVALID_REQUEST):
        apply_patches({"b": "x" * 20}, synced=synced)


def test_patch_may_replace_a_state_of_maximum_size():
    synced = SyncedState(1).with_state(to_json({"a": "x" * (MAX_STATE_BYTES - 20)}), 1.0)
    assert apply_patches({"a": "y"}, synced=synced).snapshot() == b'{"a":"y"}'


def recursive_merge(target, patch):
    """The definition of RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = recursive_merge(result.get(name), value)
    return result


@given(PATCHES, PATCHES)
def test_merge_in_steps_is_that_of_the_definition(target, patch):
    expected = to_json(recursive_merge(target, patch))
    assert to_json(merge_patch(json.loads(to_json(target)), json.loads(to_json(patch)))) == expected


def test_large_patch_is_merged_in_steps():
    """Together they held the loop for 22 ms."""
    patch = {f"{number:x}": {"a": {"b": None}} for number in range(10_000)}
    steps, count = SyncedState(1).apply_patch_in_steps(to_json(patch), 1.0), 0
    try:
        while True:
            next(steps)
            count += 1
    except StopIteration as end:
        patched = end.value
    # Two values are parsed; one step merges about STEP_MEMBERS members of 30,000.
    assert count >= 2 + 30_000 // (2 * STEP_MEMBERS)
    assert json.loads(patched.state) == recursive_merge({}, patch)


@pytest.mark.parametrize("size", [10, MAX_PATCH_BYTES - 8, MAX_PATCH_BYTES + 1])
@pytest.mark.parametrize("patches", [0, 1, SNAPSHOT_INTERVAL - 2, SNAPSHOT_INTERVAL - 1])
@pytest.mark.parametrize("state", [10, MAX_STATE_BYTES - 1000])
def test_need_of_a_snapshot_is_known_before(size, patches, state):
    synced = SyncedState(1).with_state(to_json({"a": "x" * state}), 1.0)
    synced = apply_patches(*[{"b": 1}] * patches, synced=synced)
    patch = to_json({"a": "y" * size})
    assert synced.needs_snapshot(patch) is (not synced.apply_patch(patch, 1.0).patches)
