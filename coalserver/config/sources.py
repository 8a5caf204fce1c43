"""Sources of settings: a file in INI format, the environment and flags of the command line.

No other module reads a settings file or settings from the environment.
"""

import configparser
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from coalserver.config.schema import (
    FALSE_WORDS,
    TRUE_WORDS,
    Config,
    ConfigError,
    VersionSection,
    settings,
    suggestion,
    validate_texts,
)

#: The section of the settings in a settings file, and the prefix of environment variables.
SECTION = "coalserver"
#: Sections `[version NAME]` define programs of hosted worlds.
VERSION_PREFIX = "version "
VERSION_NAME = re.compile(r"[A-Za-z0-9._+ -]{1,60}")
PREFIX = "COAL_"


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """Return the configuration: defaults, overridden by the file, the environment and the flags.

    `flags` has texts by name of the setting; its member `config` is the path of the file.
    Raises ConfigError for unknown names and invalid values of any source.
    """
    values: dict[str, Any] = {}
    if "config" in flags:
        texts, versions = _read_file(Path(flags["config"]))
        values |= validate_texts(texts, dict.fromkeys(texts, f"in {flags['config']}"))
        values["versions"] = versions
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
    return Config(**values, java_home=environ.get("JAVA_HOME", ""))


def as_dict(config: Config) -> dict[str, Any]:
    """Return every value as JSON has it, without secrets; `versions` only if there are any."""
    values = {
        setting.name: setting.to_json(getattr(config, setting.name)) for setting in settings()
    }
    return values | (
        {"versions": [asdict(section) for section in config.versions]} if config.versions else {}
    )


def as_strings(config: Config) -> dict[str, str]:
    """Return every value as a settings file has it, without secrets."""
    return {setting.name: setting.to_text(getattr(config, setting.name)) for setting in settings()}


def as_file(config: Config) -> str:
    """Return the content of a settings file with every value. Secrets are comments."""
    lines = [f"[{SECTION}]"]
    secrets = {setting.name for setting in settings() if setting.meta.secret}
    for name, value in as_strings(config).items():
        lines.append(f"{'; ' if name in secrets else ''}{name} = {value}".rstrip())
    for section in config.versions:
        lines += ("", f"[{VERSION_PREFIX}{section.name}]")
        for name, value in asdict(section).items():
            if name != "name":
                text = ("no", "yes")[value] if isinstance(value, bool) else value
                lines.append(f"{name} = {text}".rstrip())
    return "\n".join(lines)


def _read_file(path: Path) -> tuple[dict[str, str], tuple[VersionSection, ...]]:
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
    names = [name for name in parser.sections() if name.startswith(VERSION_PREFIX)]
    unknown = [name for name in parser.sections() if name != SECTION and name not in names]
    if unknown:
        raise ConfigError(
            f"{path} has a section [{unknown[0]}]; there are [{SECTION}] and [version NAME]."
        )
    texts = dict(parser[SECTION]) if parser.has_section(SECTION) else {}
    versions = tuple(_version(name, dict(parser[name]), path) for name in names)
    for section in versions:
        if sum(other.name == section.name for other in versions) > 1:
            raise ConfigError(f"{path} has the version {section.name} twice.")
    return texts, versions


def _version(title: str, texts: Mapping[str, str], path: Path) -> VersionSection:
    """Return the version that a section defines. Raises ConfigError."""
    name = title.removeprefix(VERSION_PREFIX).strip()
    if not VERSION_NAME.fullmatch(name):
        raise ConfigError(
            f"[{title}] in {path}: the name of a version has at most 60 characters of A-Z, a-z, 0-9, ., _, +, - and"
            " spaces."
        )
    known = [field.name for field in fields(VersionSection) if field.name != "name"]
    values: dict[str, Any] = {"command": "", **texts}
    for option, text in values.items():
        if option not in known:
            raise ConfigError(
                f"[{title}] in {path} has no option {option}{suggestion(option, known)}"
            )
        if option.startswith("no_"):
            if text.lower() not in (*TRUE_WORDS, *FALSE_WORDS):
                raise ConfigError(f"{option} of [{title}] in {path} must be yes or no.")
            values[option] = text.lower() in TRUE_WORDS
    try:
        words = shlex.split(values["command"])
        re.compile(values.get("ready", ""))
    except (ValueError, re.error) as error:
        raise ConfigError(f"[{title}] in {path}: {error}.") from None
    if not words:
        raise ConfigError(f"[{title}] in {path} has no command.")
    return VersionSection(name, **values)
