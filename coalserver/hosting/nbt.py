"""NBT, the format of `level.dat`: a small reader with bounds (docs/decisions/0055)."""

import gzip
import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import IO

#: A number, a text, an array as its bytes (big-endian), a list or a compound.
Value = int | float | str | bytes | list["Value"] | dict[str, "Value"]
Compound = dict[str, Value]

#: Bounds of a file, packed and unpacked, of its tags, and of their depth (512 in the game as well).
MAX_BYTES = 32 << 20
MAX_TAGS = 1_000_000
MAX_DEPTH = 512

END, STRING, LIST, COMPOUND = 0, 8, 9, 10
NUMBERS = {
    kind: struct.Struct(layout)
    for kind, layout in ((1, ">b"), (2, ">h"), (3, ">i"), (4, ">q"), (5, ">f"), (6, ">d"))
}
#: Size of an element of the arrays, by kind.
ARRAYS = {7: 1, 11: 4, 12: 8}
LENGTH, SHORT = struct.Struct(">i"), struct.Struct(">H")


class InvalidNbt(ValueError):
    """Data that is not NBT, is damaged, or is beyond the bounds."""


@dataclass(slots=True)
class _Open:
    """A list or a compound that is being read. `left`: elements of a list that follow."""

    items: list[Value] = field(default_factory=list)
    members: Compound | None = None
    kind: int = END
    left: int = 0


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0

    def take(self, size: int) -> bytes:
        start, self.position = self.position, self.position + size
        if size < 0 or self.position > len(self.content):
            raise InvalidNbt("it is cut off")
        return self.content[start : self.position]

    def number(self, layout: struct.Struct) -> int | float:
        value: int | float = layout.unpack(self.take(layout.size))[0]
        return value

    def length(self) -> int:
        length: int = LENGTH.unpack(self.take(4))[0]
        return length

    def text(self) -> str:
        return _decode(self.take(SHORT.unpack(self.take(2))[0]))

    def value(self, kind: int) -> "Value | _Open":
        """Return a value. A list or compound is returned without its elements."""
        if kind in NUMBERS:
            return self.number(NUMBERS[kind])
        if kind == STRING:
            return self.text()
        if kind in ARRAYS:
            return self.take(self.length() * ARRAYS[kind])
        if kind == COMPOUND:
            return _Open(members={})
        if kind == LIST:
            element, length = self.take(1)[0], max(0, self.length())
            if element == END and length:
                raise InvalidNbt("a list has elements without a kind")
            return _Open(kind=element, left=length)
        raise InvalidNbt(f"there is no kind {kind}")


def parse_nbt(content: bytes) -> Compound:
    """Return the root compound. Raises InvalidNbt."""
    reader = _Reader(content)
    if reader.take(1)[0] != COMPOUND:
        raise InvalidNbt("it does not begin with a compound")
    reader.text()
    root: Compound = {}
    # Not recursive: the data decides how deep it goes.
    stack = [_Open(members=root)]
    tags = 0
    while stack:
        tags += 1
        if tags > MAX_TAGS or len(stack) > MAX_DEPTH:
            raise InvalidNbt("it is too large or too deep")
        container = stack[-1]
        if container.members is None:
            kind, name = (container.kind if container.left else END), ""
            container.left -= 1
        else:
            kind = reader.take(1)[0]
            name = reader.text() if kind != END else ""
        if kind == END:
            stack.pop()
            continue
        found = reader.value(kind)
        if isinstance(found, _Open):
            stack.append(found)
        value = _content(found)
        if container.members is None:
            container.items.append(value)
        else:
            container.members[name] = value
    return root


def read_gzipped(file: IO[bytes]) -> Compound:
    """Return the root compound of a gzipped file, whose checksum is checked. Raises InvalidNbt, OSError."""
    packed = file.read(MAX_BYTES + 1)
    if len(packed) > MAX_BYTES:
        raise InvalidNbt("it is too large")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as unpacked:
            content = unpacked.read(MAX_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidNbt("it is damaged") from error
    if len(content) > MAX_BYTES:
        raise InvalidNbt("it is too large")
    return parse_nbt(content)


def find(compound: Compound, *names: str) -> Value | None:
    """Return what stands at a path of names, or None."""
    value: Value | None = compound
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _content(value: "Value | _Open") -> Value:
    if not isinstance(value, _Open):
        return value
    return value.items if value.members is None else value.members


def _decode(raw: bytes) -> str:
    """Return a text of Java's modified UTF-8: NUL has two bytes, and other planes are pairs of surrogates."""
    try:
        text = raw.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
