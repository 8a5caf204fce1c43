"""Sources of settings: a file in INI format, the environment and flags of the command line.

No other module reads a settings file or settings from the environment.
"""

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coalserver.config.schema import Config, ConfigError, settings, validate_texts

#: The only section of a settings file, and the prefix of environment variables.
SECTION = "coalserver"
PREFIX = "COAL_"


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """Return the configuration: defaults, overridden by the file, the environment and the flags.

    `flags` has texts by name of the setting; its member `config` is the path of the file.
    Raises ConfigError for unknown names and invalid values of any source.
    """
    values: dict[str, Any] = {}
    if "config" in flags:
        texts = _read_file(Path(flags["config"]))
        values |= validate_texts(texts, dict.fromkeys(texts, f"in {flags['config']}"))
    variables = {
        variable.removeprefix(PREFIX).lower(): variable
        for variable in environ
        if variable.startswith(PREFIX)
    }
    values |= validate_texts(
        {name: environ[variable] for name, variable in variables.items()},
        {name: f"{variable} in the environment" for name, variable in variables.items()},
    )
    given = {setting.name: setting.flag for setting in settings() if setting.name in flags}
    values |= validate_texts({name: flags[name] for name in given}, given)
    return Config(**values)


def as_dict(config: Config) -> dict[str, Any]:
    """Return every value as JSON has it, without secrets."""
    return {setting.name: setting.to_json(getattr(config, setting.name)) for setting in settings()}


def as_strings(config: Config) -> dict[str, str]:
    """Return every value as a settings file has it, without secrets."""
    return {setting.name: setting.to_text(getattr(config, setting.name)) for setting in settings()}


def as_file(config: Config) -> str:
    """Return the content of a settings file with every value."""
    lines = (f"{name} = {value}".rstrip() for name, value in as_strings(config).items())
    return "\n".join((f"[{SECTION}]", *lines))


def _read_file(path: Path) -> dict[str, str]:
    # No section is special, `%` means itself, and the case of names matters.
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
