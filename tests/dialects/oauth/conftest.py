"""Ann, her browser, and a program that would like to act for her."""

import pytest

from tests.dialects.house import House
from tests.dialects.oauth.parties import App, an_app
from tests.dialects.surfers import Surfer, signed_in


@pytest.fixture
async def ann(house: House) -> Surfer:
    return await signed_in(house)


@pytest.fixture
async def app(house: House) -> App:
    return await an_app(house)
