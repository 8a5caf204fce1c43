"""README: every setting, command and API is described, and the two commands that start everything are there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from coalserver.cli.serve import admin_commands
from coalserver.config.schema import settings
from coalserver.server.app import all_apis
from tests.hosting.worlds import fake_command, free_ports
from tests.processes import environment, run_server

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
#: The tree of packages in the README.
TREE = README.partition("```\nrun.py ")[2].partition("```")[0]


@pytest.mark.parametrize("setting", list(settings()), ids=lambda setting: setting.name)
def test_readme_describes_setting(setting):
    assert f"| `{setting.name}` |" in README


#: The commands that help lists; others are for the command line's own use.
SHOWN = [name for name, command in admin_commands() if not command.hidden]


@pytest.mark.parametrize("command", [*SHOWN, "check", "restore"])
def test_readme_shows_command(command):
    assert f"python run.py {command}" in README


@pytest.mark.parametrize("api", all_apis(), ids=lambda api: api.name)
def test_readme_links_reference_of_api(api):
    folder = "site" if api.name == "site" else f"apis/{api.name}"
    assert f"(coalserver/{folder}/README.md)" in README


@pytest.mark.parametrize(
    "command", ["pip install . && python run.py", "pip install '.[test]' && pytest"]
)
def test_readme_has_both_commands(command):
    assert f"```sh\n{command}\n```" in README


def test_readme_names_every_package():
    packages = [path.parent.name for path in (ROOT / "coalserver").glob("*/__init__.py")]
    assert not [name for name in packages if not re.search(rf"(?<![\w/]){name}/", TREE)]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_readme_links_lead_somewhere(link):
    assert (ROOT / link).exists()


def run_list(begin: str, folder: Path) -> None:
    """Run a list of commands as a reader does, with a stand-in for Minecraft; each must succeed."""
    commands = README.partition(f"\n{begin}\n\n```sh\n")[2].partition("```")[0]
    assert commands
    source = f"--command {shlex.quote(fake_command())}"
    commands = commands.replace("--from mojang", source).replace("--memory 2G", "--memory 512M")
    # A command has no jar to fetch.
    commands = re.sub(r"^python run.py version fetch .*\n", "", commands, flags=re.MULTILINE)
    program = f'"{sys.executable}" "{ROOT / "run.py"}"'
    script = f'set -e\npython() {{ shift; {program} "$@"; }}\n{commands}'
    env = {**environment(), "COAL_DATA": str(folder / "data")}
    done = subprocess.run(
        ["bash", "-x", "-c", script],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.skipif(sys.platform != "linux", reason="world hosting needs Linux")
def test_commands_of_the_readme_work_one_after_another(tmp_path):
    ports = free_ports(3)
    flags = ("--hosting-ports", f"{ports}-{ports + 2}", "--hosting-bind", "127.0.0.1")
    with run_server(tmp_path / "data", *flags):
        run_list("While the server runs, one after another:", tmp_path)
    run_list("When the server has stopped:", tmp_path)
