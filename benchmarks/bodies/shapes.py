"""Hostile bodies: JSON, forms and texts of a given size that take long to read, render or show."""

import json
from collections.abc import Callable

#: What a body of JSON may hold at most (`web/body.py`): a body with more is refused before it is parsed.
MAX_NAMES, MAX_LISTS, MAX_STRINGS, MAX_COMMAS, MAX_LONG_NUMBERS = (
    32_000,
    32_000,
    65_000,
    131_000,
    13_100,
)
MAX_DEPTH = 60


def repeated(unit: bytes, size: int, most: int = MAX_COMMAS) -> bytes:
    """Return a list of a unit."""
    return b"[" + b",".join([unit] * max(1, min(most, (size - 2) // (len(unit) + 1)))) + b"]"


def numbered(unit: Callable[[int], bytes], size: int, most: int = MAX_NAMES) -> bytes:
    """Return an object with members that a number makes."""
    members, length = [], 2
    for number in range(most):
        member = unit(number)
        length += len(member) + 1
        if length > size:
            break
        members.append(member)
    return b"{" + b",".join(members) + b"}"


def text(unit: str, size: int) -> bytes:
    """Return a string of a unit as it stands in JSON."""
    return b'"' + unit.encode() * max(1, (size - 2) // len(unit.encode())) + b'"'


def values(size: int) -> dict[str, bytes]:
    """Return valid JSON values of about this size, by name."""
    nested = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    nested_objects = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    found = {
        "text": text("x", size),
        "text of spaces": text("a ", size),
        "text of deletes": text("\x7f", size),
        "text of joiners": text("\u200d", size),
        "text of blanks": text("\u2800a", size),
        "text of umlauts": text("ä", size),
        "text of emoji": text("😀", size),
        "text of digits": text("9", size),
        "text of addresses": text("http://a.example/?&=", size),
        "text of signs": text("a@a.", size),
        "text of brackets": text("[{", size),
        "escaped umlauts": text("\\u00e4", size),
        "escaped emoji": text("\\ud83d\\ude00", size),
        "escaped line feeds": text("a\\n", size),
        "escaped quotes": text('\\"', size),
        "escaped backslashes": text("\\\\", size),
        "escaped controls": text("\\u0001", size),
        "lists": repeated(b"[]", size, MAX_LISTS),
        "objects": repeated(b"{}", size, MAX_LISTS),
        "small objects": repeated(b'{"a":1}', size, MAX_NAMES),
        "nested lists": repeated(nested, size, MAX_LISTS // MAX_DEPTH),
        "nested objects": repeated(nested_objects, size, MAX_NAMES // MAX_DEPTH),
        "empty strings": repeated(b'""', size, MAX_STRINGS),
        "short strings": repeated(b'"abcdef"', size, MAX_STRINGS),
        "short escaped strings": repeated(b'"\\u00e4\\u00e4"', size, MAX_STRINGS),
        "numbers as strings": repeated(b'"1"', size, MAX_STRINGS),
        "nulls": repeated(b"null", size),
        "digits": repeated(b"1", size),
        "numbers of 18 digits": repeated(b"123456789012345678", size),
        "numbers of 19 digits": repeated(b"1234567890123456789", size, MAX_LONG_NUMBERS),
        "short fractions": repeated(b"1.5", size),
        "fractions of 17 digits": repeated(b"1.2345678901234567", size),
        "long fractions": repeated(b"1.2345678901234567890", size, MAX_LONG_NUMBERS),
        "small fractions": repeated(b"2.2250738585072011e-308", size),
        "powers": repeated(b"1e300", size),
        "names": numbered(lambda n: b'"%x":1' % n, size),
        "names of nulls": numbered(lambda n: b'"%x":null' % n, size),
        "long names": numbered(lambda n: b'"%0100x":1' % n, size),
        "equal names": numbered(lambda n: b'"a":1', size),
        "names of umlauts": numbered(lambda n: '"ä%x":1'.encode() % n, size),
        "escaped names": numbered(lambda n: b'"\\u00e4%x":1' % n, size),
        "names of strings": numbered(lambda n: b'"%x":"%x"' % (n, n), size),
        "names of lists": numbered(lambda n: b'"%x":[]' % n, size),
        "names of objects": numbered(lambda n: b'"%x":{"a":1}' % n, size, MAX_NAMES // 2),
        "names of fractions": numbered(lambda n: b'"%x":1.2345678901234567' % n, size),
        "names of all": numbered(lambda n: b'"\\u00e4%x":[1.5,"\\u00e4"]' % n, size, 16_000),
    }  # fmt: skip
    for name in (
        "digits", "fractions of 17 digits", "names", "lists", "nested lists", "nested objects", "names of all",
    ):  # fmt: skip
        found[f"text with {name}"] = json.dumps(values_of(name, size)).encode()
    return found


def values_of(name: str, size: int) -> str:
    """Return some JSON value as a text, whose escapes do not make it larger than the size."""
    units = {
        "digits": repeated(b"1", size),
        "fractions of 17 digits": repeated(b"1.2345678901234567", size),
        "names": numbered(lambda n: b'"%x":1' % n, size * 7 // 9),
        "lists": repeated(b"[]", size, MAX_LISTS),
        "nested lists": repeated(
            b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, size, MAX_LISTS // MAX_DEPTH
        ),
        "nested objects": repeated(
            b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH, size * 5 // 7, MAX_NAMES // MAX_DEPTH
        ),
        "names of all": numbered(lambda n: b'"\xc3\xa4%x":[1.5,"\xc3\xa4"]' % n, size * 6 // 8, 16_000),
    }  # fmt: skip
    return units[name].decode()


def documents(size: int) -> dict[str, bytes]:
    """Return whole bodies of about this size, valid or not, by name."""
    return {
        **values(size),
        "spaces": b"{" + b" " * (size - 2) + b"}",
        "brackets": b"[" * size,
        "closed brackets": b"[" * (size // 2) + b"]" * (size // 2),
        "too many lists": b"[" + b",".join([b"[]"] * (size // 3)) + b"]",
        "too many names": b"{" + b",".join(b'"%x":1' % n for n in range(size // 10)) + b"}",
        "nested too deep": repeated(b"[" * 65 + b"]" * 65, size, MAX_LISTS // 66),
        "commas": b"[" + b"," * (size - 2) + b"]",
        "colons": b'{"a"' + b":" * (size - 5) + b"}",
        "quotes": b'"' * size,
        "backslashes": b'"' + b"\\" * (size - 1),
        "no end": b"[" + b'{"a":1},' * min(MAX_NAMES, size // 8),
        "no UTF-8 at the end": b'{"a":"' + "ä".encode() * ((size - 10) // 2) + b'\xff"}',
        "long number": b"[" + b"9" * (size - 2) + b"]",
        "long fraction": b"[1." + b"7" * (size - 4) + b"]",
        "many long fractions": b"[" + b",".join([b"1." + b"7" * 798] * (size // 801)) + b"]",
        "numbers beyond 64 bits": b"[" + b",".join([b"9" * 20] * (size // 21)) + b"]",
        "NUL characters": b'{"a":"' + b"\\u0000" * ((size - 8) // 6) + b'"}',
    }


def form_values(size: int) -> dict[str, bytes]:
    """Return urlencoded values of a form of about this size, by name."""
    units = {
        "text": b"x", "deletes": b"\x7f", "escapes": b"%41", "umlauts": "ä".encode(), "line feeds": b"%0A",
        "text and spaces": "ä+x".encode(), "joiners": "\u200d".encode(), "properties": b"a%3Db%0A", "digits": b"9",
        "commas": b"a,", "spaces": b"a+", "JSON": b'{"a":', "tags": b"<", "entities": b"%26'", "backslashes": b"\\",
        "dots": b"a.", "brackets": b"%5B", "surrogates": b"%ED%A0%80", "signs": b"a%40a.", "section signs": b"%C2%A7a",
        "distinct properties": b"",
    }  # fmt: skip
    found = {name: unit * (size // max(1, len(unit))) for name, unit in units.items() if unit}
    found["distinct properties"] = b"%0A".join(b"k%x%%3D1" % n for n in range(size // 12))
    return found


def header_values(size: int) -> dict[str, bytes]:
    """Return values of headers and parameters of a query of about this size, by name."""
    units = {
        "text": b"x", "digits": b"9", "commas": b"a,", "semicolons": b"a;", "pairs": b"a=b;", "escapes": b"%41",
        "quotes": b'"', "backslashes": b"\\", "slashes": b"a/", "spaces": b"a%20", "dots": b"1.", "dashes": b"a-",
        "equals": b"=", "ampersands": b"a=b&", "bearers": b"Bearer%20a",
    }  # fmt: skip
    return {name: unit * (size // len(unit)) for name, unit in units.items()}
