"""Options that every command accepts, types of parameters, and the click classes that add them."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from coalserver.cli.interrupts import ExitOnInterrupt
from coalserver.cli.output import print_text
from coalserver.config import Config
from coalserver.config.schema import SettingField, settings
from coalserver.config.sources import load
from coalserver.domain.text import visible_name
from coalserver.observability.logs import configure_logging

F = TypeVar("F", bound=Callable[..., Any])
MAX_NAME_LENGTH = 100


class Invocation:
    """One call of the command line: the values of the common options at any level."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        #: Texts by name of the setting, `config` and `json` included, as far as they are given.
        self.flags: dict[str, Any] = {}

    @cached_property
    def settings(self) -> Config:
        """The configuration. Raises ConfigError."""
        return load(self.flags, self._variables)

    @property
    def as_json(self) -> bool:
        return "json" in self.flags

    @contextmanager
    def quiet_logging(self) -> Iterator[None]:
        """Log warnings only, unless a flag asks for more: the answer is what matters."""
        level = self.settings.log_level if "log_level" in self.flags else "warning"
        with configure_logging(level, self.settings.log_format):
            yield


class PrintableLine(click.ParamType[str]):
    """One line of at most 100 visible characters."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if len(value) > MAX_NAME_LENGTH or visible_name(value) != value.strip():
            self.fail(f"at most {MAX_NAME_LENGTH} characters, none of them invisible", param, ctx)
        return value


class AbsolutePath(click.ParamType[str]):
    """A path as an absolute one: the server that opens it runs in another directory."""

    name = "path"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(Path(value).expanduser().absolute())


@cache
def common_options(brief: bool) -> Sequence[click.Option]:
    """Return `--json`, `--config` and a flag for every setting that is not secret.

    All commands share them. Values stay texts and go to the Invocation, so that the flags can stand before and after
    the name of a command; the last one counts. With `brief`, the help lists `--data` only.
    """
    common: dict[str, Any] = {"expose_value": False, "callback": _record_flag}
    return (
        click.Option(
            ["--json"],
            is_flag=True,
            help="Print one JSON document on standard output, and nothing else.",
            **common,
        ),
        *(
            SettingOption(["--config"], metavar="FILE", help="INI file with settings", **common),
            *(
                SettingOption(
                    [setting.flag, setting.name],
                    metavar="VALUE",
                    help=f"{setting.meta.help} [{_default_text(setting)}]",
                    hidden=brief and setting.name != "data",
                    **common,
                )
                for setting in settings()
                if not setting.meta.secret
            ),
        ),
    )


class SettingOption(click.Option):
    """The flag of a setting."""


def _record_flag(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    invocation = ctx.find_object(Invocation)
    assert invocation is not None and param.name is not None
    if value is not None and value is not False:
        invocation.flags[param.name] = value


def _default_text(setting: SettingField) -> str:
    return setting.to_text(setting.default) or "none"


def eager_text(*names: str, help: str, text: Callable[[click.Context], str]) -> Callable[[F], F]:
    """Return the decorator for an option that prints a text and ends the command.

    click's own ones do not handle an output that cannot be written.
    """
    return click.option(
        *names,
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help=help,
        callback=partial(_print_and_exit, text=text),
    )


def _print_and_exit(
    ctx: click.Context, _param: click.Parameter, value: Any, *, text: Callable[[click.Context], str]
) -> None:
    if value and not ctx.resilient_parsing:
        print_text(text(ctx))
        ctx.exit()


class HelpOption:
    """A command whose `--help` prints by `print_text`."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option: click.Option | None = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.callback = partial(_print_and_exit, text=click.Context.get_help)
        return option


class Command(HelpOption, click.Command):
    """A command that accepts the common options."""

    def __init__(self, *args: Any, brief: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += common_options(brief)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _format_options(self, ctx, formatter)


class ImportedCommand(click.Command):
    """Stands for a command or a group whose module is imported when it is called.

    The module comes with the core and the storage, or with the whole server: help and usage errors need neither.
    `place` is the name of a module of this package, a colon, and the name of the command in it; `help` is that of the
    command.
    """

    def __init__(self, name: str, place: str, help: str) -> None:
        super().__init__(name, help=help)
        self._place = place

    def load(self) -> click.Command:
        """Import the module and return the command."""
        module, _, name = self._place.partition(":")
        was_enabled = gc.isenabled()
        # Hardly anything that an import makes is garbage: collections would take a tenth of its time.
        gc.disable()
        try:
            with ExitOnInterrupt():
                loaded = import_module(f"coalserver.cli.{module}")
            command: click.Command = getattr(loaded, name)
            return command
        finally:
            if was_enabled:
                gc.enable()

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return self.load().make_context(*args, **kwargs)


class Group(HelpOption, click.Group):
    """A group of commands that accepts the common options; lists its commands as they were added."""

    command_class = Command

    def __init__(self, *args: Any, brief: bool = True, **kwargs: Any) -> None:
        # A group without a command is a usage error: it does not print the help.
        kwargs = {"no_args_is_help": False, "subcommand_metavar": "COMMAND ...", **kwargs}
        super().__init__(*args, **kwargs)
        self.params += common_options(brief)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def _format_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write the settings in a section of their own, below the other options."""
    sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Settings": []}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and isinstance(param, click.Option):
            title = "Settings" if isinstance(param, SettingOption) else "Options"
            sections[title].append(record)
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)
