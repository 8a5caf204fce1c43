"""The configuration: one frozen value out of defaults, a file, the environment and flags.

Nothing else reads the environment or a settings file. A new setting is one line in `Config`.
"""

import argparse
import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coalserver.config.schema import (
    ConfigError,
    Network,
    SettingField,
    Url,
    setting,
    settings,
    suggestion,
)

SECTION = "coalserver"
PREFIX = "COAL_"


@dataclass(frozen=True, slots=True)
class Config:
    """How this server is set up. Seconds unless a name says otherwise."""

    host: str = setting(
        "127.0.0.1", "address to listen on", pattern=r"\S+", expected="a host's name or address"
    )
    port: int = setting(8080, "port to listen on; 0 takes any free one", 0, 65535)
    data: Path = setting(Path("data"), "directory in which everything is kept")
    base_url: Url = setting("", "address clients use, as https://play.example, if a proxy hides it")
    trusted_proxies: tuple[Network, ...] = setting(
        (), "addresses or networks, with commas between, whose X-Forwarded-… headers are believed"
    )
    poll_seconds: float = setting(45, "longest wait of a long-poll", 1, 300)
    away_after: float = setting(60, "silence after which a member counts as away", 1, 86400)
    seat_grace: float = setting(300, "how long the seat of one who is away is kept", 0, 30 * 86400)
    closed_kept: float = setting(
        86400, "how long a closed lobby or room is remembered", 0, 365 * 86400
    )
    event_days: float = setting(7, "days for which events are kept", 0, 36500)
    event_count: int = setting(10_000, "newest events, kept whatever their age", 0, 10**9)
    idle_room_days: float = setting(
        7, "days without a turn after which a room is abandoned", 0.001, 36500
    )
    guest_token_days: float = setting(
        30, "days after the last use for which a guest's token holds", 0.001, 36500
    )
    account_token_days: float = setting(
        90, "days after the last use for which an account's token holds", 0.001, 36500
    )
    access_token_seconds: float = setting(
        3600, "how long an OAuth access token holds; 0: not at all", 0, 365 * 86400
    )
    open_signup: bool = setting(
        False, "whether who signs up on the site need not wait for an admin"
    )
    seats_at_once: int = setting(50, "seats one player may hold at once", 1, 10_000)
    hosts_game: str = setting(
        "hosts",
        "tag of the hosts API's game",
        pattern=r"[a-z0-9][a-z0-9_-]{0,31}",
        expected="at most 32 of a-z, 0-9, _ and -, the first a letter or a digit",
    )
    hosts_login: str = setting(
        "open",
        "whether a host's uuid alone fetches tokens, or only once",
        choices=("open", "strict"),
    )
    hosts_grace: float = setting(
        30, "silence after which a seat in a hosts session is freed", 1, 86400
    )
    body_limit: int = setting(2**20, "largest body of a request, in bytes", 1024, 2**30)
    screenshot_limit: int = setting(10 * 2**20, "largest screenshot, in bytes", 1024, 2**30)
    backup_limit: int = setting(
        2**32, "largest backup that is sent in to be restored, in bytes", 1024, 2**50
    )
    park_polls: bool = setting(
        True, "whether repeated long-polls wait in the protocol itself, which is much faster"
    )
    log_level: str = setting(
        "info", "least serious messages to log", choices=("debug", "info", "warning", "error")
    )
    log_format: str = setting("text", "how a line of the log looks", choices=("text", "json"))


def add_flags(parser: argparse.ArgumentParser, brief: bool = False) -> None:
    """Give a parser `--config` and a flag for every setting that is no secret.

    Their values stay texts, and those not given leave no trace: the same flags may then stand
    before and after the name of an order. In brief, the help tells only where the data are.
    """
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="INI file with settings"
    )
    for one in settings(Config):
        if not one.meta.secret:
            group.add_argument(
                one.flag,
                metavar="VALUE",
                default=argparse.SUPPRESS,
                help=(
                    argparse.SUPPRESS
                    if brief and one.name != "data"
                    else f"{one.meta.help} [{_default(one)}]".replace("%", "%%")
                ),
            )


def load(args: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """Defaults, under the file, under the environment, under flags."""
    fields_by_name = {one.name: one for one in settings(Config)}
    values: dict[str, Any] = {}
    if "config" in args:
        for name, text in _file(Path(args["config"])).items():
            source = f"in {args['config']}"
            values[name] = _get_setting(fields_by_name, name, source).parse(text, source)
    for variable, text in environ.items():
        if variable.startswith(PREFIX):
            source = f"{variable} in the environment"
            name = variable.removeprefix(PREFIX).lower()
            values[name] = _get_setting(fields_by_name, name, source).parse(text, source)
    for name, one in fields_by_name.items():
        if name in args:
            values[name] = one.parse(args[name], one.flag)
    return Config(**values)


def as_dict(config: Config) -> dict[str, Any]:
    """Every value as JSON has it, without secrets."""
    return {one.name: one.to_json(getattr(config, one.name)) for one in settings(Config)}


def as_strings(config: Config) -> dict[str, str]:
    """Every value as the file has it, without secrets."""
    return {name: _text(value) for name, value in as_dict(config).items()}


def as_file(config: Config) -> str:
    """The values as a file that `--config` takes."""
    lines = (f"{name} = {value}".rstrip() for name, value in as_strings(config).items())
    return "\n".join((f"[{SECTION}]", *lines))


def _file(path: Path) -> dict[str, str]:
    # No section is special, `%` means itself, and names are taken as they stand.
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(path.read_text("utf-8-sig"), str(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except (configparser.Error, UnicodeDecodeError) as error:
        detail = " ".join(str(error).split())
        raise ConfigError(f"{path} is not an INI file: {detail}") from None
    unknown = [name for name in parser.sections() if name != SECTION]
    if unknown:
        raise ConfigError(f"{path} has a section [{unknown[0]}]; the only one is [{SECTION}].")
    return dict(parser[SECTION]) if parser.has_section(SECTION) else {}


def _get_setting(
    fields_by_name: Mapping[str, SettingField], name: str, source: str
) -> SettingField:
    if name in fields_by_name:
        return fields_by_name[name]
    raise ConfigError(f"There is no setting {name} ({source}){suggestion(name, fields_by_name)}")


def _default(one: SettingField) -> str:
    return _text(one.to_json(one.default)) or "none"


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
