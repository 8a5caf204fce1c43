"""The command line: names of commands and flags, settings, exit statuses and JSON output, without texts."""

import asyncio
import re
from pathlib import Path
from typing import Any

from tests.contracts.placeholders import Normal
from tests.contracts.program import Said, call, serving

#: Groups of commands with their required arguments.
COMMANDS: dict[str, tuple[str, ...]] = {
    "game add": ("chess", "--name", "Chess", "--min", "2", "--max", "4", "--no-open"),
    "game list": (), "game rotate": ("chess",),
    "account add": ("ann@example.org", "--password", "correct horse", "--nickname", "Ann", "--admin", "--active"),
    "account list": (), "account passwd": ("ann@example.org", "--password", "correct battery"),
    "account activate": ("ann@example.org",), "token add": ("ann@example.org", "--scope", "data", "--days", "7"),
    "world add": ("The Mill", "--short-name", "mill", "--hosted"), "world list": (), "world agent": ("mill",),
    "world pair": ("mill",),
}  # fmt: skip
GROUPS = ("game", "account", "token", "world")
#: Members of the JSON output that hold texts.
SENTENCES = frozenset({"error", "command"})
#: A valid value of each setting other than its default, and an invalid one.
GIVEN: dict[str, tuple[str, str]] = {
    "host": ("127.0.0.2", "a b"), "port": ("0", "65536"), "data": ("elsewhere", ""),
    "base_url": ("https://play.example", "play.example"),
    "trusted_proxies": ("10.0.0.0/8, ::1", "x"), "poll_seconds": ("300", "300.5"), "away_after": ("1", "0.5"),
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
}  # fmt: skip


class Recording:
    """Steps of this part; calls of the command line can run concurrently."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[dict[str, Any]] = []
        self.normal = Normal(SENTENCES)
        self.normal.know(str(folder), "folder")
        self._gate = asyncio.Semaphore(2)

    def note(self, step: str, what: Any) -> None:
        self.steps.append({"step": step, "answer": self.normal.value(what)})

    async def call(self, *args: str, **variables: str) -> Said:
        async with self._gate:
            return await call(*args, cwd=self.folder, **variables)

    def said(self, step: str, said: Said) -> None:
        """Record JSON output, or only whether there was output."""
        try:
            document = said.json
        except ValueError:
            document = "<words>" if said.out.strip() else ""
        self.note(step, {"status": said.status, "out": document, "err": bool(said.err.strip())})

    async def do(self, *args: str, step: str = "", **variables: str) -> Said:
        said = await self.call(*args, **variables)
        self.said(step or " ".join(("coalserver", *args)), said)
        return said


def helped(text: str) -> dict[str, Any]:
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


async def helps(part: Recording) -> None:
    asked = [
        (),
        ("serve",),
        ("check",),
        ("restore",),
        ("backup",),
        *((group,) for group in GROUPS),
        *(tuple(name.split()) for name in COMMANDS),
    ]
    said = await asyncio.gather(*(part.call(*words, "--help") for words in asked))
    for words, one in zip(asked, said, strict=True):
        part.note(f"coalserver {' '.join(words)} --help", {"status": one.status, **helped(one.out)})
    version = await part.call("--version")
    part.note(
        "coalserver --version",
        {"status": version.status, "form": re.sub(r"\d+", "0", version.out.strip())},
    )


async def settings(part: Recording) -> None:
    base = await part.call("check", "--json")
    part.said("coalserver check --json", base)
    await part.do("check", step="coalserver check")
    assert list(base.json) == list(GIVEN), "a setting is not in the table of this test"
    flags = [
        word for name, (good, _) in GIVEN.items() for word in (f"--{name.replace('_', '-')}", good)
    ]
    part.said("every setting, as a flag", await part.call("check", "--json", *flags))
    variables = {f"COAL_{name.upper()}": good for name, (good, _) in GIVEN.items()}
    part.said("every setting, as a variable", await part.call("check", "--json", **variables))
    file = part.folder / "coal.ini"
    file.write_text(
        "[coalserver]\n" + "".join(f"{name} = {good}\n" for name, (good, _) in GIVEN.items()),
        "utf-8",
    )
    part.said("every setting, in a file", await part.call("check", "--json", "--config", str(file)))
    order = ("check", "--json", "--config", str(file), "--port", "3")
    part.said(
        "a flag before a variable before the file",
        await part.call(*order, COAL_PORT="2", COAL_SEATS_AT_ONCE="7"),
    )
    shown = await part.call("check")
    again = part.folder / "again.ini"
    again.write_text(shown.out, "utf-8")
    part.note(
        "what check prints is a file that it takes",
        (await part.call("check", "--json", "--config", str(again))).json == base.json,
    )
    refused = await asyncio.gather(
        *(
            part.call("check", "--json", f"--{name.replace('_', '-')}", bad)
            for name, (_, bad) in GIVEN.items()
        )
    )
    for (name, (_, bad)), said in zip(GIVEN.items(), refused, strict=True):
        part.said(f"{name} = {bad!r}", said)
    for content in (
        "[other]\nport = 1\n",
        "[coalserver]\nprot = 1\n",
        "port = 1\n",
        "[coalserver]\nport = 1\nport = 2\n",
    ):
        file.write_text(content, "utf-8")
        await part.do("check", "--json", "--config", str(file), step=f"a file {content!r}")
    await part.do("check", "--json", "--config", "nothing.ini")
    await part.do("check", "--json", step="COAL_PROT=1", COAL_PROT="1")
    await part.do("check", "--json", step="COAL_PORT=x", COAL_PORT="x")


async def everywhere(part: Recording) -> None:
    """Check that each setting's flag is accepted before and after a command, also if help omits it."""
    flags = [
        word for name, (good, _) in GIVEN.items() for word in (f"--{name.replace('_', '-')}", good)
    ]
    where = ("--data", str(part.folder / "everywhere"), "--log-level", "error")
    for words in ("world list", "game add chess"):
        part.said(
            f"flags before {words}", await part.call(*flags, *where, "--json", *words.split())
        )
        part.said(f"flags after {words}", await part.call(*words.split(), *flags, *where, "--json"))


async def orders(part: Recording, data: str, about: str) -> None:
    """Run each command with JSON output, with text output, and with an error."""
    where = ("--data", data)
    for name, given in COMMANDS.items():
        said = await part.do(
            *name.split(),
            *given,
            *where,
            "--json",
            step=f"{about}: {name} {' '.join(given)} --json",
        )
        for member in ("api_token", "private_token", "access_token", "client_secret", "code"):
            if said.status == 0 and isinstance(said.json.get(member), str):
                part.normal.know(said.json[member], member)
    for name in (
        "game list",
        "account list",
        "world list",
        "world pair mill",
        "game rotate chess",
        "token add ann@example.org",
    ):
        await part.do(*name.split(), *where, step=f"{about}: {name}, in words")
    for words in (
        "game add chess", "game add A", "game add go --min 3 --max 2", "game rotate nothing",
        "account add ann@example.org --password short",
        "account add ann@example.org --password long-enough", "account add nobody --password long-enough",
        "account passwd x@example.org --password long-enough",
        "account activate x@example.org", "account activate ann@example.org --off", "token add x@example.org",
        "world add Again --short-name mill",
        "world add Again --short-name admin", "world agent nothing", "world pair nothing",
        "backup {folder}/{about}.tar", "backup {folder}/{about}.tar",
    ):  # fmt: skip
        given = words.format(folder=part.folder, about=about.replace(" ", "-")).split()
        said = await part.call(*given, *where, "--json")
        document = said.json
        if "bytes" in document:
            document["bytes"] = "<number>"
        part.note(f"{about}: {words.replace('{about}', 'a').replace('{folder}', 'f')} --json",
                  {"status": said.status, "out": document, "err": bool(said.err.strip())})  # fmt: skip


async def misused(part: Recording) -> None:
    for words in ("nothing", "game", "game nothing", "game add", "account add a@example.org", "--prot 1",
        "check --port", "game add x --min y",
                  "token add a@example.org --days 0", "token add a@example.org --scope agent",
                  "token add a@example.org --days 36501",
                  "restore", "restore nothing.tar --data new", "game list --data none", "serve --port x"):  # fmt: skip
        await part.do(*words.split(), "--json")
        said = await part.call(*words.split())
        part.note(
            f"coalserver {words}",
            {
                "status": said.status,
                "out": bool(said.out),
                "err": said.err.startswith("coalserver: "),
            },
        )


async def record(folder: Path) -> list[dict[str, Any]]:
    folder.mkdir()
    part = Recording(folder)
    await helps(part)
    await settings(part)
    await misused(part)
    await everywhere(part)
    await orders(part, str(folder / "offline"), "without a server")
    backup, served = str(folder / "without-a-server.tar"), str(folder / "served")
    restore = ("restore", backup, "--data", served, "--json")
    async with serving(folder / "served") as server:
        part.normal.know(server.url.rpartition(":")[2], "port")
        part.note("what serve --json says", {**server.said, "pid": "<pid>"})
        await part.do(
            "serve",
            "--json",
            "--port",
            "0",
            "--data",
            str(folder / "served"),
            step="a second server on the same data",
        )
        await part.do(*restore, step="restore while a server runs")
        await orders(part, str(folder / "served"), "by a server")
        part.note("exit status of a server that was asked to end", await server.stop())
    await part.do(*restore, step="restore")
    await part.do(
        "game",
        "list",
        "--data",
        str(folder / "served"),
        "--json",
        step="after the restore: game list --json",
    )
    (folder / "bad.tar").write_bytes(b"no backup")
    await part.do(
        "restore",
        str(folder / "bad.tar"),
        "--data",
        str(folder / "served"),
        "--json",
        step="restore what is no backup",
    )
    return part.steps
