"""Everything here is played at a table in memory."""

import pytest

from tests.core.table import Table


@pytest.fixture
def table() -> Table:
    return Table()
