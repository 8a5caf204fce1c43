"""The file server.properties of a hosted world: what it says for each version, and how it is written (hosting.md 5).

The format is that of java.util.Properties. Lines that are not managed here stay as they are, in their place.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from coalserver.domain.minecraft.hosting.minecraft_versions import release_of
from coalserver.domain.minecraft.server_properties import PROPERTIES, PropertyValue

#: Properties that are no lines of the file.
NOT_IN_FILE = frozenset(("version", "memory", "operator", "idle_timeout", "eula_agree"))
#: Properties that apply at once, not from the next start.
APPLIED_AT_ONCE = frozenset(("idle_timeout", "eula_agree"))
#: The last release that has a property.
LAST_RELEASES = {"max_build_height": (1, 16), "snooper_enabled": (1, 17)}
#: Interfaces that stay off: the console is the way into a hosted world.
SWITCHED_OFF = ("enable-rcon", "enable-query", "management-server-enabled")

#: What names a further line of server.properties among the properties.
FURTHER = "file."
#: Keys of all lines that are written from properties and settings, of whichever version.
MANAGED_KEYS = frozenset(
    (
        *(name.replace("_", "-") for name in PROPERTIES if name not in NOT_IN_FILE),
        *("texture-pack", "enforce-whitelist", "level-name", "server-ip"),
        *SWITCHED_OFF,
    )
)

_GAMEMODES = ("survival", "creative", "adventure", "spectator")
_DIFFICULTIES = ("peaceful", "easy", "normal", "hard")
_LEVEL_TYPES = {
    "DEFAULT": "minecraft:normal",
    "FLAT": "minecraft:flat",
    "LARGEBIOMES": "minecraft:large_biomes",
    "AMPLIFIED": "minecraft:amplified",
}
#: Game rules from 1.21.9 on, in the order in which they are set.
_RULES = {
    "pvp": "pvp",
    "allow_nether": "allow_entering_nether_using_portals",
    "spawn_monsters": "spawn_monsters",
    "enable_command_block": "command_blocks_work",
}

_NAMED_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_ESCAPES = {character: f"\\{letter}" for letter, character in _NAMED_ESCAPES.items()}
_ESCAPES |= {character: f"\\{character}" for character in ":=#!\\"}
_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = " \t\f"
_KEY_END = re.compile(r"(?:[^\\:= \t\f]|\\.)*", re.DOTALL)
_SEPARATOR = re.compile(r"[ \t\f]*(?:[:=][ \t\f]*)?")
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.)|$)", re.DOTALL)
_BROKEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?![0-9A-Fa-f]{4})")
_NOT_ASCII = re.compile(r"(?<!\\)((?:\\\\)*)\\?([^\x00-\x7f])")


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What a server.properties says beside the world's properties."""

    #: Minecraft version; an unknown one counts as the newest.
    minecraft: str
    port: int
    #: Address the game listens on; empty: all.
    bind: str = ""
    #: Folder of the world within the folder of the program.
    level_name: str = "world"
    #: Further lines by their key, which only add to the managed ones.
    further: Mapping[str, str] | None = None
    #: Further lines that were taken back: their keys are removed from the file.
    removed: Collection[str] = ()
    #: Ids of Mojang's list, newest first, if it is known.
    newest_first: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """A logical line with the lines of text that it is made of. The key is None for comments and blank lines."""

    texts: tuple[str, ...]
    key: str | None = None
    value: str = ""
    #: It has an escape for which the game refuses the whole file.
    broken: bool = False


def decode(content: bytes) -> str:
    """Return the text of a properties file: UTF-8, as new versions write it, else ISO-8859-1."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("iso-8859-1")


def read_properties(text: str) -> dict[str, str]:
    """Return keys and values as java.util.Properties reads them; of a key that comes twice, the last value."""
    return {line.key: line.value for line in _lines(text) if line.key is not None}


def write_properties(
    properties: Mapping[str, PropertyValue], settings: FileSettings, existing: str = ""
) -> str:
    """Return the new text of server.properties, in ASCII, from all properties and the existing text.

    Managed keys are written in the place where they are, once, and new ones at the end. All other lines stay;
    one with a broken escape becomes a comment, since the game would refuse the file.
    """
    managed = managed_lines(properties, settings)
    removed = frozenset(settings.removed)
    written: set[str] = set()
    texts: list[str] = []
    for line in _lines(existing):
        if line.broken:
            texts += [f"#{_ascii(text)}" for text in line.texts]
        elif line.key is None or not (line.key in managed or line.key in removed):
            texts += [_ascii(text) for text in line.texts]
        elif line.key in managed and line.key not in written:
            written.add(line.key)
            texts.append(_format(line.key, managed[line.key]))
    texts += [_format(key, value) for key, value in managed.items() if key not in written]
    return "".join(f"{text}\n" for text in texts)


def managed_lines(
    properties: Mapping[str, PropertyValue], settings: FileSettings
) -> dict[str, str]:
    """Return keys and values of all lines that are managed, further lines last."""
    release = release_of(settings.minecraft, settings.newest_first)
    lines: dict[str, str] = {}
    for name, value in properties.items():
        if name in NOT_IN_FILE or _is_obsolete(name, release):
            continue
        key = "texture-pack" if name == "resource_pack" and release < (1, 7) else _key(name)
        lines[key] = _value(name, value, release)
    lines["server-port"] = str(settings.port)
    lines["enforce-whitelist"] = lines["white-list"]
    lines["level-name"] = settings.level_name
    lines["server-ip"] = settings.bind
    lines |= dict.fromkeys(SWITCHED_OFF, "false")
    return lines | {
        key: value for key, value in (settings.further or {}).items() if key not in lines
    }


def obsolete_properties(minecraft: str, newest_first: Sequence[str] = ()) -> frozenset[str]:
    """Return the properties that a Minecraft version no longer has. They are kept and not written."""
    release = release_of(minecraft, newest_first)
    return frozenset(name for name in LAST_RELEASES if _is_obsolete(name, release))


def changed_properties(
    applied: Mapping[str, PropertyValue], current: Mapping[str, PropertyValue], minecraft: str
) -> list[str]:
    """Return the names of properties that differ from those of the last start and apply from the next one."""
    ignored = APPLIED_AT_ONCE | obsolete_properties(minecraft)
    return [
        name
        for name, value in current.items()
        if name not in ignored and name in applied and applied[name] != value
    ]


def game_rules(
    properties: Mapping[str, PropertyValue], minecraft: str, newest_first: Sequence[str] = ()
) -> tuple[tuple[str, bool], ...]:
    """Return the game rules to set once the program is ready, in their order, for versions whose file lacks them."""
    release = release_of(minecraft, newest_first)
    if release < (1, 21, 9):
        return ()
    rules = [(rule, bool(properties[name])) for name, rule in _RULES.items()]
    if release >= (26,):
        rules.append(("spawn_mobs", bool(properties["spawn_animals"] or properties["spawn_npcs"])))
    return tuple(rules)


def _is_obsolete(name: str, release: tuple[int, ...]) -> bool:
    last = LAST_RELEASES.get(name)
    return last is not None and release[:2] > last


def _key(name: str) -> str:
    return name.replace("_", "-")


def _value(name: str, value: PropertyValue, release: tuple[int, ...]) -> str:
    """Return the text of a property in the words of a version."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if release >= (1, 14) and isinstance(value, int) and name in ("gamemode", "difficulty"):
        return (_GAMEMODES if name == "gamemode" else _DIFFICULTIES)[value]
    if release >= (1, 19) and name == "level_type":
        return _LEVEL_TYPES[str(value)]
    return "" if value is None else str(value)


def _format(key: str, value: str) -> str:
    escaped = _escape(value)
    if escaped.startswith(" "):
        escaped = "\\" + escaped
    return f"{_escape(key).replace(' ', chr(92) + ' ')}={escaped}"


def _escape(text: str) -> str:
    return "".join(
        _ESCAPES.get(character)
        or (character if " " <= character <= "~" else _unicode_escape(character))
        for character in text
    )


def _unicode_escape(character: str) -> str:
    """Return `\\uXXXX` for each UTF-16 unit of a character."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return _NAMED_ESCAPES.get(match[2], match[2]) if match[2] else ""

    units = _ESCAPED.sub(replace, text)
    # Two escapes that are a surrogate pair become one character.
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _ascii(text: str) -> str:
    """Return a line of the file in ASCII, with the same meaning.

    A backslash in front of a character means that character; it would take the backslash of the new escape away.
    """
    return _NOT_ASCII.sub(lambda match: match[1] + _unicode_escape(match[2]), text)


def _lines(text: str) -> Iterator[_Line]:
    """Yield the logical lines of a file."""
    texts = _LINE_END.split(text)
    if not texts[-1]:
        # Nothing follows the last line end.
        texts.pop()
    at = 0
    while at < len(texts):
        start = at
        content = texts[at].lstrip(_BLANKS)
        at += 1
        if not content or content.startswith(("#", "!")):
            yield _Line((texts[start],))
            continue
        if len(content) == 1 and _is_continued(content):
            # It means nothing, and versions of Java differ in what may follow.
            continue
        while _is_continued(content):
            content = content[:-1]
            if at == len(texts):
                # Without the backslash, or a line that is added would continue this one.
                texts[-1] = texts[-1][:-1]
                break
            content += texts[at].lstrip(_BLANKS)
            at += 1
        yield _parse(tuple(texts[start:at]), content)


def _is_continued(content: str) -> bool:
    return (len(content) - len(content.rstrip("\\"))) % 2 == 1


def _parse(texts: tuple[str, ...], content: str) -> _Line:
    if not content:
        return _Line(texts)
    match = _KEY_END.match(content)
    key = match[0] if match else ""
    separator = _SEPARATOR.match(content, len(key))
    value = content[separator.end() if separator else len(key) :]
    broken = _BROKEN_ESCAPE.search(key) or _BROKEN_ESCAPE.search(value)
    return _Line(texts, _unescape(key), _unescape(value), bool(broken))
