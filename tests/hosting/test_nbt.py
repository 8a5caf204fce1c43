"""The reader of NBT against two libraries, against damaged data, and what it finds in worlds."""

import gzip
import io
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbt import nbt as oracle

from coalserver.hosting import nbt
from coalserver.hosting.level import InvalidLevel, LevelFacts, read_level
from coalserver.hosting.nbt import InvalidNbt, find, parse_nbt, read_gzipped
from tests.hosting.fake_child import nbt_compound, write_nbt
from tests.hosting.zips import LEVEL


def whole_of_all_kinds() -> oracle.NBTFile:
    """Return a file of another program with each kind of value."""
    file = oracle.NBTFile()
    file.name = "root"
    file.tags.append(oracle.TAG_Byte(name="byte", value=-5))
    file.tags.append(oracle.TAG_Short(name="short", value=-300))
    file.tags.append(oracle.TAG_Int(name="int", value=2**31 - 1))
    file.tags.append(oracle.TAG_Long(name="long", value=-(2**63)))
    file.tags.append(oracle.TAG_Float(name="float", value=1.5))
    file.tags.append(oracle.TAG_Double(name="double", value=0.1))
    file.tags.append(oracle.TAG_String(name="text", value="Wörld 北"))
    array = oracle.TAG_Int_Array(name="ints")
    array.value = [1, -1]
    file.tags.append(array)
    bytes_ = oracle.TAG_Byte_Array(name="bytes")
    bytes_.value = bytearray(b"\x01\x02")
    file.tags.append(bytes_)
    longs = oracle.TAG_Long_Array(name="longs")
    longs.value = [7]
    file.tags.append(longs)
    numbers = oracle.TAG_List(name="list", type=oracle.TAG_Int)
    numbers.tags.extend(oracle.TAG_Int(value=one) for one in (1, 2, 3))
    file.tags.append(numbers)
    file.tags.append(oracle.TAG_List(name="none", type=oracle.TAG_Compound))
    inner = oracle.TAG_Compound(name="inner")
    inner.tags.append(oracle.TAG_Byte(name="on", value=1))
    file.tags.append(inner)
    return file


def written(file: oracle.NBTFile) -> bytes:
    out = io.BytesIO()
    file.write_file(buffer=out)
    return out.getvalue()


def test_every_kind_of_value_is_read_as_another_program_wrote_it():
    assert parse_nbt(written(whole_of_all_kinds())) == {
        "byte": -5,
        "short": -300,
        "int": 2**31 - 1,
        "long": -(2**63),
        "float": 1.5,
        "double": 0.1,
        "text": "Wörld 北",
        "ints": struct.pack(">2i", 1, -1),
        "bytes": b"\x01\x02",
        "longs": struct.pack(">q", 7),
        "list": [1, 2, 3],
        "none": [],
        "inner": {"on": 1},
    }


def test_data_cut_anywhere_is_invalid():
    content = written(whole_of_all_kinds())
    for size in range(len(content)):
        with pytest.raises(InvalidNbt):
            parse_nbt(content[:size])


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damaged_data_is_read_or_invalid(noise, at):
    content = written(whole_of_all_kinds())
    for damaged in (b"\x0a\x00\x00" + noise, content[:at] + noise + content[at + len(noise) :]):
        try:
            assert isinstance(parse_nbt(damaged), dict)
        except InvalidNbt:
            continue


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\xc0\x80b", "a\0b"),
        (b"\xed\xa0\xbc\xed\xbf\xb0", "🏰"),
        (b"\xed\xa0\xbc", "\N{REPLACEMENT CHARACTER}"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_text_of_java_is_decoded(raw, text):
    content = b"\x0a\0\0\x08\0\1t" + struct.pack(">H", len(raw)) + raw + b"\0"
    assert parse_nbt(content) == {"t": text}


def nested(kind: str, depth: int) -> bytes:
    if kind == "compounds":
        return b"\x0a\0\0" + b"\x0a\0\0" * depth + b"\0" * (depth + 1)
    return b"\x0a\0\0\x09\0\0" + b"\x09\0\0\0\1" * depth + b"\1\0\0\0\0" + b"\0"


@pytest.mark.parametrize("kind", ["compounds", "lists"])
def test_depth_is_bounded(kind):
    assert parse_nbt(nested(kind, 500))
    with pytest.raises(InvalidNbt):
        parse_nbt(nested(kind, 600))
    with pytest.raises(InvalidNbt):
        parse_nbt(nested(kind, 100_000))


@pytest.mark.parametrize(
    "element",
    [b"\x00\x7f\xff\xff\xff", b"\x0a\x00\x20\x00\x00" + b"\0" * (2 << 20), b"\x63\0\0\0\1x"],
)
def test_lists_without_bound_or_kind_are_invalid(element):
    with pytest.raises(InvalidNbt):
        parse_nbt(b"\x0a\0\0\x09\0\0" + element + b"\0")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"\x0a\0\0\0", mtime=0)[:-3],
        gzip.compress(b"\x0a\0\0\0", mtime=0)[:-8] + b"\0" * 8,
        gzip.compress(b"\x0a\0\0\x07\0\0\x7f\xff\xff\xff", mtime=0),
    ],
)
def test_file_that_is_no_gzipped_nbt_is_invalid(content):
    with pytest.raises(InvalidNbt):
        read_gzipped(io.BytesIO(content))


def test_size_is_bounded_packed_and_unpacked(monkeypatch):
    monkeypatch.setattr(nbt, "MAX_BYTES", 100_000)
    bomb = gzip.compress(b"\x0a\0\0\x07\0\0" + struct.pack(">i", 200_000) + b"\0" * 200_001)
    for content in (bomb, gzip.compress(b"", mtime=0) * 6_000):
        with pytest.raises(InvalidNbt, match="too large"):
            read_gzipped(io.BytesIO(content))


def test_find_follows_names():
    assert find({"a": {"b": 1}}, "a", "b") == 1
    assert find({"a": 1}, "a", "b") is None
    assert find({}, "a") is None


def test_level_has_version_time_and_weather(tmp_path):
    write_nbt(tmp_path / "level.dat", LEVEL)
    facts = read_level(tmp_path)
    assert facts == LevelFacts("1.20.1", 30_000, 54_321, True, False)
    assert (facts.day, facts.time_of_day) == (2, 6_321)


def test_old_level_has_no_version(tmp_path):
    write_nbt(tmp_path / "level.dat", {"Data": {"Time": ("long", 1)}})
    facts = read_level(tmp_path)
    assert facts == LevelFacts("", 1, None, None, None)
    assert (facts.day, facts.time_of_day) == (None, None)


def write_clock(folder, ticks: int, raining: int) -> None:
    clock = {"minecraft:overworld": {"total_ticks": ("long", ticks), "paused": ("byte", 0)}}
    write_nbt(folder / "world_clocks.dat", {"DataVersion": ("int", 4_790), "data": clock})
    weather = {"raining": ("byte", raining), "thundering": ("byte", raining)}
    write_nbt(folder / "weather.dat", {"DataVersion": ("int", 4_790), "data": weather})


def test_level_of_26_has_clock_and_weather_in_files(tmp_path):
    write_nbt(tmp_path / "level.dat", {"Data": {"Time": ("long", 9), "Version": {"Name": "26.1"}}})
    assert read_level(tmp_path) == LevelFacts("26.1", 9)
    write_clock(tmp_path / "data/minecraft", 24_001, 0)
    assert read_level(tmp_path) == LevelFacts("26.1", 9, 24_001, False, False)
    # Paper leaves the first ones at 0.
    write_clock(tmp_path / "dimensions/minecraft/overworld/data/minecraft", 48_002, 1)
    assert read_level(tmp_path) == LevelFacts("26.1", 9, 48_002, True, True)


def test_unreadable_clock_is_left_out(tmp_path):
    write_nbt(tmp_path / "level.dat", LEVEL)
    clock = tmp_path / "data/minecraft/world_clocks.dat"
    clock.parent.mkdir(parents=True)
    clock.write_bytes(b"torn")
    assert read_level(tmp_path).clock == 54_321


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "fifo", "torn", "no_world"])
def test_level_that_does_not_open_is_invalid(tmp_path, kind):
    path = tmp_path / "level.dat"
    write_nbt(tmp_path / "other.dat", LEVEL)
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "other.dat")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "torn":
        path.write_bytes((tmp_path / "other.dat").read_bytes()[:-9])
    elif kind == "no_world":
        path.write_bytes(gzip.compress(b"\x0a\0\0" + nbt_compound({"Data": ("int", 1)})))
    with pytest.raises(InvalidLevel, match=r"level\.dat"):
        read_level(tmp_path)
