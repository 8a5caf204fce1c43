"""The interface for authors of rules."""

import ast
from pathlib import Path

import pytest

import coalserver.game
from coalserver.domain.errors import ErrorCode
from coalserver.game import refuse
from coalserver.games import noughts
from tests.domain.builders import raises_code


def test_refuse_raises_turn_refused_with_code_and_details():
    with raises_code(ErrorCode.TURN_REFUSED, code="cell_not_empty", cell=4):
        refuse("cell_not_empty", cell=4)


@pytest.mark.parametrize("name", ["DomainError", "ErrorCode", "Option", "Rules", "refuse"])
def test_game_exports_name(name):
    assert name in coalserver.game.__all__ and hasattr(coalserver.game, name)


def test_sample_rules_import_only_game_from_coalserver():
    tree = ast.parse(Path(noughts.__file__).read_text("utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in modules if name.startswith("coalserver")} == {"coalserver.game"}
