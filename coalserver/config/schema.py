"""The settings: names, types, ranges, defaults and descriptions. A new setting is one line in `Config`."""

import dataclasses
import difflib
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NewType, TypeVar
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, validate

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: Scheme and host, optionally a port and a path; no slash at the end.
Url = NewType("Url", str)

N = TypeVar("N", fields.Integer, fields.Float)

#: The path of `base_url`: nothing, or segments that mean the same in a URL, a cookie and a script. A proxy can reach
#: none that begins with a dot: `.` and `..` lead elsewhere, and `.well-known` has its own meaning (RFC 8615).
BASE_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")

#: Ports of hosted worlds: each is tried before a start.
MAX_HOSTING_PORTS = 1000
DEFAULT_MANIFESTS = (
    "mojang=https://piston-meta.mojang.com/mc/game/version_manifest_v2.json",
    "paper=https://fill.papermc.io/v3/projects/paper",
    "fabric=https://meta.fabricmc.net/v2/versions",
)

TRUE_WORDS, FALSE_WORDS = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


class ConfigError(Exception):
    """An unknown setting or an invalid value. The message is one sentence for the operator."""


class SwitchField(fields.Boolean):
    """`yes` or `no`, or a synonym, in any case."""

    def __init__(self) -> None:
        super().__init__(
            truthy={*TRUE_WORDS},
            falsy={*FALSE_WORDS},
            error_messages={"invalid": f"one of {', '.join((*TRUE_WORDS, *FALSE_WORDS))}"},
        )

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> bool:
        return super()._deserialize(value.lower(), attr, data, **kw)


class PathField(fields.Field[Path]):
    """A path of the file system; `~` is the home directory of the operator."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> Path:
        if not value or "\0" in value:
            raise ValidationError("a path")
        return Path(value).expanduser()


class NetworksField(fields.Field[tuple[Network, ...]]):
    """IP addresses or networks, separated by commas."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> tuple[Network, ...]:
        words = (word.strip() for word in value.split(","))
        try:
            return tuple(ipaddress.ip_network(word) for word in words if word)
        except ValueError:
            raise ValidationError(
                "addresses or networks such as 10.0.0.0/8, separated by commas"
            ) from None


class BaseUrlField(fields.Field[Url]):
    """The public URL of the server, or nothing. Slashes at its end are removed."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> Url:
        text = value.rstrip("/")
        if value and not _is_base_url(text):
            raise ValidationError(
                "https:// or http:// and a host, optionally with a port and a path of a-z, A-Z, 0-9, -, _, ~ and ."
            )
        return Url(text)


def _is_base_url(text: str) -> bool:
    if not re.fullmatch(r"https?://\S+", text):
        return False
    try:
        url = urlsplit(text)
        port_is_valid = url.port != 0
    except ValueError:
        return False
    has_more = "?" in text or "#" in text or url.username is not None
    path_is_valid = BASE_PATH.fullmatch(url.path) is not None
    return bool(url.hostname) and port_is_valid and path_is_valid and not has_more


def whole_number(low: int, high: int) -> fields.Integer:
    """Return a field for an integer within this range, both ends included."""
    return _number(fields.Integer, "a whole number", low, high)


def number(low: float, high: float) -> fields.Float:
    """Return a field for a finite number within this range, both ends included."""
    return _number(fields.Float, "a number", low, high)


def _number(field_class: type[N], noun: str, low: float, high: float) -> N:
    expected = f"{noun} from {low:,} to {high:,}"
    return field_class(
        validate=validate.Range(low, high, error=expected),
        error_messages=dict.fromkeys(("invalid", "too_large", "special"), expected),
    )


def one_of(*choices: str) -> fields.String:
    """Return a field for one of these words."""
    return fields.String(validate=validate.OneOf(choices, error=f"one of {', '.join(choices)}"))


def text(pattern: str, expected: str) -> fields.String:
    """Return a field for a text that matches the whole pattern; `expected` describes it."""
    return fields.String(validate=validate.Regexp(rf"(?:{pattern})\Z", error=expected))


@dataclass(frozen=True, slots=True)
class SettingMeta:
    """Description of a setting, in the metadata of its dataclass field."""

    help: str
    field: "fields.Field[Any]"
    #: Never shown, and without a flag: every process of a machine can read another's arguments.
    secret: bool = False


def setting(default: Any, help: str, field: "fields.Field[Any]", *, secret: bool = False) -> Any:
    """Return a dataclass field for `Config`. Messages of `field` complete "… must be"."""
    return dataclasses.field(default=default, metadata={"meta": SettingMeta(help, field, secret)})


class PortsField(fields.Field[str]):
    """The first and the last of a range of ports, such as 25565-25575."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> str:
        match = re.fullmatch(r"(\d{1,5})\s*-\s*(\d{1,5})", value)
        if match is None or not 1 <= int(match[1]) <= int(match[2]) <= 65535:
            raise ValidationError("the first and the last port of a range, such as 25565-25575")
        if int(match[2]) - int(match[1]) >= MAX_HOSTING_PORTS:
            raise ValidationError(f"a range of at most {MAX_HOSTING_PORTS} ports")
        return f"{int(match[1])}-{int(match[2])}"


class AddressField(fields.Field[str]):
    """An IP address, or nothing."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> str:
        try:
            return str(ipaddress.ip_address(value)) if value else ""
        except ValueError:
            raise ValidationError("an IP address, or nothing") from None


class ManifestsField(fields.Field[tuple[str, ...]]):
    """The addresses of the lists of versions, `name=URL`, separated by commas."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> tuple[str, ...]:
        items = tuple(item.strip() for item in value.split(",") if item.strip())
        if not all(re.fullmatch(r"(?:mojang|paper|fabric)=https?://\S+", item) for item in items):
            raise ValidationError(
                "mojang=URL, paper=URL and fabric=URL, any of them, separated by commas"
            )
        return items


@dataclass(frozen=True, slots=True)
class VersionSection:
    """A section `[version NAME]` of the settings file: a program that hosted worlds can run."""

    name: str
    #: The command line, split as a shell would; `{port} {memory} {folder} {name}` are replaced.
    command: str
    #: Regular expression of the line that says that it is ready; empty: Minecraft's.
    ready: str = ""
    #: What ends it: a line for its console, SIGINT or SIGTERM.
    stop: str = "stop"
    no_slash: bool = False
    no_save: bool = False
    no_eula: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration of a server. Times are in seconds unless the name says otherwise."""

    host: str = setting(
        "127.0.0.1",
        "address to listen on, or several, separated by commas; :: is IPv6 and IPv4",
        text(
            r"[^\s,]+(\s*,\s*[^\s,]+)*",
            "a host name or an address, or several, separated by commas",
        ),
    )
    port: int = setting(8080, "port to listen on; 0 selects a free port", whole_number(0, 65535))
    data: Path = setting(Path("data"), "data directory", PathField())
    base_url: Url = setting(
        "",
        "public URL of the server behind a proxy, such as https://play.example or https://play.example/coal",
        BaseUrlField(),
    )
    trusted_proxies: tuple[Network, ...] = setting(
        (),
        "addresses or networks, separated by commas, whose X-Forwarded-… headers are trusted",
        NetworksField(),
    )
    limits_exempt: tuple[Network, ...] = setting(
        (),
        "addresses or networks, separated by commas, whose requests count in no limit of use",
        NetworksField(),
    )
    chat_per_second: float = setting(
        5,
        "chat messages in a second, of one player and from one address; 0: any number",
        number(0, 10**6),
    )
    chat_burst: int = setting(20, "chat messages that may come at once", whole_number(1, 10**9))
    messages_per_second: float = setting(
        50,
        "turns, updates, actions and other changes in a second, of one player and from one address; 0: any number",
        number(0, 10**6),
    )
    messages_burst: int = setting(
        200, "turns, updates and actions that may come at once", whole_number(1, 10**9)
    )
    guests_per_hour: int = setting(
        1000, "new guests from one address in an hour; 0: any number", whole_number(0, 10**9)
    )
    rooms_per_hour: int = setting(
        1000,
        "new rooms and lobbies from one address in an hour; 0: any number",
        whole_number(0, 10**9),
    )
    players_per_hour: int = setting(
        3000,
        "registered players of games from one address in an hour; 0: any number",
        whole_number(0, 10**9),
    )
    hosts_per_hour: int = setting(
        1000, "new hosts from one address in an hour; 0: any number", whole_number(0, 10**9)
    )
    accounts_per_hour: int = setting(
        20, "new accounts from one address in an hour; 0: any number", whole_number(0, 10**9)
    )
    oauth_clients_per_hour: int = setting(
        300, "new OAuth clients from one address in an hour; 0: any number", whole_number(0, 10**9)
    )
    keys_per_player: int = setting(
        100,
        "keys under which one player stores data of one game; 0: any number",
        whole_number(0, 10**9),
    )
    data_per_player: int = setting(
        2**20,
        "bytes of data that one player stores in one game; 0: any number",
        whole_number(0, 2**40),
    )
    players_per_game: int = setting(
        2_000_000,
        "players of one game, and guests of all games together; 0: any number",
        whole_number(0, 10**12),
    )
    bytes_per_game: int = setting(
        2**32, "bytes that one game takes on disk; 0: any number", whole_number(0, 2**50)
    )
    room_feed_bytes: int = setting(
        4 * 2**20,
        "bytes of the newest events of one room that stay in memory; older ones are read from disk",
        whole_number(1024, 2**40),
    )
    feed_bytes: int = setting(
        256 * 2**20,
        "bytes of the newest events of all rooms that stay in memory",
        whole_number(2**20, 2**40),
    )
    screenshots_per_user: int = setting(
        1000, "screenshots of one member in one world; 0: any number", whole_number(0, 100_000)
    )
    poll_seconds: float = setting(
        45,
        "seconds that a long-poll waits by default; a client may ask for up to 60",
        number(1, 300),
    )
    away_after: float = setting(
        75,
        "seconds without a request or an open connection after which a member is shown as away",
        number(1, 86400),
    )
    handover_after: float = setting(
        120,
        "seconds without a request or an open connection after which a member who is away is replaced as the host",
        number(1, 30 * 86400),
    )
    seat_grace: float = setting(
        300, "seconds for which the seat of a member who is away is kept", number(0, 30 * 86400)
    )
    closed_kept: float = setting(
        86400,
        "seconds for which closed lobbies and rooms are remembered",
        number(0, 365 * 86400),
    )
    event_days: float = setting(7, "days for which events are kept", number(0, 36500))
    event_count: int = setting(
        10_000, "number of newest events that are kept whatever their age", whole_number(0, 10**9)
    )
    idle_room_days: float = setting(
        7, "days without a turn after which a room is abandoned", number(0.001, 36500)
    )
    guest_token_days: float = setting(
        30, "days after the last use until a guest's token expires", number(0.001, 36500)
    )
    account_token_days: float = setting(
        90, "days after the last use until an account's token expires", number(0.001, 36500)
    )
    access_token_seconds: float = setting(
        3600,
        "seconds until an OAuth access token expires; 0 disables access tokens",
        number(0, 365 * 86400),
    )
    open_signup: bool = setting(
        False, "whether new accounts are active without approval", SwitchField()
    )
    seats_at_once: int = setting(
        50, "seats that one player can hold at the same time", whole_number(1, 10_000)
    )
    hosts_game: str = setting(
        "hosts",
        "tag of the game of the hosts API",
        text(
            r"[a-z0-9][a-z0-9_-]{0,31}",
            "at most 32 characters of a-z, 0-9, _ and -, starting with a letter or a digit",
        ),
    )
    hosts_login: str = setting(
        "open",
        "open: a host's uuid is always enough to log in; strict: only the first time",
        one_of("open", "strict"),
    )
    hosts_grace: float = setting(
        30,
        "seconds without a request or an open connection after which a seat of a hosts session is freed",
        number(1, 86400),
    )
    body_limit: int = setting(2**20, "largest request body in bytes", whole_number(1024, 2**30))
    screenshot_limit: int = setting(
        10 * 2**20, "largest screenshot in bytes", whole_number(1024, 2**30)
    )
    backup_limit: int = setting(
        2**32, "largest backup that can be uploaded, in bytes", whole_number(1024, 2**50)
    )
    park_polls: bool = setting(
        True,
        "whether repeated long-polls and small requests are handled without aiohttp's objects, "
        "which is much faster",
        SwitchField(),
    )
    log_level: str = setting(
        "info",
        "lowest level that is logged: debug, info, warning or error",
        one_of("debug", "info", "warning", "error"),
    )
    log_format: str = setting("text", "log format: text or json", one_of("text", "json"))
    hosting: bool = setting(
        True, "whether this server can run Minecraft worlds itself", SwitchField()
    )
    hosting_folder: str = setting(
        "", "folder of hosted worlds; empty: `hosting` in the data directory", fields.String()
    )
    hosting_memory: int = setting(
        0,
        "MiB of memory for all hosted worlds together; 0: 75 % of the machine's",
        whole_number(0, 2**30),
    )
    hosting_ports: str = setting(
        "25565-25575", "first and last port of hosted worlds", PortsField()
    )
    hosting_bind: str = setting(
        "", "address on which hosted worlds listen; empty: all addresses", AddressField()
    )
    hosting_user: str = setting(
        "",
        "user as whom hosted worlds run, if coalserver runs as root; needs hosting_folder outside the data directory",
        text(r"[A-Za-z0-9._-]{0,32}", "the name of a user, or nothing"),
    )
    hosting_java: str = setting(
        "",
        "a Java program or folder, or several, separated by commas; empty: searched",
        fields.String(),
    )
    hosting_jar_limit: int = setting(
        512, "largest program file of a version, in MiB", whole_number(1, 2**20)
    )
    hosting_private_urls: tuple[Network, ...] = setting(
        (),
        "private addresses or networks, separated by commas, from which versions may be fetched",
        NetworksField(),
    )
    hosting_manifests: tuple[str, ...] = setting(
        DEFAULT_MANIFESTS,
        "lists of versions: mojang=URL, paper=URL and fabric=URL, separated by commas",
        ManifestsField(),
    )
    hosting_start_seconds: float = setting(
        600, "seconds for which a hosted world may start", number(1, 86400)
    )
    hosting_stop_seconds: float = setting(
        120, "seconds for which a hosted world may stop before it gets SIGTERM", number(1, 86400)
    )
    hosting_term_seconds: float = setting(
        15, "seconds after SIGTERM until a hosted world gets SIGKILL", number(1, 86400)
    )
    hosting_crash_wait: float = setting(
        5,
        "seconds until a crashed world starts again; doubled with each further crash",
        number(1, 3600),
    )
    hosting_leave: bool = setting(
        False, "whether hosted worlds go on when the server stops", SwitchField()
    )
    metrics_token: str = setting(
        "",
        "token with which /metrics can be read from other machines; empty: it cannot",
        text(r"\S{0,200}", "at most 200 characters without spaces"),
        secret=True,
    )
    #: JAVA_HOME of the environment, where Java is searched too; no setting.
    java_home: str = ""
    #: Sections `[version NAME]` of the settings file; no setting.
    versions: tuple[VersionSection, ...] = ()


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting, as sources, the command line and the site see it."""

    name: str
    default: Any
    meta: SettingMeta

    @property
    def flag(self) -> str:
        """The flag of the command line, such as `--base-url`."""
        return "--" + self.name.replace("_", "-")

    def to_json(self, value: Any) -> Any:
        """Return the value as JSON has it; a secret only as `(set)` or `(not set)`."""
        if self.meta.secret:
            return "(set)" if value else "(not set)"
        if isinstance(value, tuple):
            return [str(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    def to_text(self, value: Any) -> str:
        """Return the value as a settings file has it; a secret only as `(set)` or `(not set)`."""
        value = self.to_json(value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return ", ".join(value) if isinstance(value, list) else str(value)


def settings(config_class: type = Config) -> Iterator[SettingField]:
    """Yield the settings of a configuration class, in its order."""
    for field in dataclasses.fields(config_class):
        if "meta" in field.metadata:
            yield SettingField(field.name, field.default, field.metadata["meta"])


def settings_schema(config_class: type = Config) -> Schema:
    """Return a marshmallow schema that loads texts by name; unknown names are errors."""
    members = {setting.name: setting.meta.field for setting in settings(config_class)}
    return Schema.from_dict(members, name="SettingsSchema")(unknown=RAISE)


def validate_texts(
    texts: Mapping[str, str], source: Mapping[str, str], config_class: type = Config
) -> dict[str, Any]:
    """Return the values of settings that are given as texts.

    Raises ConfigError for the first unknown name or invalid value, with its name in `source`.
    """
    known = {setting.name: setting for setting in settings(config_class)}
    stripped = {name: value.strip() for name, value in texts.items()}
    try:
        values: dict[str, Any] = settings_schema(config_class).load(stripped)
    except ValidationError as error:
        name = next(name for name in texts if name in error.messages_dict)
        if name not in known:
            raise ConfigError(
                f"There is no setting {name} ({source[name]}){suggestion(name, known)}"
            ) from None
        expected = error.messages_dict[name][0]
        value = "the given value" if known[name].meta.secret else repr(texts[name])
        raise ConfigError(f"{name} must be {expected}, not {value} ({source[name]}).") from None
    return values


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name, with the most similar known name."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else "."
