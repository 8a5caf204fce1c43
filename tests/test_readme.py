"""The README says all that a stranger needs: every setting, every order, and the two commands."""

from pathlib import Path

import pytest

from coalserver.config import Config, settings
from coalserver.dialects import every_dialect
from coalserver.orders import ORDERS

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


@pytest.mark.parametrize("one", list(settings(Config)), ids=lambda one: one.name)
def test_every_setting_is_explained(one):
    assert f"| `{one.name}` |" in README


@pytest.mark.parametrize("order", [*ORDERS, "check", "restore"])
def test_every_order_is_shown(order):
    assert f"python run.py {order}" in README


@pytest.mark.parametrize("dialect", every_dialect(), ids=lambda dialect: dialect.name)
def test_every_dialect_is_listed_with_its_contract(dialect):
    assert f"(coalserver/dialects/{dialect.name}/README.md)" in README


@pytest.mark.parametrize("command", ["pip install . && python run.py", "pip install '.[test]' && pytest"])
def test_both_commands_are_there(command):
    assert f"```sh\n{command}\n```" in README
