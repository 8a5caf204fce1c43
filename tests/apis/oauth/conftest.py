"""Ann, her browser, and a program that would like to act for her."""

import pytest

from tests.apis.app import House
from tests.apis.browser import Surfer, signed_in
from tests.apis.oauth.parties import App, an_app


@pytest.fixture
async def ann(house: House) -> Surfer:
    return await signed_in(house)


@pytest.fixture
async def app(house: House) -> App:
    return await an_app(house)
