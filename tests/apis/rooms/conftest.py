"""Every way of listening, for each test that asks for one."""

import pytest

from tests.apis.listeners import WAYS


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)
