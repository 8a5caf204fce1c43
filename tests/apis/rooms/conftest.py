"""Every way of listening, for each test that asks for one."""

import pytest

from tests.apis.listeners import TRANSPORTS


@pytest.fixture(params=TRANSPORTS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)
