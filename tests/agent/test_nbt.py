"""The agent's NBT reader, compared with two NBT libraries."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.machine import load_agent

agent = load_agent()

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
INTEGER_BITS = {"byte": 8, "short": 16, "int": 32, "long": 64}


def signed_integers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)


#: Trees as (kind, value), written by a library and read by the agent.
LEAVES = st.one_of(
    *(st.tuples(st.just(kind), signed_integers(bits)) for kind, bits in INTEGER_BITS.items()),
    st.tuples(st.just("float"), st.floats(width=32, allow_nan=False)),
    st.tuples(st.just("double"), st.floats(allow_nan=False)),
    st.tuples(st.just("string"), NAMES),
    st.tuples(st.just("ints"), st.lists(signed_integers(32), max_size=4)),
    st.tuples(st.just("longs"), st.lists(signed_integers(64), max_size=4)),
    st.tuples(st.just("bytes"), st.binary(max_size=4)),
    st.tuples(
        st.just("list"), st.lists(st.tuples(st.just("int"), signed_integers(32)), max_size=4)
    ),
)
TREES = st.recursive(
    LEAVES, lambda inner: st.tuples(st.just("tree"), st.dictionaries(NAMES, inner, max_size=4))
)
ROOTS = st.tuples(st.just("tree"), st.dictionaries(NAMES, TREES, max_size=6))


def expected_value(tree: tuple[str, Any]) -> Any:
    """Return the value that the reader returns for a tree."""
    kind, value = tree
    if kind == "tree":
        return {name: expected_value(inner) for name, inner in value.items()}
    if kind == "list":
        return [expected_value(inner) for inner in value]
    if kind == "bytes":
        return [byte - 256 if byte > 127 else byte for byte in value]
    return value


def write_with_pynbt(root: tuple[str, Any]) -> bytes:
    pynbt = pytest.importorskip("pynbt")
    kinds = {
        "byte": pynbt.TAG_Byte,
        "short": pynbt.TAG_Short,
        "int": pynbt.TAG_Int,
        "long": pynbt.TAG_Long,
        "float": pynbt.TAG_Float,
        "double": pynbt.TAG_Double,
        "string": pynbt.TAG_String,
        "ints": pynbt.TAG_Int_Array,
        "longs": pynbt.TAG_Long_Array,
    }

    def make_tag(tree: tuple[str, Any]) -> Any:
        kind, value = tree
        if kind == "tree":
            compound = pynbt.TAG_Compound()
            for name, inner in value.items():
                compound[name] = make_tag(inner)
            return compound
        if kind == "list":
            return pynbt.TAG_List(pynbt.TAG_Int, [make_tag(inner) for inner in value])
        if kind == "bytes":
            return pynbt.TAG_Byte_Array(bytearray(value))
        return kinds[kind](value)

    out = io.BytesIO()
    pynbt.NBTFile(value=make_tag(root)).save(out)
    return out.getvalue()


def write_with_nbt(root: tuple[str, Any]) -> bytes:
    nbt = pytest.importorskip("nbt").nbt
    kinds = {
        "byte": nbt.TAG_Byte,
        "short": nbt.TAG_Short,
        "int": nbt.TAG_Int,
        "long": nbt.TAG_Long,
        "float": nbt.TAG_Float,
        "double": nbt.TAG_Double,
        "string": nbt.TAG_String,
    }
    arrays = {"ints": nbt.TAG_Int_Array, "longs": nbt.TAG_Long_Array, "bytes": nbt.TAG_Byte_Array}

    def make_tag(name: str | None, tree: tuple[str, Any]) -> Any:
        kind, value = tree
        if kind in kinds:
            return kinds[kind](name=name, value=value)
        if kind in arrays:
            tag = arrays[kind](name=name)
            tag.value = bytearray(value) if kind == "bytes" else value
            return tag
        if kind == "list":
            tag = nbt.TAG_List(name=name, type=nbt.TAG_Int)
            tag.tags = [make_tag(None, inner) for inner in value]
            return tag
        tag = nbt.TAG_Compound(name=name)
        tag.tags = [make_tag(inner_name, inner) for inner_name, inner in value.items()]
        return tag

    file = nbt.NBTFile()
    file.name = ""
    file.tags = make_tag(None, root).tags
    out = io.BytesIO()
    file.write_file(buffer=out)
    return out.getvalue()


@given(ROOTS)
@settings(max_examples=60, deadline=None)
def test_file_written_by_pynbt_is_read(root):
    assert agent.read_nbt(write_with_pynbt(root)) == expected_value(root)


@given(ROOTS)
@settings(max_examples=60, deadline=None)
def test_file_written_by_nbt_is_read(root):
    assert agent.read_nbt(write_with_nbt(root)) == expected_value(root)


def compound_bytes(*tags: bytes) -> bytes:
    return b"\x0a\0\0" + b"".join(tags) + b"\0"


def test_modified_utf_8_is_decoded():
    # U+0000 as two bytes, U+1F40E as two surrogates.
    text = b"a\xc0\x80\xed\xa0\xbd\xed\xb0\x8e\xc5\xbe"
    raw = compound_bytes(b"\x08\0\x01n" + struct.pack(">H", len(text)) + text)
    assert agent.read_nbt(raw) == {"n": "a\0🐎ž"}
    assert agent.read_nbt(zlib.compress(raw)) == {"n": "a\0🐎ž"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x09\0\0",
        b"\x1f\x8b",
        compound_bytes(b"\x0d\0\x01n"),
        compound_bytes(b"\x09\0\x01n\x00\0\0\0\x05"),
        compound_bytes(b"\x0c\0\x01n\x7f\xff\xff\xff"),
        compound_bytes(b"\x09\0\x01n\x03\x7f\xff\xff\xff"),
        compound_bytes(b"\x08\0\x01n\xff\xffx"),
        b"\x0a\0\0" * 10_000,
    ],
)
def test_invalid_nbt_is_rejected(raw):
    with pytest.raises(agent.InvalidNbt):
        agent.read_nbt(raw)


@given(ROOTS, st.integers(0, 400), st.binary(max_size=4))
@settings(max_examples=100, deadline=None)
def test_damaged_file_is_read_or_rejected(root, at, damage):
    raw = write_with_pynbt(root)
    at = min(at, len(raw))
    try:
        agent.read_nbt(raw[:at] + damage + raw[at + len(damage) :])
    except agent.InvalidNbt:
        pass


def test_agent_source_is_valid_python_3_9():
    import ast

    folder = Path(agent.__file__).parent
    for path in folder.glob("*.py"):
        ast.parse(path.read_text("utf-8"), feature_version=(3, 9))
