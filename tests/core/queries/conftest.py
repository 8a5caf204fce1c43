"""Queries in these tests run on a Table, in memory."""

import pytest

from tests.core.table import Table


@pytest.fixture
def table() -> Table:
    return Table()
