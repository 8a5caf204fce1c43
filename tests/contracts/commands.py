"""The command line: names of commands and flags, settings, exit statuses and JSON output, without texts."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from tests.contracts.placeholders import Placeholders
from tests.contracts.program import CliResult, call, run_server

#: Groups of commands with their required arguments.
COMMANDS: dict[str, tuple[str, ...]] = {
    "game add": ("chess", "--name", "Chess", "--min", "2", "--max", "4", "--no-open"),
    "game list": (), "game rotate": ("chess",),
    "account add": ("ann@example.org", "--password", "correct horse", "--nickname", "Ann", "--admin", "--active"),
    "account list": (), "account passwd": ("ann@example.org", "--password", "correct battery"),
    "account activate": ("ann@example.org",), "token add": ("ann@example.org", "--scope", "data", "--days", "7"),
    "world add": ("The Mill", "--short-name", "mill"), "world list": (), "world agent": ("mill",),
    "world pair": ("mill",), "world set": ("mill", "motd=Hello"), "world eula": ("mill", "--agree"),
    "world hosting": ("mill",),
    "world play": ("mill",), "world pause": ("--all",), "world restart": ("mill",), "world kill": ("mill",),
    "world save": ("mill",), "world console": ("mill",), "world tell": ("mill", "list"),
    "world delete": ("mill", "--yes"),
    "world import": ("mill", "old.log", "--timezone", "UTC"),
    "world saves": ("mill",), "world restore": ("mill", "x"), "world pin": ("mill", "x"),
    "world download": ("mill", "x", "saved.zip"), "world upload": ("mill", "world.zip"),
    "hosting set": ("budget=512", "ports=25566-25570", "ticks=yes"), "hosting show": (),
    "version add": ("own", "--command", "true", "--no-eula"), "version list": (),
    "version fetch": ("own",), "version remove": ("own",),
}  # fmt: skip
GROUPS = ("game", "account", "token", "world", "hosting", "version")
#: Members of the JSON output that hold texts.
TEXTS = frozenset({"error", "command"})
#: A valid value of each setting other than its default, and an invalid one, if there is any.
SETTING_VALUES: dict[str, tuple[str, str | None]] = {
    "host": ("127.0.0.2", "a b"), "port": ("0", "65536"), "data": ("elsewhere", ""),
    "base_url": ("https://play.example", "play.example"),
    "trusted_proxies": ("10.0.0.0/8, ::1", "x"), "limits_exempt": ("127.0.0.0/8", "x"),
    "chat_per_second": ("0", "-1"), "chat_burst": ("1", "0"),
    "messages_per_second": ("0.5", "-1"), "messages_burst": ("1", "0"),
    "guests_per_hour": ("0", "-1"), "rooms_per_hour": ("0", "-1"), "players_per_hour": ("0", "-1"),
    "hosts_per_hour": ("0", "-1"), "accounts_per_hour": ("0", "-1"), "oauth_clients_per_hour": ("0", "-1"),
    "keys_per_player": ("0", "-1"), "data_per_player": ("0", "-1"), "players_per_game": ("0", "-1"),
    "bytes_per_game": ("0", "-1"), "room_feed_bytes": ("1024", "0"), "feed_bytes": ("1048576", "0"),
    "screenshots_per_user": ("0", "-1"), "poll_seconds": ("300", "300.5"), "away_after": ("1", "0.5"),
    "handover_after": ("1", "0.5"),
    "seat_grace": ("0", "-1"),
    "closed_kept": ("0", "-1"), "event_days": ("0", "-1"), "event_count": ("0", "1000000001"),
    "idle_room_days": ("0.001", "0"),
    "guest_token_days": ("1", "0"), "account_token_days": ("1", "36501"), "access_token_seconds": ("0", "-1"),
    "open_signup": ("yes", "perhaps"),
    "seats_at_once": ("1", "0"), "hosts_game": ("a-b_1", "A"), "hosts_login": ("strict", "closed"),
    "hosts_grace": ("1", "0.5"),
    "body_limit": ("1024", "1023"), "screenshot_limit": ("1024", "1023"), "backup_limit": ("1024", "1023"),
    "park_polls": ("off", "2"),
    "log_level": ("debug", "loud"), "log_format": ("json", "xml"),
    "hosting": ("no", "maybe"), "hosting_folder": ("worlds", None), "hosting_memory": ("4096", "-1"),
    "hosting_ports": ("25565-25566", "25566-25565"), "hosting_bind": ("127.0.0.1", "localhost"),
    "hosting_user": ("minecraft", "a b"), "hosting_java": ("/usr/bin/java", None), "hosting_jar_limit": ("1", "0"),
    "hosting_private_urls": ("10.0.0.0/8", "intranet"),
    "hosting_manifests": ("paper=https://mirror.example/paper", "https://mirror.example"),
    "hosting_start_seconds": ("1", "0.5"), "hosting_stop_seconds": ("1.5", "0"), "hosting_term_seconds": ("1", "0"),
    "hosting_crash_wait": ("1", "0"), "hosting_leave": ("yes", "2"), "metrics_token": ("t", "a b"),
}  # fmt: skip


class Recording:
    """Steps of this part; calls of the command line can run concurrently."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[dict[str, Any]] = []
        self.placeholders = Placeholders(TEXTS)
        self.placeholders.add(str(folder), "folder")
        self._gate = asyncio.Semaphore(2)

    def record_value(self, step: str, value: Any) -> None:
        self.steps.append({"step": step, "answer": self.placeholders.value(value)})

    async def call(self, *args: str, **variables: str) -> CliResult:
        async with self._gate:
            return await call(*args, cwd=self.folder, **variables)

    def record_result(self, step: str, result: CliResult) -> None:
        """Record JSON output, or only whether there was output."""
        try:
            document = result.document
        except ValueError:
            document = "<words>" if result.out.strip() else ""
        self.record_value(
            step, {"status": result.status, "out": document, "err": bool(result.err.strip())}
        )

    async def run(self, *args: str, step: str = "", **variables: str) -> CliResult:
        result = await self.call(*args, **variables)
        self.record_result(step or " ".join(("coalserver", *args)), result)
        return result


def parse_help(text: str) -> dict[str, Any]:
    """Return names, metavars, choices and what is required out of a help page.

    The recording has the form of argparse, with which it was made: options for all commands first,
    then the settings in the usage line, and last in the list of names.
    """
    usage, _, rest = text.partition("\n\n")
    path, _, positionals = usage.removeprefix("Usage: ").partition(" [OPTIONS] ")
    path = path.removesuffix(" [OPTIONS]")
    sections: dict[str, list[tuple[str, str]]] = {}
    rows: list[tuple[str, str]] = []
    for line in rest.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            rows = sections[line] = []
        elif not line:
            rows = []
        elif row := re.match(r"^  (\S.*?)(?: {2,}(.*))?$", line):
            rows.append((row[1], row[2] or ""))
        elif rows:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
    options = [
        (
            name.replace(" / ", ", ").replace("[", "{").replace("]", "}"),
            about.endswith("[required]"),
        )
        for name, about in sections["Options:"]
    ]
    common = [name for name in ("-h, --help", "--version", "--json") if (name, False) in options]
    own = [(name, required) for name, required in options if name not in common]
    settings = [name for name, _ in sections["Settings:"]]
    words = ["usage:", path, *(f"[{name.partition(',')[0]}]" for name in common)]
    words += [f"[{name}]" for name in settings]
    words += [name if required else f"[{name.replace(', ', ' | ')}]" for name, required in own]
    names = [name for name, _ in sections.get("Positional arguments:", [])]
    names += [*common, *(name for name, _ in own), *settings]
    if "Commands:" in sections:
        names += ["COMMAND", *(name for name, _ in sections["Commands:"])]
    return {"usage": " ".join([*words, *positionals.split()]), "names": names}


async def record_help(part: Recording) -> None:
    commands = [
        (),
        ("serve",),
        ("check",),
        ("restore",),
        ("backup",),
        ("compact",),
        *((group,) for group in GROUPS),
        *(tuple(name.split()) for name in COMMANDS),
    ]
    result = await asyncio.gather(*(part.call(*words, "--help") for words in commands))
    for words, one in zip(commands, result, strict=True):
        part.record_value(
            f"coalserver {' '.join(words)} --help", {"status": one.status, **parse_help(one.out)}
        )
    version = await part.call("--version")
    part.record_value(
        "coalserver --version",
        {"status": version.status, "form": re.sub(r"\d+", "0", version.out.strip())},
    )


#: Secrets, which other processes could read.
WITHOUT_FLAG = ("metrics_token",)


async def settings(part: Recording) -> None:
    base = await part.call("check", "--json")
    part.record_result("coalserver check --json", base)
    await part.run("check", step="coalserver check")
    assert list(base.document) == list(SETTING_VALUES), "a setting is not in the table of this test"
    flags = [
        word
        for name, (good, _) in SETTING_VALUES.items()
        if name not in WITHOUT_FLAG
        for word in (f"--{name.replace('_', '-')}", good)
    ]
    part.record_result("every setting, as a flag", await part.call("check", "--json", *flags))
    variables = {f"COAL_{name.upper()}": good for name, (good, _) in SETTING_VALUES.items()}
    part.record_result(
        "every setting, as a variable", await part.call("check", "--json", **variables)
    )
    file = part.folder / "coal.ini"
    file.write_text(
        "[coalserver]\n"
        + "".join(f"{name} = {good}\n" for name, (good, _) in SETTING_VALUES.items()),
        "utf-8",
    )
    part.record_result(
        "every setting, in a file", await part.call("check", "--json", "--config", str(file))
    )
    args = ("check", "--json", "--config", str(file), "--port", "3")
    part.record_result(
        "a flag before a variable before the file",
        await part.call(*args, COAL_PORT="2", COAL_SEATS_AT_ONCE="7"),
    )
    shown = await part.call("check")
    again = part.folder / "again.ini"
    again.write_text(shown.out, "utf-8")
    part.record_value(
        "what check prints is a file that it takes",
        (await part.call("check", "--json", "--config", str(again))).document == base.document,
    )
    wrong = [
        (name, bad)
        for name, (_, bad) in SETTING_VALUES.items()
        if bad is not None and name not in WITHOUT_FLAG
    ]
    refused = await asyncio.gather(
        *(part.call("check", "--json", f"--{name.replace('_', '-')}", bad) for name, bad in wrong)
    )
    for (name, bad), result in zip(wrong, refused, strict=True):
        part.record_result(f"{name} = {bad!r}", result)
    for content in (
        "[other]\nport = 1\n",
        "[coalserver]\nprot = 1\n",
        "port = 1\n",
        "[coalserver]\nport = 1\nport = 2\n",
    ):
        file.write_text(content, "utf-8")
        await part.run("check", "--json", "--config", str(file), step=f"a file {content!r}")
    await part.run("check", "--json", "--config", "nothing.ini")
    await part.run("check", "--json", step="COAL_PROT=1", COAL_PROT="1")
    await part.run("check", "--json", step="COAL_PORT=x", COAL_PORT="x")


async def record_flag_positions(part: Recording) -> None:
    """Check that each setting's flag is accepted before and after a command, also if help omits it."""
    flags = [
        word
        for name, (good, _) in SETTING_VALUES.items()
        if name not in WITHOUT_FLAG
        for word in (f"--{name.replace('_', '-')}", good)
    ]
    where = ("--data", str(part.folder / "everywhere"), "--log-level", "error")
    for words in ("world list", "game add chess"):
        part.record_result(
            f"flags before {words}", await part.call(*flags, *where, "--json", *words.split())
        )
        part.record_result(
            f"flags after {words}", await part.call(*words.split(), *flags, *where, "--json")
        )


async def record_commands(part: Recording, data: str, about: str) -> None:
    """Run each command with JSON output, with text output, and with an error."""
    where = ("--data", data)
    for name, args in COMMANDS.items():
        result = await part.run(
            *name.split(),
            *args,
            *where,
            "--json",
            step=f"{about}: {name} {' '.join(args)} --json",
        )
        for member in ("api_token", "private_token", "access_token", "client_secret", "code"):
            found = result.document if isinstance(result.document, dict) else {}
            if result.status == 0 and isinstance(found.get(member), str):
                part.placeholders.add(result.document[member], member)
    for name in (
        "game list",
        "account list",
        "world list",
        "world pair mill",
        "game rotate chess",
        "token add ann@example.org",
    ):
        await part.run(*name.split(), *where, step=f"{about}: {name}, in words")
    for words in (
        "game add chess", "game add A", "game add go --min 3 --max 2", "game rotate nothing",
        "account add ann@example.org --password short",
        "account add ann@example.org --password long-enough", "account add nobody --password long-enough",
        "account passwd x@example.org --password long-enough",
        "account activate x@example.org", "account activate ann@example.org --off", "token add x@example.org",
        "world add Again --short-name mill",
        "world add Again --short-name admin", "world agent nothing", "world pair nothing",
        "world play nothing", "world pause mill", "world tell mill list", "hosting set backup_depth=0",
        "version add own --command none", "version add own --command true --java 0", "version remove own",
        "backup {folder}/{about}.tar", "backup {folder}/{about}.tar",
    ):  # fmt: skip
        args = words.format(folder=part.folder, about=about.replace(" ", "-")).split()
        result = await part.call(*args, *where, "--json")
        document = result.document
        if "bytes" in document:
            document["bytes"] = "<number>"
        part.record_value(f"{about}: {words.replace('{about}', 'a').replace('{folder}', 'f')} --json",
                  {"status": result.status, "out": document, "err": bool(result.err.strip())})  # fmt: skip


async def record_usage_errors(part: Recording) -> None:
    for words in ("nothing", "game", "game nothing", "game add", "account add a@example.org", "--prot 1",
        "check --port", "game add x --min y",
                  "token add a@example.org --days 0", "token add a@example.org --scope agent",
                  "token add a@example.org --days 36501", "version add own", "version add own --from forge",
                  "restore", "restore nothing.tar --data new", "game list --data none", "serve --port x"):  # fmt: skip
        await part.run(*words.split(), "--json")
        result = await part.call(*words.split())
        part.record_value(
            f"coalserver {words}",
            {
                "status": result.status,
                "out": bool(result.out),
                "err": result.err.startswith("coalserver: "),
            },
        )


async def record(folder: Path) -> list[dict[str, Any]]:
    folder.mkdir()
    part = Recording(folder)
    await record_help(part)
    await settings(part)
    await record_usage_errors(part)
    await record_flag_positions(part)
    await record_commands(part, str(folder / "offline"), "without a server")
    backup, served = str(folder / "without-a-server.tar"), str(folder / "served")
    restore = ("restore", backup, "--data", served, "--json")
    async with run_server(folder / "served") as server:
        part.placeholders.add(server.url.rpartition(":")[2], "port")
        part.record_value("what serve --json says", {**server.started, "pid": "<pid>"})
        await part.run(
            "serve",
            "--json",
            "--port",
            "0",
            "--data",
            str(folder / "served"),
            step="a second server on the same data",
        )
        await part.run(*restore, step="restore while a server runs")
        await part.run("compact", "--data", served, "--json", step="compact while a server runs")
        await record_commands(part, str(folder / "served"), "by a server")
        part.record_value("exit status of a server that was asked to end", await server.stop())
    result = await part.call("compact", "--data", served, "--json")
    members = sorted(json.loads(result.out))
    part.record_value("compact", {"status": result.status, "members": members})
    await part.run(*restore, step="restore")
    await part.run(
        "game",
        "list",
        "--data",
        str(folder / "served"),
        "--json",
        step="after the restore: game list --json",
    )
    (folder / "bad.tar").write_bytes(b"no backup")
    await part.run(
        "restore",
        str(folder / "bad.tar"),
        "--data",
        str(folder / "served"),
        "--json",
        step="restore what is no backup",
    )
    return part.steps
