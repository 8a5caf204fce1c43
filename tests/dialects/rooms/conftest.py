"""Every way of listening, for each test that asks for one."""

import pytest

from tests.dialects.ears import WAYS


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)
