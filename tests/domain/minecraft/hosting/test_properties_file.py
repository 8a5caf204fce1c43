"""server.properties: what it says for each version, and that lines of others stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.minecraft.hosting.properties_file import (
    FileSettings,
    changed_properties,
    decode,
    game_rules,
    managed_lines,
    obsolete_properties,
    read_properties,
    write_properties,
)
from coalserver.domain.minecraft.server_properties import effective_properties
from tests.domain.minecraft.hosting import properties_reader

NEW = "26.1"
DEFAULTS = effective_properties(b"{}")


def properties(**changes):
    return {**DEFAULTS, **changes}


def settings(minecraft=NEW, **changes):
    return FileSettings(**{"minecraft": minecraft, "port": 25570, **changes})


def written(existing="", minecraft=NEW, file=None, **changes):
    """Return the values of a written file, as Java reads them."""
    text = write_properties(
        properties(**changes), settings(minecraft, **(file or {})), existing=existing
    )
    assert text.isascii()
    return properties_reader.read(text)


def test_new_file_has_every_property_and_what_is_always_written():
    values = written(
        motd="Hello", max_players=5, file={"bind": "127.0.0.1", "level_name": "My world"}
    )
    assert values == {
        "server-port": "25570",
        "motd": "Hello",
        "white-list": "false",
        "enforce-whitelist": "false",
        "gamemode": "survival",
        "force-gamemode": "false",
        "level-type": "minecraft:normal",
        "level-seed": "",
        "generator-settings": "",
        "difficulty": "easy",
        "pvp": "false",
        "hardcore": "false",
        "allow-flight": "false",
        "allow-nether": "true",
        "generate-structures": "true",
        "spawn-npcs": "true",
        "spawn-animals": "true",
        "spawn-monsters": "true",
        "view-distance": "10",
        "player-idle-timeout": "0",
        "max-players": "5",
        "max-world-size": "29999984",
        "spawn-protection": "16",
        "enable-command-block": "false",
        "resource-pack": "",
        "op-permission-level": "3",
        "level-name": "My world",
        "enable-rcon": "false",
        "enable-query": "false",
        "management-server-enabled": "false",
        "server-ip": "127.0.0.1",
    }


@pytest.mark.parametrize(
    ("minecraft", "gamemode", "difficulty", "level_type"),
    [
        ("1.2.5", "2", "3", "LARGEBIOMES"),
        ("1.13.2", "2", "3", "LARGEBIOMES"),
        ("1.14", "adventure", "hard", "LARGEBIOMES"),
        ("1.18.2", "adventure", "hard", "LARGEBIOMES"),
        ("1.19", "adventure", "hard", "minecraft:large_biomes"),
        ("26.1", "adventure", "hard", "minecraft:large_biomes"),
        ("", "adventure", "hard", "minecraft:large_biomes"),
    ],
)
def test_words_and_numbers_follow_the_version(minecraft, gamemode, difficulty, level_type):
    values = written(minecraft=minecraft, gamemode=2, difficulty=3, level_type="LARGEBIOMES")
    assert values["gamemode"] == gamemode
    assert values["difficulty"] == difficulty
    assert values["level-type"] == level_type


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("DEFAULT", "normal"), ("FLAT", "flat"), ("AMPLIFIED", "amplified")],
)
def test_level_types_have_a_namespace_since_1_19(ours, theirs):
    text = write_properties(properties(level_type=ours), settings())
    assert f"level-type=minecraft\\:{theirs}\n" in text


@pytest.mark.parametrize(
    ("minecraft", "key"), [("1.6.4", "texture-pack"), ("1.7.2", "resource-pack")]
)
def test_resource_pack_has_its_older_key_to_1_6(minecraft, key):
    existing = "texture-pack=old\nresource-pack=old\nresource-pack-sha1=abc\nresource-pack-x=1\n"
    values = written(existing, minecraft, resource_pack="https://packs.example/a.zip")
    other = {"texture-pack", "resource-pack"} - {key}
    assert values[key] == "https://packs.example/a.zip"
    assert values[other.pop()] == "old"
    assert values["resource-pack-sha1"] == "abc"
    assert values["resource-pack-x"] == "1"


@pytest.mark.parametrize(
    ("minecraft", "gone"),
    [
        ("1.16.5", set()),
        ("1.17.1", {"max_build_height"}),
        ("1.18", {"max_build_height", "snooper_enabled"}),
        ("", {"max_build_height", "snooper_enabled"}),
    ],
)
def test_obsolete_properties_are_not_written(minecraft, gone):
    assert obsolete_properties(minecraft) == gone
    values = written(minecraft=minecraft)
    assert ("max-build-height" in values) == ("max_build_height" not in gone)
    assert ("snooper-enabled" in values) == ("snooper_enabled" not in gone)


def test_white_list_is_written_and_enforced():
    values = written(white_list=True)
    assert (values["white-list"], values["enforce-whitelist"]) == ("true", "true")


def test_lines_that_are_not_managed_stay_in_their_place():
    existing = (
        "#Minecraft server properties\n"
        "! another comment\n"
        "\n"
        "  custom.key : a \\\n      b\n"
        "motd=Old\n"
        "motd-extra=kept\n"
        "rcon.password=secret\n"
    )
    text = write_properties(properties(motd="New"), settings(), existing)
    assert text.startswith(
        "#Minecraft server properties\n"
        "! another comment\n"
        "\n"
        "  custom.key : a \\\n      b\n"
        "motd=New\n"
        "motd-extra=kept\n"
        "rcon.password=secret\n"
        "server-port=25570\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "motd = Old",
        "motd:Old",
        "motd Old",
        "\t motd\t=\tOld",
        "mo\\\n  td=Old",
        "motd=Old \\\n and more\\\n and more",
        "\\u006dotd=Old",
        "m\\otd=Old",
        "motd",
        "motd=Old\nmotd=Older",
        "motd=Old\r\nmotd=Older\r",
    ],
)
def test_managed_keys_are_found_however_they_are_written(line):
    text = write_properties(properties(motd="New"), settings(), f"{line}\nother=1\n")
    assert text.startswith("motd=New\nother=1\n")
    assert text.count("motd") == 1


def test_missing_end_of_the_last_line_does_not_swallow_new_lines():
    for existing in ("a=b", "a=b\\", "a=b\\\n", "# comment\\", "a=b\\\n   \\"):
        values = written(existing)
        assert values["server-port"] == "25570", existing
        assert values.get("a", "b") == "b"


def test_line_of_a_single_backslash_means_nothing():
    assert read_properties("\\\n#a=1\n  \\\n  b=2\n\\\n") == {"b": "2"}
    assert not set(written("\\\n#a=1\nc=2\n\\")) & {"a", "#a", ""}


def test_texts_of_others_are_written_in_ascii_with_the_same_meaning():
    values = written("# Köln\nname=Köln \\é 😀 \\\\ö\nclé=1\n")
    assert values["name"] == "Köln é 😀 \\ö"
    assert values["clé"] == "1"


def test_line_with_a_broken_escape_becomes_a_comment():
    values = written("path=C:\\users\\me\nok=C:\\\\users\n")
    assert "path" not in values
    assert values["ok"] == "C:\\users"


def test_further_lines_add_to_the_managed_ones():
    further = {"simulation-distance": "6", "server-port": "1", "enable-rcon": "true", "a b": "c"}
    values = written("simulation-distance=10\n", file={"further": further})
    assert values["simulation-distance"] == "6"
    assert values["server-port"] == "25570"
    assert values["enable-rcon"] == "false"
    assert values["a b"] == "c"


def test_removed_further_lines_leave_the_file():
    file = {"further": {"b": "2"}, "removed": ("a", "b", "motd")}
    values = written("a=1\nb=1\naa=1\nmotd=x\n", file=file)
    assert "a" not in values
    assert (values["b"], values["aa"], values["motd"]) == ("2", "1", "A Minecraft Server")


def test_values_are_escaped():
    text = write_properties(properties(motd=" §6Köln: #1! = \\o/ 😀"), settings())
    assert "motd=\\ \\u00A76K\\u00F6ln\\: \\#1\\! \\= \\\\o/ \\uD83D\\uDE00\n" in text
    assert properties_reader.read(text)["motd"] == " §6Köln: #1! = \\o/ 😀"


def test_files_are_read_as_utf_8_else_as_latin_1():
    assert decode("motd=é".encode()) == "motd=é"
    assert decode("motd=é".encode("latin-1")) == "motd=é"
    assert decode(b"\xef\xbb\xbfmotd=a") == "motd=a"


LINE = st.text(st.sampled_from("ab =:#!\\\t\f\r\nu0061é😀"), max_size=12)
TEXT = st.lists(LINE, max_size=8).map("\n".join)


@given(TEXT)
def test_reading_agrees_with_the_specification(text):
    try:
        expected = properties_reader.read(text)
    except ValueError:
        return
    assert read_properties(text) == expected


@given(TEXT, st.text(st.characters(codec="utf-16"), max_size=20))
def test_every_file_keeps_what_is_not_managed(existing, motd):
    text = write_properties(properties(motd=motd), settings(), existing)
    assert text.isascii()
    values = properties_reader.read(text)
    managed = managed_lines(properties(motd=motd), settings())
    assert {key: values[key] for key in managed} == managed
    try:
        before = properties_reader.read(existing)
    except ValueError:
        return
    assert {key: value for key, value in values.items() if key not in managed} == {
        key: value for key, value in before.items() if key not in managed
    }
    assert write_properties(properties(motd=motd), settings(), text) == text


@given(st.dictionaries(st.text(min_size=1, max_size=10), st.text(max_size=20), max_size=5))
def test_further_lines_are_read_back_by_another_reader(further):
    javaproperties = pytest.importorskip(
        "javaproperties", reason="javaproperties is not installed; the extra `test` brings it"
    )
    managed = managed_lines(DEFAULTS, settings(further=further))
    text = write_properties(DEFAULTS, settings(further=further))
    assert javaproperties.loads(text) == managed
    assert read_properties(javaproperties.dumps(managed)) == managed


def test_game_rules_replace_properties_that_left_the_file():
    assert game_rules(DEFAULTS, "1.21.8") == ()
    four = (
        ("pvp", False),
        ("allow_entering_nether_using_portals", True),
        ("spawn_monsters", True),
        ("command_blocks_work", False),
    )
    assert game_rules(DEFAULTS, "1.21.9") == four
    assert game_rules(DEFAULTS, "1.21.11") == four
    assert game_rules(DEFAULTS, "26.1") == (*four, ("spawn_mobs", True))


@pytest.mark.parametrize(
    ("animals", "npcs", "mobs"),
    [(True, True, True), (True, False, True), (False, True, True), (False, False, False)],
)
def test_mobs_spawn_if_animals_or_villagers_do(animals, npcs, mobs):
    rules = dict(game_rules(properties(spawn_animals=animals, spawn_npcs=npcs), "26.2"))
    assert rules["spawn_mobs"] is mobs


def test_properties_changed_since_the_start_are_named():
    changed = properties(motd="New", idle_timeout=0, eula_agree=True, max_build_height=128)
    assert changed_properties(DEFAULTS, changed, "26.1") == ["motd"]
    assert changed_properties(DEFAULTS, changed, "1.12.2") == ["motd", "max_build_height"]
    assert changed_properties({}, changed, "26.1") == []
