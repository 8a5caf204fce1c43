"""The README says all that a stranger needs: every setting, every order, and the two commands."""

import re
from pathlib import Path

import pytest

from coalserver.cli.main import ADMIN_COMMANDS
from coalserver.config.schema import settings
from coalserver.server.app import all_apis

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
#: The map of the code: the folders, and what lies in the package's own.
MAP = README.partition("```\nrun.py ")[2].partition("```")[0]


@pytest.mark.parametrize("one", list(settings()), ids=lambda one: one.name)
def test_every_setting_is_explained(one):
    assert f"| `{one.name}` |" in README


@pytest.mark.parametrize("order", [*ADMIN_COMMANDS.commands, "check", "restore"])
def test_every_order_is_shown(order):
    assert f"python run.py {order}" in README


@pytest.mark.parametrize("dialect", all_apis(), ids=lambda dialect: dialect.name)
def test_every_dialect_is_listed_with_its_contract(dialect):
    folder = "site" if dialect.name == "site" else f"apis/{dialect.name}"
    assert f"(coalserver/{folder}/README.md)" in README


@pytest.mark.parametrize(
    "command", ["pip install . && python run.py", "pip install '.[test]' && pytest"]
)
def test_both_commands_are_there(command):
    assert f"```sh\n{command}\n```" in README


def test_the_map_names_what_lies_in_the_package():
    inside = [
        path for path in (ROOT / "coalserver").iterdir() if not path.name.startswith(("_", "."))
    ]
    names = [path.name + "/" * path.is_dir() for path in inside]
    assert not [name for name in names if not re.search(rf"(?<![\w/]){re.escape(name)}", MAP)]
