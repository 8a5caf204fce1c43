"""Bearer tokens: which `Authorization` headers hold one."""

import pytest
from aiohttp.test_utils import make_mocked_request

from coalserver.domain.errors import ErrorCode
from coalserver.web.bearer import find_bearer_token, get_bearer_token
from tests.domain.builders import raises_code


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_is_case_insensitive(scheme: str) -> None:
    request = make_mocked_request("GET", "/", {"Authorization": f"{scheme} t0k3n"})
    assert find_bearer_token(request) == get_bearer_token(request) == "t0k3n"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "t0k3n", "Basic t0k3n", "Bearert0k3n"])
def test_other_headers_hold_no_token(header: str) -> None:
    request = make_mocked_request("GET", "/?token=t0k3n", {"Authorization": header})
    assert find_bearer_token(request) == ""
    with raises_code(ErrorCode.TOKEN_REQUIRED):
        get_bearer_token(request)
