"""Truths: what patches make of a state, and what is kept of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.errors import Why
from coalserver.domain.play.synced_state import EVERY, LARGEST_PATCH, MOST, Truth, merged
from tests.domain.builders import refused

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
    truth = truth or Truth(1)
    for patch in patches:
        truth = truth.patched(as_bytes(patch), 1.0)
    return truth


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_patches_do_what_their_rfc_says(target, patch, result):
    assert merged(target, patch) == result


@given(st.lists(PATCHES, max_size=3 * EVERY))
def test_a_state_is_what_its_patches_made_of_it_one_after_another(patches):
    state = None
    for patch in patches:
        state = merged(state, patch)
    truth = after(*patches)
    assert (json.loads(truth.whole()), truth.version) == (state, len(patches))
    assert len(truth.whole()) <= truth.size


def test_a_state_that_nobody_has_changed_is_null():
    assert (Truth(1).version, Truth(1).whole()) == (0, b"null")


def test_every_64th_version_is_a_snapshot():
    truth = after(*({"n": n} for n in range(EVERY - 1)))
    assert (len(truth.patches), truth.state) == (EVERY - 1, b"null")
    truth = after({"n": EVERY}, truth=truth)
    assert (truth.patches, truth.state, truth.version, truth.at) == ((), b'{"n":64}', EVERY, 1.0)


def test_a_whole_state_takes_the_place_of_all_before():
    truth = after({"a": 1}).replaced(b"[1]", 2.0)
    assert (truth.version, truth.whole(), truth.patches, truth.at) == (2, b"[1]", (), 2.0)


def test_a_large_patch_is_a_snapshot_at_once():
    truth = after({"a": "x" * LARGEST_PATCH})
    assert (truth.patches, truth.version) == ((), 1)


def test_a_state_has_a_size_that_it_may_not_exceed():
    Truth(1).replaced(as_bytes("x" * (MOST - 2)), 1.0)
    with refused(Why.MALFORMED):
        Truth(1).replaced(as_bytes("x" * (MOST - 1)), 1.0)
    truth = Truth(1).replaced(as_bytes({"a": "x" * (MOST - 20)}), 1.0)
    with refused(Why.MALFORMED):
        after({"b": "x" * 20}, truth=truth)


def test_a_patch_may_replace_what_is_as_large_as_may_be():
    truth = Truth(1).replaced(as_bytes({"a": "x" * (MOST - 20)}), 1.0)
    assert after({"a": "y"}, truth=truth).whole() == b'{"a":"y"}'
