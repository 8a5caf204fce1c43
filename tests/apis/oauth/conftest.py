"""Ann, her browser, and a program that would like to act for her."""

import pytest

from tests.apis.app import TestApp
from tests.apis.browser import Browser, make_signed_in_browser
from tests.apis.oauth.clients import App, make_app


@pytest.fixture
async def ann(test_app: TestApp) -> Browser:
    return await make_signed_in_browser(test_app)


@pytest.fixture
async def app(test_app: TestApp) -> App:
    return await make_app(test_app)
