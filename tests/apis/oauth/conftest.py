"""Fixtures: the browser of a user, and a registered client."""

import pytest

from tests.apis.app import TestApp
from tests.apis.browser import Browser, make_signed_in_browser
from tests.apis.oauth.clients import ClientApp, make_client_app


@pytest.fixture
async def ann(test_app: TestApp) -> Browser:
    return await make_signed_in_browser(test_app)


@pytest.fixture
async def app(test_app: TestApp) -> ClientApp:
    return await make_client_app(test_app)
