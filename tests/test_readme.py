"""README: every setting, command and API is described, and the two commands that start everything are there."""

import re
from pathlib import Path

import pytest

from coalserver.cli.serve import admin_commands
from coalserver.config.schema import settings
from coalserver.server.app import all_apis

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
