"""Fields for the settings of hosted worlds on admin pages: their order, labels, choices and errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coalserver.core.commands.hosted_worlds import OTHER_NAMES
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.properties_file import FURTHER
from coalserver.domain.minecraft.property_values import MAX_TEXT_LENGTH, choices_of, property_text
from coalserver.domain.minecraft.server_properties import (
    EULA,
    PORT,
    PROPERTIES,
    VERSION,
    BooleanProperty,
    ChoiceProperty,
    IntegerProperty,
    PropertyValue,
)
from coalserver.site.admin.messages import ERROR_MESSAGES
from coalserver.web.pages.i18n import N_, Language

Values = Mapping[str, PropertyValue]


@dataclass(frozen=True, slots=True)
class Label:
    """Texts of a field, as message ids. Choices are (value, text); the text of a number is the number."""

    text: str
    note: str = ""
    choices: tuple[tuple[str, str], ...] = ()


#: Groups of fields: id, title and labels by the name of the property.
GROUPS: tuple[tuple[str, str, Mapping[str, Label]], ...] = (
    (
        "program",
        N_("Server"),
        {
            VERSION: Label(N_("Version")),
            "memory": Label(
                N_("Memory"),
                N_("For the game itself. Its process takes about 400 MiB more."),
            ),
            PORT: Label(N_("Port"), N_("From 25565 to 25575. Empty: a free port is chosen.")),
            "idle_timeout": Label(
                N_("Stop when nobody is online for"), N_("Minutes, up to 60. 0: never.")
            ),
        },
    ),
    (
        "players",
        N_("Players"),
        {
            "motd": Label(N_("Description"), N_("Shown in the list of servers in the game.")),
            "max_players": Label(N_("Maximum number of players")),
            "operator": Label(
                N_("Operator"), N_("Minecraft name that gets operator rights at the first start.")
            ),
            "op_permission_level": Label(N_("Rights of operators"), N_("From 0 to 4.")),
            "player_idle_timeout": Label(
                N_("Disconnect idle players after"), N_("Minutes, up to 60. 0: never.")
            ),
            "spawn_protection": Label(
                N_("Protected spawn area"),
                N_("Blocks around the spawn point that only operators can change, up to 24."),
            ),
            "resource_pack": Label(N_("Resource pack"), N_("Address of a ZIP file.")),
            "white_list": Label(N_("Only players on the allow list can join")),
            "allow_flight": Label(
                N_("Allow flying"), N_("Otherwise players who float in the air are disconnected.")
            ),
        },
    ),
    (
        "game",
        N_("Game"),
        {
            "gamemode": Label(
                N_("Game mode"),
                choices=(("0", N_("Survival")), ("1", N_("Creative")), ("2", N_("Adventure"))),
            ),
            "difficulty": Label(
                N_("Difficulty"),
                choices=(
                    ("0", N_("Peaceful")),
                    ("1", N_("Easy")),
                    ("2", N_("Normal")),
                    ("3", N_("Hard")),
                ),
            ),
            "view_distance": Label(N_("View distance"), N_("Chunks, from 3 to 15.")),
            "force_gamemode": Label(
                N_("Force the game mode"), N_("Players get it again each time they join.")
            ),
            "hardcore": Label(N_("Hardcore"), N_("Players who die can only watch.")),
            "pvp": Label(N_("Players can hurt each other")),
            "allow_nether": Label(N_("Allow the Nether")),
            "spawn_monsters": Label(N_("Monsters appear")),
            "spawn_animals": Label(N_("Animals appear")),
            "spawn_npcs": Label(N_("Villagers appear")),
            "enable_command_block": Label(N_("Command blocks work")),
            "snooper_enabled": Label(N_("Send usage data to Mojang")),
        },
    ),
    (
        "generation",
        N_("World generation"),
        {
            "level_seed": Label(N_("Seed"), N_("Empty: a random one.")),
            "level_type": Label(
                N_("World type"),
                choices=(
                    ("DEFAULT", N_("Default")),
                    ("FLAT", N_("Flat")),
                    ("LARGEBIOMES", N_("Large biomes")),
                    ("AMPLIFIED", N_("Amplified")),
                ),
            ),
            "generator_settings": Label(N_("Generator settings")),
            "max_world_size": Label(
                N_("World radius"), N_("Blocks to the world border, up to 29999984.")
            ),
            "max_build_height": Label(N_("Build height"), N_("Blocks, up to 1024.")),
            "generate_structures": Label(N_("Generate structures, such as villages")),
        },
    ),
)
#: Versions that a field lets choose from; of more, the name is typed, and the first ones are suggested.
MAX_OPTIONS = 200
OBSOLETE = N_("This version no longer has it.")

INTEGER_MESSAGE = N_("Enter a whole number from {low} to {high}.")
TEXT_MESSAGE = N_("A text has up to {maximum} characters.")
CHOICE_MESSAGE = N_("Choose one of the options.")
OVERTAKEN_MESSAGE = N_(
    "Another admin has changed this meanwhile, to “{value}”. Save again to replace it."
)
#: By problem of a field.
PROBLEM_MESSAGES = {
    "no_version": N_("Choose a version."),
    "no_such_version": N_("There is no such version."),
    "taken": N_("Another world uses this port."),
    "no_eula": N_("The world can only be run with this agreement."),
    "invalid_key": N_("“{key}”: a key has up to 100 characters, a value up to 2000."),
    "managed_key": N_("“{key}” is written by coalserver itself. Most of these have a field above."),
    "too_many": N_("There are more than 100 lines."),
    "no_value": N_("“{key}” has no value. Write key=value."),
    "twice": N_("“{key}” appears twice."),
}


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field as the page shows it: `kind` is text, number, select or checkbox."""

    name: str
    kind: str
    label: str
    note: str
    value: str
    error: str
    required: bool
    options: Sequence[tuple[str, str]]


def shown_groups(
    language: Language,
    *,
    texts: Mapping[str, str],
    errors: Mapping[str, str],
    versions: Sequence[str],
    obsolete: frozenset[str] = frozenset(),
    required: frozenset[str] = frozenset(),
) -> list[tuple[str, str, list[ShownField]]]:
    """Return id, title and fields of each group. `texts` are the values in the fields, `errors` their messages."""
    groups = []
    for id, title, labels in GROUPS:
        fields = []
        for name, label in labels.items():
            value = texts.get(name, "")
            note = language.gettext(label.note) if label.note else ""
            if name in obsolete:
                note = " ".join(filter(None, (note, language.gettext(OBSOLETE))))
            fields.append(
                ShownField(
                    name,
                    _kind(name, label, versions),
                    language.gettext(label.text),
                    note,
                    value,
                    errors.get(name, ""),
                    name in required,
                    _options(language, name, label, value, versions),
                )
            )
        groups.append((id, language.gettext(title), fields))
    return groups


def _kind(name: str, label: Label, versions: Sequence[str]) -> str:
    if name == VERSION:
        return "select" if len(versions) <= MAX_OPTIONS else "text"
    if label.choices or isinstance(PROPERTIES[name], ChoiceProperty):
        return "select"
    if isinstance(PROPERTIES[name], BooleanProperty):
        return "checkbox"
    return "number" if isinstance(PROPERTIES[name], IntegerProperty) else "text"


def _options(
    language: Language, name: str, label: Label, value: str, versions: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the choices of a field, with the present value among them even if it is none of them any more."""
    if name == VERSION:
        options = [(version, version) for version in versions[:MAX_OPTIONS]]
        if not value:
            return [("", language.gettext(N_("Choose a version"))), *options]
        if value not in versions:
            text = language.gettext(N_("%(version)s (removed)")) % {"version": value}
            return [(value, text), *options]
        return options
    options = [(choice, language.gettext(text)) for choice, text in label.choices]
    if not options:
        options = [(choice, choice) for choice in choices_of(name)]
    if options and value not in dict(options):
        return [(value, value), *options]
    return options


def field_messages(
    error: DomainError, language: Language, current: Values | None = None
) -> dict[str, str]:
    """Return the message of each field that an error is about; empty if it is about none.

    All further lines of server.properties are the field `further`. `current` are the values of the world.
    """
    if error.code in (ErrorCode.SHORT_NAME_TAKEN, ErrorCode.SHORT_NAME_RESERVED):
        return {"short_name": language.gettext(ERROR_MESSAGES[error.code][1])}
    if error.code is not ErrorCode.INVALID_REQUEST:
        return {}
    messages: dict[str, str] = {}
    for name, problems in (error.details.get("fields") or {}).items():
        further = name == "file" or name.startswith(FURTHER)
        if not (further or name in PROPERTIES or name in OTHER_NAMES):
            return {}
        problem = str(problems[0]) if problems else ""
        text = _message(name, problem, language, current or {})
        field = "further" if further else name
        messages[field] = " ".join(filter(None, (messages.get(field), text)))
    return messages


def _message(name: str, problem: str, language: Language, current: Values) -> str:
    details: dict[str, object] = {"key": name.removeprefix(FURTHER)}
    if problem == "changed_meanwhile":
        value = current.get(name)
        shown = language.gettext(N_("removed")) if value is None else property_text(value)
        if isinstance(value, bool):
            shown = language.gettext(N_("on") if value else N_("off"))
        message = OVERTAKEN_MESSAGE
        if name.startswith(FURTHER):
            message = N_(
                "“{key}”: another admin has changed this meanwhile, to “{value}”. Save again to replace it."
            )
        details["value"] = shown
    elif problem in PROBLEM_MESSAGES:
        message = PROBLEM_MESSAGES[problem]
    elif name in ("name", "short_name"):
        message = ERROR_MESSAGES[ErrorCode.INVALID_REQUEST, name][1]
    else:
        message = CHOICE_MESSAGE
        kind = PROPERTIES.get(name)
        if isinstance(kind, IntegerProperty):
            message, details = INTEGER_MESSAGE, {"low": kind.low, "high": kind.high}
        elif name not in (VERSION, EULA) and not isinstance(kind, ChoiceProperty):
            message, details = TEXT_MESSAGE, {"maximum": MAX_TEXT_LENGTH}
    return language.gettext(message).format(**details)
