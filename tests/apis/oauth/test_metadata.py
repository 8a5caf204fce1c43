"""Authorization server metadata (RFC 8414)."""

import pytest

from tests.apis.app import run_test_app

WELL_KNOWN = "/.well-known/oauth-authorization-server"


async def test_metadata_names_every_endpoint(test_app):
    answer = await test_app.anonymous.get(WELL_KNOWN)
    origin = f"http://{test_app.server.host}:{test_app.server.port}"
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json == {
        "issuer": origin,
        "authorization_endpoint": f"{origin}/oauth/v1/auth",
        "token_endpoint": f"{origin}/oauth/v1/token",
        "registration_endpoint": f"{origin}/oauth/v1/register",
        "revocation_endpoint": f"{origin}/oauth/v1/revoke",
        "scopes_supported": ["data"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        "revocation_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        "code_challenge_methods_supported": ["S256", "plain"],
    }


@pytest.mark.parametrize("path", ["/", "/coal", "/oauth/v1", "//", "/%ff", "/x/y/z"])
async def test_metadata_of_another_issuer_is_404(test_app, path):
    answer = await test_app.anonymous.get(WELL_KNOWN + path)
    assert answer.status == 404 and (await test_app.anonymous.post(WELL_KNOWN)).status == 405


@pytest.mark.parametrize("path", ["", "/coal", "/a/b"])
async def test_issuer_is_the_base_url(path):
    base_url = "https://play.example" + path
    async with run_test_app(base_url=base_url + "/") as test_app:
        for own in dict.fromkeys(["", path]):
            answer = await test_app.anonymous.get(WELL_KNOWN + own)
            assert answer.json["issuer"] == base_url
            assert answer.json["token_endpoint"] == base_url + "/oauth/v1/token"
        assert (await test_app.anonymous.get(WELL_KNOWN + "/other")).status == 404
