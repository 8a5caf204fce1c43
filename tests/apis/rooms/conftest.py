"""Fixtures of the rooms API's tests."""

import pytest

from tests.apis.listeners import TRANSPORTS


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Return each transport of event feeds in turn."""
    return str(request.param)
