"""A reader of java.util.Properties as Java 17 and 25 have it, one character after another, independent of ours."""

from collections.abc import Iterator


def read(text: str) -> dict[str, str]:
    """Return keys and values. Raises ValueError for a malformed escape, as Java does."""
    return dict(_split(line) for line in _logical_lines(text))


def _logical_lines(text: str) -> Iterator[str]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    line = ""
    comment = backslash = False
    skipping = True
    continuing = False
    for character in text:
        if skipping:
            if character in " \t\f" or (character == "\n" and not continuing):
                continue
            skipping = continuing = False
        if not line and not comment and character in "#!":
            comment = True
            continue
        if character != "\n":
            line += character
            backslash = character == "\\" and not backslash
        elif comment or not line:
            line, comment, skipping, backslash = "", False, True, False
        elif backslash:
            line, skipping, continuing, backslash = line[:-1], True, True, False
        else:
            yield line
            line, skipping = "", True
    # Java reads an empty key from a single backslash at the end of a file; that is left out here.
    line = line[:-1] if backslash else line
    if line and not comment:
        yield line


def _split(line: str) -> tuple[str, str]:
    at = 0
    while at < len(line) and line[at] not in "=: \t\f":
        at += 2 if line[at] == "\\" else 1
    key, rest = line[:at], line[at:].lstrip(" \t\f")
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(" \t\f")
    return _unescape(key), _unescape(rest)


def _unescape(text: str) -> str:
    units: list[int] = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            character = next(characters, "")
            if character == "u":
                digits = "".join(next(characters, "") for _ in range(4))
                if len(digits) != 4 or not all(one in "0123456789abcdefABCDEF" for one in digits):
                    raise ValueError("Malformed \\uxxxx encoding.")
                units.append(int(digits, 16))
                continue
            character = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(character, character)
        code = character.encode("utf-16-be", "surrogatepass")
        units += [int.from_bytes(code[one : one + 2], "big") for one in range(0, len(code), 2)]
    content = b"".join(unit.to_bytes(2, "big") for unit in units)
    return content.decode("utf-16-be", "surrogatepass")
